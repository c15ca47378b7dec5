"""What a call of a later epoch takes up from the log: who said what when, and who was never seen leaving."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from db.records import LogEntry
from media_server.conversation.types import Utterance
from media_server.events import ParticipantLeft
from media_server.pipeline.advise import Advisor


def recall(entries: Iterable[LogEntry], advisor: Advisor) -> dict[str, ParticipantLeft]:
    """Tell `advisor` of the earlier epochs, as it would have seen them; its advice of then is not given again.

    Returns: by id, the goodbyes of participants who joined and did not leave.
    """
    here: dict[str, ParticipantLeft] = {}
    for entry in entries:
        fields: dict[str, Any] = orjson.loads(entry.payload)
        match entry.type:
            case "participant.joined":
                here[fields["participant_id"]] = ParticipantLeft(**fields)
                advisor.participant_joined(fields["participant_id"], fields["name"], fields["role"])
            case "participant.left":
                here.pop(fields["participant_id"], None)
                advisor.participant_left(fields["participant_id"])
            case "transcript.final":
                _recall_speech(fields, advisor)
        advisor.tick(entry.at_ms)
    for participant_id in here:
        advisor.participant_left(participant_id)
    return here


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
