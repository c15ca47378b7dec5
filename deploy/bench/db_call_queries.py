"""What a live call asks of the database, as the media role."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from db import (
    calls,
    checklist,
    commands,
    consents,
    guidance,
    participants,
    recordings,
    session_log,
    sessions,
    tickets,
    timeline,
    transcripts,
    usage,
)
from db.records import LogEntry, NewGuidance, NewTranscript
from db.usage import UsageSeconds
from deploy.bench.db_query import Query, given
from deploy.bench.db_sample import Sample

_AUDIENCES = ("everyone", "coached")


def _seqs(count: int) -> range:
    """Numbers that no log has used yet, in all likelihood."""
    first = 1_000_000 + secrets.randbelow(10_000_000) * 100
    return range(first, first + count)


def _entry(sample: Sample, seq: int | None = None) -> LogEntry:
    return LogEntry(
        session_id=sample.live_session_id,
        organization_id=sample.live_organization_id,
        seq=seq or _seqs(1)[0],
        epoch=sample.live_epoch,
        type="pipeline.status",
        at_ms=1000,
        audience="everyone",
        payload=b'{"lag_ms":120,"level":"full"}',
    )


def _transcript(sample: Sample, seq: int | None = None) -> NewTranscript:
    return NewTranscript(
        id=uuid4(),
        session_id=sample.live_session_id,
        organization_id=sample.live_organization_id,
        content="A sentence that was just said.",
        speaker="Host",
        sequence_number=seq or _seqs(1)[0],
        start_time_seconds=Decimal(1),
        end_time_seconds=Decimal(2),
        participant_id=sample.live_participant_id,
        words=b"[]",
    )


def _guidance(sample: Sample) -> NewGuidance:
    return NewGuidance(
        id=uuid4(),
        session_id=sample.live_session_id,
        organization_id=sample.live_organization_id,
        content="Ask what the budget was last year.",
        guidance_type="ask",
        priority=1,
        triggered_at_seconds=Decimal(2),
        triggered_by_transcript_id=sample.transcript_id,
    )


def _moment(sample: Sample) -> timeline.TimelineEvent:
    return timeline.TimelineEvent(
        id=uuid4(),
        session_id=sample.live_session_id,
        organization_id=sample.live_organization_id,
        event_timestamp=datetime.now(UTC),
        title="They agreed on the price",
        description=None,
        type="decision",
        importance="high",
    )


def _recording(sample: Sample) -> recordings.NewRecording:
    return recordings.NewRecording(
        id=uuid4(),
        session_id=sample.live_session_id,
        organization_id=sample.live_organization_id,
        storage_key=f"{sample.live_organization_id}/{uuid4()}.opus",
        media_type="audio/ogg",
        started_at_ms=0,
        duration_ms=1000,
        size_bytes=4000,
        sha256=secrets.token_bytes(32),
        participant_id=sample.live_participant_id,
    )


def _interval(sample: Sample) -> usage.UsageInterval:
    begins_ms = secrets.randbelow(7_200_000)
    return usage.UsageInterval(
        sample.live_session_id,
        sample.live_organization_id,
        sample.live_participant_id,
        sample.live_epoch,
        begins_ms,
        begins_ms + 5000,
    )


NODES = (
    Query(calls.register_node, "media", lambda s: given(s.live_node, f"http://{s.live_node}"), is_repeatable=False),
    Query(calls.touch_node, "media", lambda s: given(s.live_node), is_repeatable=False),
    Query(calls.retire_node, "media", lambda s: given(s.live_node), is_repeatable=False),
    Query(
        calls.acquire_lease,
        "media",
        lambda s: given(s.live_session_id, s.live_node, f"http://{s.live_node}"),
        is_repeatable=False,
    ),
    Query(
        calls.renew_leases, "media", lambda s: given(s.live_node, [(s.live_session_id, s.live_epoch)], lease_s=86_400)
    ),
    Query(
        calls.release_lease,
        "media",
        lambda s: given(s.live_session_id, s.live_node, s.live_epoch),
        is_repeatable=False,
    ),
    Query(calls.extend_seqs, "media", lambda s: given(s.live_session_id, s.live_epoch, 100), is_repeatable=False),
    Query(calls.set_paused, "media", lambda s: given(s.live_session_id, s.live_epoch, False)),
    Query(commands.pending_commands, "media", lambda s: given([s.live_session_id])),
    Query(commands.acknowledge, "media", lambda s: given(s.command_id, "done"), is_repeatable=False),
)

CALL = (
    Query(tickets.find_ticket, "media", lambda s: given(s.ticket_hash)),
    Query(tickets.redeem_ticket, "media", lambda s: given(s.ticket_hash), is_repeatable=False),
    Query(sessions.find_session, "media", lambda s: given(s.live_session_id)),
    Query(participants.mark_joined, "media", lambda s: given(s.live_participant_id, datetime.now(UTC))),
    Query(participants.mark_left, "media", lambda s: given(s.live_participant_id, datetime.now(UTC))),
    Query(sessions.activate_session, "media", lambda s: given(s.live_session_id, datetime.now(UTC))),
    Query(
        sessions.complete_session,
        "media",
        lambda s: given(s.live_session_id, datetime.now(UTC)),
        is_repeatable=False,
    ),
    Query(sessions.recount, "media", lambda s: given(s.session_id)),
    Query(session_log.append, "media", lambda s: given([_entry(s)])),
    Query(
        session_log.read,
        "media",
        lambda s: given(s.session_id, after_seq=max(0, s.last_seq - 100), audiences=_AUDIENCES),
        "what one missed",
    ),
    Query(
        session_log.read,
        "media",
        lambda s: given(s.session_id, after_seq=0, audiences=_AUDIENCES, limit=200),
        "from the start",
    ),
    Query(session_log.read_last, "api", lambda s: given(s.session_id)),
    Query(transcripts.insert_transcripts, "media", lambda s: given([_transcript(s)])),
    Query(guidance.insert_guidance, "media", lambda s: given([_guidance(s)])),
    Query(
        guidance.apply_feedback,
        "media",
        lambda s: given(s.guidance_id, s.session_id, "helpful", participant_id=s.participant_id),
        "in the call",
    ),
    Query(timeline.insert_events, "media", lambda s: given([_moment(s)])),
    Query(recordings.insert_recording, "media", lambda s: given(_recording(s))),
    Query(checklist.set_status, "media", lambda s: given(s.session_id, s.item_id, "done"), "by the call"),
    Query(
        consents.withdraw,
        "media",
        lambda s: given(s.live_session_id, s.live_participant_id),
        "of a guest",
        is_repeatable=False,
    ),
    Query(usage.lock, "media", lambda s: given([s.live_session_id])),
    Query(usage.record_intervals, "media", lambda s: given([_interval(s)])),
    Query(
        usage.add_seconds,
        "media",
        lambda s: given(
            [UsageSeconds(s.live_session_id, s.live_organization_id, s.live_user_id, datetime.now(UTC), 5)]
        ),
    ),
    Query(usage.check_usage_limit, "media", lambda s: given(s.live_user_id, s.live_organization_id), "before a call"),
)

BATCHES = (
    Query(session_log.append, "media", lambda s: given([_entry(s, seq) for seq in _seqs(100)]), "a full batch"),
    Query(
        transcripts.insert_transcripts,
        "media",
        lambda s: given([_transcript(s, seq) for seq in _seqs(100)]),
        "a full batch",
    ),
)
"""What the recorder writes at once when it is behind; how fast that is has a measure of its own."""

QUERIES = (*NODES, *CALL)
