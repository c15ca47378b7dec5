"""What a call of a later epoch takes up from the log: who said what when, and who was never seen leaving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from db.records import LogEntry
from media_server.conversation.audibility import AudioState
from media_server.conversation.types import Utterance
from media_server.events import (
    CallRecordingChanged,
    ParticipantAudioChanged,
    ParticipantJoined,
    PipelineLevel,
    PipelineStatus,
)
from media_server.pipeline.advise import Advisor


@dataclass(slots=True)
class Known:
    """Somebody who joined and did not leave."""

    joined: ParticipantJoined
    is_away: bool = False
    """The log says so already."""
    is_on_record: bool = True


def recall(entries: Iterable[LogEntry], advisor: Advisor) -> dict[str, Known]:
    """Tell `advisor` of the earlier epochs, as it would have seen them; its advice of then is not given again.

    Returns: by id, the participants who joined and did not leave.
    """
    here: dict[str, Known] = {}
    for entry in entries:
        fields: dict[str, Any] = orjson.loads(entry.payload)
        match entry.type:
            case "participant.joined":
                here[fields["participant_id"]] = Known(ParticipantJoined(**fields))
                advisor.participant_joined(fields["participant_id"], fields["name"], fields["role"])
            case "participant.left":
                here.pop(fields["participant_id"], None)
                advisor.participant_left(fields["participant_id"])
            case "participant.connection" if (known := here.get(fields["participant_id"])) is not None:
                known.is_away = fields["state"] == "reconnecting"
            case "recording.state" if (known := here.get(fields["participant_id"])) is not None:
                known.is_on_record = fields["state"] == "on_record"
            case "transcript.final":
                _recall_speech(fields, advisor)
        advisor.tick(entry.at_ms)
    return here


def recall_audio(entries: Iterable[LogEntry]) -> dict[UUID, AudioState]:
    """What each person had last switched off."""
    changes = (orjson.loads(entry.payload) for entry in entries if entry.type == ParticipantAudioChanged.type)
    return {UUID(one["participant_id"]): AudioState(one["muted"], one["deafened"]) for one in changes}


def recall_imposed(entries: Iterable[LogEntry]) -> set[UUID]:
    """Who was muted by somebody else, and is."""
    changes = (orjson.loads(entry.payload) for entry in entries if entry.type == ParticipantAudioChanged.type)
    last = {one["participant_id"]: one["muted"] and one["by"] != one["participant_id"] for one in changes}
    return {UUID(person) for person, is_imposed in last.items() if is_imposed}


def recall_record(entries: Iterable[LogEntry]) -> bool:
    """Whether the call was on the record last."""
    states = [orjson.loads(entry.payload)["state"] for entry in entries if entry.type == CallRecordingChanged.type]
    return not states or states[-1] == "on_record"


def recall_level(entries: Iterable[LogEntry]) -> PipelineLevel:
    """What people were told last of how the text keeps up: it may be another node's, and over."""
    level: PipelineLevel = "full"
    for entry in entries:
        if entry.type == PipelineStatus.type:
            level = orjson.loads(entry.payload)["level"]
    return level


def _recall_speech(final: dict[str, Any], advisor: Advisor) -> None:
    """Words are left out: pace is about the last minute."""
    person, start_ms, end_ms = final["participant_id"], final["start_ms"], final["end_ms"]
    advisor.speech_started(person, start_ms)
    advisor.speech_ended(person, start_ms, end_ms)
    advisor.transcript(
        Utterance(
            transcript_id=final["transcript_id"],
            participant_id=person,
            speaker=final["speaker"],
            start_ms=start_ms,
            end_ms=end_ms,
            text=final["text"],
        )
    )
