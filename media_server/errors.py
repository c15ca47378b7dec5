"""What can go wrong on a media node, each with a stable code; the class docstring is the default message."""

from __future__ import annotations


class MediaError(Exception):
    """The media server could not do this."""

    code = "media_error"
    status = 500

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class SettingError(MediaError):
    """A setting is missing or wrong."""

    code = "setting_invalid"


class BadOfferError(MediaError):
    """The SDP offer cannot be used."""

    code = "offer_invalid"
    status = 400


class NoOpusError(BadOfferError):
    """The audio that is offered cannot be Opus, and nothing else is understood here; offer opus/48000/2."""

    code = "offer_without_opus"


class OfferTooLargeError(MediaError):
    """The SDP offer is too large."""

    code = "offer_too_large"
    status = 413


class OfferTypeError(MediaError):
    """Send the offer as application/sdp, without Content-Encoding."""

    code = "offer_type"
    status = 415


class BodyTimeoutError(MediaError):
    """The request's body did not arrive in time."""

    code = "body_timeout"
    status = 408


class TicketError(MediaError):
    """The ticket is unknown, used or expired; join again for a new one."""

    code = "ticket_invalid"
    status = 401


class SessionUnknownError(MediaError):
    """There is no such session."""

    code = "session_unknown"
    status = 404


class ResourceUnknownError(MediaError):
    """There is no such call resource."""

    code = "resource_unknown"
    status = 404


class SessionCompletedError(MediaError):
    """The session is over; nobody can join it any more."""

    code = "session_completed"
    status = 409


class CallElsewhereError(MediaError):
    """The call lives on another media node; join again to learn which."""

    code = "call_elsewhere"
    status = 409


class CallFullError(MediaError):
    """The call has as many participants as it may have."""

    code = "call_full"
    status = 503


class NodeNotReadyError(MediaError):
    """This node cannot take calls at the moment; try again in a few seconds."""

    code = "node_not_ready"
    status = 503


class NodeDrainingError(MediaError):
    """This media node is being stopped; join again, another one takes the call, or this one when it is back."""

    code = "node_draining"
    status = 503


class TrickleUnsupportedError(MediaError):
    """This resource supports neither trickle ICE nor ICE restarts (RFC 9725 §4.3.1)."""

    code = "trickle_unsupported"
    status = 405


class NodeFullError(MediaError):
    """This media node takes nobody else now; try again, another one may take the call."""

    code = "node_full"
    status = 503


class NoPortError(MediaError):
    """Every UDP port of this media node is taken; try again."""

    code = "no_port"
    status = 503


class OpusError(MediaError):
    """Opus cannot make anything of this."""

    code = "opus_invalid"
