"""The routes by which a session is followed."""

from __future__ import annotations

from control_api import errors, limits
from control_api.followers import handlers
from control_api.routing import Policy, Route

_ERRORS = (errors.NotFoundError, errors.TooManyFollowersError)

FOLLOWERS = (
    Route(
        method="GET",
        path="/v1/sessions/{id}/events",
        handler=handlers.follow_events,
        policy=Policy.MEMBER,
        summary="Follow its log as server-sent events, from the start or after Last-Event-ID",
        tag="following",
        query=handlers.Following,
        also=(204,),
        media_types=("text/event-stream",),
        errors=_ERRORS,
        limit=limits.FOLLOW,
    ),
    Route(
        method="GET",
        path="/v1/sessions/{id}/events/ws",
        handler=handlers.follow_by_websocket,
        policy=Policy.MEMBER,
        summary="The same over a WebSocket: say hello with your last_seq first, or name it in the address",
        tag="following",
        status=101,
        query=handlers.Following,
        errors=(*_ERRORS, errors.CrossSiteError, errors.NoWebSocketError),
        limit=limits.FOLLOW,
    ),
)
