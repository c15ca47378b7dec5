"""Every message of the data channels, declared once (sub-protocol `liveconvo.v1`).

Rules:
- `events` (channel id 0, ordered, reliable): every message has `seq`, `type`, `at_ms`, and is an entry of the
  session's log.
- `live` (channel id 1, unordered, no retransmits): `type`, `at_ms`, never logged; each is replaced by the next.
- `audience` says who may read: `everyone` in the call, `coached` (host, supervisor, and whom the host grants it),
  the coached of one role as `role:<role>`, one participant as `participant:<id>`, or `server` (kept in the log, never
  sent).
- Times are media time: milliseconds since the first audio packet of the session's first call.
- Clients ignore unknown types and unknown fields.

`web_client/src/lib/events.ts` is generated from this file (`python -m media_server.events > …`); a contract test fails
when it is stale.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import orjson

from media_server.conversation.ladder import Level

Channel = Literal["events", "live"]
SessionState = Literal["draft", "active", "paused", "finalizing", "completed"]
Role = Literal["host", "participant", "supervisor", "customer"]
Source = Literal["browser", "whip", "bridge", "upload"]
GuidanceType = Literal["ask", "clarify", "avoid", "suggest", "warn"]
PipelineLevel = Level
RecordingState = Literal["on_record", "off_record"]
MicrophoneState = Literal["ok", "silent", "clipping", "echoing"]
QualityRating = Literal["good", "fair", "poor", "unknown"]
ConnectionState = Literal["connected", "reconnecting"]
LogState = Literal["kept", "late", "full", "failed"]
FeedbackAction = Literal["displayed", "clicked", "dismissed", "helpful", "irrelevant", "too_late"]

EVERYONE = "everyone"
COACHED = "coached"
SERVER = "server"
COACHED_ROLES: frozenset[str] = frozenset({"host", "supervisor"})


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that a piece of guidance rests on."""

    transcript_id: str
    quote: str


@dataclass(frozen=True, slots=True)
class ParticipantMetrics:
    """What one participant did so far, from speech times; ratios are 0 … 1."""

    participant_id: str
    talk_ratio: float
    talk_ms: int
    longest_monologue_ms: int
    pace_wpm: int | None
    """Words a minute over the last minute of own speech; None before the first final."""
    patience_ms: int | None
    """Median wait before answering another participant; None before the first answer."""
    interruptions: int
    questions: int
    filler_rate: float
    """Fillers per word."""


@dataclass(frozen=True, slots=True)
class ParticipantQuality:
    """How one participant's line did in the last six seconds; ratios are 0 … 1, None is what it did not show.

    Loss is what had to be done without: what never came, and what came too late.
    """

    participant_id: str
    rating: QualityRating
    """By the E-model (ITU-T G.107), the worse one of both directions."""
    loss_ratio: float | None
    concealed_ratio: float | None
    """Of the audio, what neither came nor could be recovered."""
    concealed_ms_per_s: float
    recovered_ratio: float | None
    """Of the lost audio, what the next packet repeated."""
    jitter_ms: float | None
    """Interarrival jitter (RFC 3550 §6.4.1)."""
    rtt_ms: float | None
    heard_loss_ratio: float | None
    """Of what is sent to them, what their own receiver misses."""
    level_dbfs: float | None
    """RMS while they talked."""
    clipped_ratio: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """What every message declares of itself."""

    type: ClassVar[str]
    channel: ClassVar[Channel] = "events"
    audience: ClassVar[str] = EVERYONE

    @property
    def place(self) -> str:
        """A live message replaces the one of the same place that a reader has not been sent yet."""
        return self.type


@dataclass(frozen=True, slots=True)
class SessionStateChanged(Event):
    type: ClassVar[str] = "session.state"
    state: SessionState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SessionEnding(Event):
    """The call reaches the longest time that it may last, and will be ended."""

    type: ClassVar[str] = "session.ending"
    ends_at_ms: int


@dataclass(frozen=True, slots=True)
class ParticipantJoined(Event):
    type: ClassVar[str] = "participant.joined"
    participant_id: str
    name: str
    role: Role
    source: Source
    listens_only: bool = False
    """Without consent: nothing of this person is heard or written down."""


@dataclass(frozen=True, slots=True)
class ParticipantLeft(Event):
    type: ClassVar[str] = "participant.left"
    participant_id: str
    name: str
    role: Role
    source: Source


@dataclass(frozen=True, slots=True)
class ParticipantConnection(Event):
    """Somebody's connection is lost, or there again; who does not come back in time has left."""

    type: ClassVar[str] = "participant.connection"
    participant_id: str
    state: ConnectionState


@dataclass(frozen=True, slots=True)
class ParticipantAudioChanged(Event):
    """What somebody has switched off; it stays so when they come back on another connection."""

    type: ClassVar[str] = "participant.audio"
    participant_id: str
    muted: bool
    """Nobody hears them, and nothing of them is transcribed, metered or recorded."""
    deafened: bool
    """They hear nobody."""
    by: str
    """The participant who changed it; empty: whoever moderates the call from outside."""


@dataclass(frozen=True, slots=True)
class TranscriptPartial(Event):
    type: ClassVar[str] = "transcript.partial"
    channel: ClassVar[Channel] = "live"
    utterance_id: str
    participant_id: str
    speaker: str
    start_ms: int
    end_ms: int
    stable: str
    """Words that two hypotheses in a row agreed on."""
    unstable: str

    @property
    def place(self) -> str:
        return partial_place(self.utterance_id)


@dataclass(frozen=True, slots=True)
class TranscriptFinal(Event):
    type: ClassVar[str] = "transcript.final"
    transcript_id: str
    utterance_id: str
    participant_id: str
    speaker: str
    start_ms: int
    end_ms: int
    text: str
    words: list[Word]
    confidence: float
    language: str
    failure: str | None = None
    """Why it could not be transcribed: a marked gap, without text, whose times hold."""


@dataclass(frozen=True, slots=True)
class TranscriptRevised(Event):
    type: ClassVar[str] = "transcript.revised"
    transcript_id: str
    revision: int
    text: str
    speaker: str


@dataclass(frozen=True, slots=True)
class GuidanceShown(Event):
    type: ClassVar[str] = "guidance.shown"
    audience: ClassVar[str] = COACHED
    guidance_id: str
    guidance_type: GuidanceType
    priority: int
    """1 highest … 3."""
    content: str
    evidence: list[Evidence]
    cue: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class GuidanceWithdrawn(Event):
    type: ClassVar[str] = "guidance.withdrawn"
    audience: ClassVar[str] = COACHED
    guidance_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class MetricsUpdated(Event):
    type: ClassVar[str] = "metrics.updated"
    channel: ClassVar[Channel] = "live"
    audience: ClassVar[str] = COACHED
    participants: list[ParticipantMetrics]
    silence_ms: int
    turns: int


@dataclass(frozen=True, slots=True)
class PipelineStatus(Event):
    """How the text keeps up with speech: an entry at each change of level.

    While it is not `full` it is said again every second, as a live message without `seq`.
    """

    type: ClassVar[str] = "pipeline.status"
    lag_ms: int
    level: PipelineLevel


@dataclass(frozen=True, slots=True)
class RecordingStateChanged(Event):
    type: ClassVar[str] = "recording.state"
    state: RecordingState
    participant_id: str
    """Who went on or off the record."""


@dataclass(frozen=True, slots=True)
class CallRecordingChanged(Event):
    """The whole call goes off the record, or on it again: meanwhile nothing of anybody is transcribed or kept."""

    type: ClassVar[str] = "call.recording"
    state: RecordingState


@dataclass(frozen=True, slots=True)
class UsageWarning(Event):
    type: ClassVar[str] = "usage.warning"
    audience: ClassVar[str] = COACHED
    minutes_used: int
    minutes_limit: int


@dataclass(frozen=True, slots=True)
class UsageRecorded(Event):
    """Recorded audio of one participant without a break, as far as it goes; an entry of the log that nobody is sent.

    A run that goes on is told again with a later `to_ms`.
    """

    type: ClassVar[str] = "usage.recorded"
    audience: ClassVar[str] = SERVER
    participant_id: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class GuidanceFeedback(Event):
    """What a coached participant did with a piece of guidance; an entry of the log that nobody is sent."""

    type: ClassVar[str] = "guidance.feedback"
    audience: ClassVar[str] = SERVER
    guidance_id: str
    participant_id: str
    action: FeedbackAction


@dataclass(frozen=True, slots=True)
class Error(Event):
    """Sent to the participant whose message was wrong."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class LogStatus(Event):
    """Whether what is said becomes an entry of the log; told when that changes, and again and again while it does not.

    kept; late: the server's disk does not answer; full: it has no room; failed: it cannot be used.
    """

    type: ClassVar[str] = "log.status"
    channel: ClassVar[Channel] = "live"
    state: LogState


@dataclass(frozen=True, slots=True)
class MicrophoneStateChanged(Event):
    """How one's own microphone sounds; sent to its owner alone, when that changes and again while it is not well."""

    type: ClassVar[str] = "microphone.state"
    channel: ClassVar[Channel] = "live"
    state: MicrophoneState


@dataclass(frozen=True, slots=True)
class QualityUpdated(Event):
    """How lines do, every two seconds: everybody's for those who are coached, for anybody else one's own alone."""

    type: ClassVar[str] = "quality.updated"
    channel: ClassVar[Channel] = "live"
    audience: ClassVar[str] = COACHED
    participants: list[ParticipantQuality]


@dataclass(frozen=True, slots=True)
class TakenOver(Event):
    """Sent to a connection whose participant came on another one: it is closed, and must not come back by itself."""

    type: ClassVar[str] = "call.taken_over"
    channel: ClassVar[Channel] = "live"


@dataclass(frozen=True, slots=True)
class CallMoved(Event):
    """Sent to everybody when this node lets the call go: it goes on wherever they join again.

    They wait for a random part of `within_ms` first, so that they do not all come at once.
    """

    type: ClassVar[str] = "call.moved"
    channel: ClassVar[Channel] = "live"
    within_ms: int


@dataclass(frozen=True, slots=True)
class Pong(Event):
    type: ClassVar[str] = "pong"
    channel: ClassVar[Channel] = "live"


SERVER_EVENTS: tuple[type[Event], ...] = (
    SessionStateChanged,
    SessionEnding,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantConnection,
    ParticipantAudioChanged,
    TranscriptPartial,
    TranscriptFinal,
    TranscriptRevised,
    GuidanceShown,
    GuidanceWithdrawn,
    MetricsUpdated,
    PipelineStatus,
    RecordingStateChanged,
    CallRecordingChanged,
    UsageWarning,
    Error,
    LogStatus,
    MicrophoneStateChanged,
    QualityUpdated,
    TakenOver,
    CallMoved,
    Pong,
)


@dataclass(frozen=True, slots=True)
class Hello:
    type: ClassVar[str] = "hello"
    last_seq: int | None = None
    """None: from now; 0: everything; n: after n."""


@dataclass(frozen=True, slots=True)
class SendGuidanceFeedback:
    type: ClassVar[str] = "guidance.feedback"
    guidance_id: str
    action: FeedbackAction


@dataclass(frozen=True, slots=True)
class SetRecording:
    type: ClassVar[str] = "recording.set"
    on_record: bool


@dataclass(frozen=True, slots=True)
class SetAudio:
    """Switch one's own voice or hearing; what is left out stays."""

    type: ClassVar[str] = "audio.set"
    muted: bool | None = None
    deafened: bool | None = None


@dataclass(frozen=True, slots=True)
class MuteParticipant:
    """The host's; nobody but themselves unmutes them."""

    type: ClassVar[str] = "participant.mute"
    participant_id: str


@dataclass(frozen=True, slots=True)
class PauseSession:
    type: ClassVar[str] = "session.pause"


@dataclass(frozen=True, slots=True)
class UnpauseSession:
    type: ClassVar[str] = "session.unpause"


@dataclass(frozen=True, slots=True)
class EndSession:
    type: ClassVar[str] = "session.end"


@dataclass(frozen=True, slots=True)
class Ping:
    type: ClassVar[str] = "ping"


ClientMessage = (
    Hello
    | SendGuidanceFeedback
    | SetRecording
    | SetAudio
    | MuteParticipant
    | PauseSession
    | UnpauseSession
    | EndSession
    | Ping
)
CLIENT_MESSAGES: dict[str, type[ClientMessage]] = {message.type: message for message in typing.get_args(ClientMessage)}

MAX_MESSAGE_BYTES = 16 * 1024


class BadMessageError(ValueError):
    """A client sent something that is no message of this protocol."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def partial_place(utterance_id: str) -> str:
    return f"{TranscriptPartial.type}:{utterance_id}"


def payload(event: Event) -> dict[str, Any]:
    """The event's own fields as plain JSON types, without envelope."""
    fields: dict[str, Any] = orjson.loads(orjson.dumps(event))
    return fields


def encode(type_: str, fields: dict[str, Any], at_ms: int, seq: int | None = None) -> bytes:
    """One message as it goes over a data channel; `seq` only on `events`."""
    head: dict[str, Any] = {"type": type_, "at_ms": at_ms}
    if seq is not None:
        head["seq"] = seq
    return orjson.dumps(head | fields)


def decode_client_message(raw: str | bytes) -> ClientMessage:
    """Parse and check one message of a client.

    Raises:
        BadMessageError: with code `message_too_large`, `message_not_json`, `message_unknown` or `message_invalid`.
    """
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessageError("message_too_large", f"A message may have {MAX_MESSAGE_BYTES} bytes.")
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadMessageError("message_not_json", "A message is one JSON object.") from error
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise BadMessageError("message_not_json", "A message is one JSON object with a type.")
    message = CLIENT_MESSAGES.get(body["type"])
    if message is None:
        raise BadMessageError("message_unknown", "This type of message is not known here.")
    hints = typing.get_type_hints(message)
    values = {}
    for field in dataclasses.fields(message):
        value = body.get(field.name, field.default)
        if not _fits(value, hints[field.name]):
            raise BadMessageError("message_invalid", f"The field {field.name} is missing or of the wrong type.")
        values[field.name] = value
    return message(**values)


def _fits(value: object, hint: Any) -> bool:
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint) if isinstance(value, str) else False
    if isinstance(hint, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    if hint is int:
        return type(value) is int and 0 <= value < 2**53
    return type(value) is hint


def typescript() -> str:
    """The same messages as TypeScript types."""
    lines = ["// Generated by `python -m media_server.events`; edit media_server/events.py instead.", ""]
    for part in (Word, Evidence, ParticipantMetrics, ParticipantQuality):
        lines += _interface(part.__name__, part, [])
    for event in SERVER_EVENTS:
        head = [f'  type: "{event.type}";', "  at_ms: number;"]
        if event.channel == "events":
            head.append("  seq: number;")
        lines += _interface(event.__name__, event, head)
    for message in CLIENT_MESSAGES.values():
        lines += _interface(message.__name__, message, [f'  type: "{message.type}";'])
    lines.append("export type ServerEvent =\n  | " + "\n  | ".join(e.__name__ for e in SERVER_EVENTS) + ";\n")
    lines.append(
        "export type ClientMessage =\n  | " + "\n  | ".join(m.__name__ for m in CLIENT_MESSAGES.values()) + ";"
    )
    return "\n".join(lines) + "\n"


def _interface(name: str, declared: Any, head: list[str]) -> list[str]:
    hints = typing.get_type_hints(declared)
    fields = [f"  {f.name}: {_typescript_type(hints[f.name])};" for f in dataclasses.fields(declared)]
    return [f"export interface {name} {{", *head, *fields, "}", ""]


def _typescript_type(hint: Any) -> str:
    if hint is str:
        return "string"
    if hint is bool:
        return "boolean"
    if hint in (int, float):
        return "number"
    if hint is types.NoneType:
        return "null"
    if typing.get_origin(hint) is list:
        return _typescript_type(typing.get_args(hint)[0]) + "[]"
    if typing.get_origin(hint) is Literal:
        return " | ".join(f'"{value}"' for value in typing.get_args(hint))
    if isinstance(hint, types.UnionType):
        return " | ".join(_typescript_type(part) for part in typing.get_args(hint))
    return str(hint.__name__)


if __name__ == "__main__":
    print(typescript(), end="")  # noqa: T201
