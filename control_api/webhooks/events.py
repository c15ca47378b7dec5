"""The types of events that other systems can be told of: what the database announces (`announce` of its triggers), and
what the worker tells. Each carries ids and codes, no speech and no names: who may read more asks the API for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

EventType = Literal[
    "session.created", "session.started", "session.ended", "session.deleted", "summary.ready", "summary.failed",
    "recording.ready", "recording.failed",
    "document.ready", "document.failed", "member.joined", "member.removed", "usage.warning",
]  # fmt: skip

DESCRIPTIONS: Mapping[EventType, tuple[str, tuple[str, ...]]] = {
    "session.created": ("A session was made.", ("session_id",)),
    "session.started": ("Somebody is heard in its call for the first time.", ("session_id",)),
    "session.ended": ("Its call is over; the summary is being written.", ("session_id",)),
    "session.deleted": ("A session was deleted; it can be restored for thirty days.", ("session_id",)),
    "summary.ready": ("A session's summary was written, or written again.", ("session_id",)),
    "summary.failed": ("The language model failed; the summary can be asked for again.", ("session_id",)),
    "recording.ready": (
        "A piece of recorded audio is whole; one that was given is written down.",
        ("session_id", "recording_id"),
    ),
    "recording.failed": ("A recording that was given could not be written down.", ("session_id", "recording_id")),
    "document.ready": ("A document's text was extracted.", ("session_id", "document_id")),
    "document.failed": ("A document could not be read.", ("session_id", "document_id")),
    "member.joined": ("Somebody became a member.", ("user_id", "role")),
    "member.removed": ("Somebody is a member no more.", ("user_id", "role")),
    "usage.warning": (
        "A member has used 80 % or all of the month's minutes.",
        ("user_id", "month", "percent", "minutes_used", "minutes_limit"),
    ),
}
"""When each is told, and the fields of its `data`."""
