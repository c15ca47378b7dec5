"""Every public query of db/ that has to do with a session: how it is asked, or why a deleted session is none of it.

`queries()` finds them by their parameters; `ASKED` and `EXEMPT` say the rest.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import db
from db.documents import NewDocument
from db.passages import Passage
from db.records import NewParticipant, SummaryContent

Query = Callable[..., Awaitable[Any]]

LATER = datetime.now(UTC) + timedelta(hours=1)
LATE = "what a node had published before is kept until the session is erased, so that restoring it loses nothing"
USAGE = "usage outlives the session"
ERASING = "it is there to find what is deleted"
CHILD_IDS = {"participant_id", "guidance_id", "document_id", "command_id", "recording_id"}


@dataclass(frozen=True, slots=True)
class Of:
    """A session with a row in each of its tables."""

    session: UUID
    organization: UUID
    author: UUID
    rows: Mapping[str, Mapping[str, Any]]
    """One of each table."""


@dataclass(frozen=True, slots=True)
class Asked:
    role: str
    """api (for the session's creator), media or jobs."""
    arguments: Callable[[Of], dict[str, Any]]
    first: str = ""
    """Brings the session, $1, to where there is something to find; without triggers."""


COMPLETED = "UPDATE sessions SET status = 'completed' WHERE id = $1"
ARCHIVED = "UPDATE sessions SET status = 'archived' WHERE id = $1"
GENERATING = """
    UPDATE summaries SET generation_status = 'generating', generation_error = NULL WHERE session_id = $1
"""
READABLE = """
    WITH proven AS (
        UPDATE users SET email_verified = true WHERE id = (SELECT user_id FROM sessions WHERE id = $1)
    ), told AS (
        UPDATE plans SET has_email_summaries = true
    )
    UPDATE subscriptions SET status = 'active'
    WHERE organization_id = (SELECT organization_id FROM sessions WHERE id = $1)
"""
WRITTEN = """
    UPDATE summaries SET generation_status = 'completed', generation_error = NULL, tldr = 'x' WHERE session_id = $1
"""
CLAIMABLE = "UPDATE documents SET processing_status = 'pending' WHERE session_id = $1"
CLAIMED = "UPDATE documents SET processing_status = 'processing' WHERE session_id = $1"
FINDABLE = """
    UPDATE document_passages SET content = 'x', language = 'simple', words = to_tsvector('simple', 'x')
    WHERE session_id = $1
"""
PROCESSING = "UPDATE recordings SET status = 'processing', error_code = NULL WHERE session_id = $1"
READ = "UPDATE documents SET processing_status = 'completed' WHERE session_id = $1"
HUNG_UP = "UPDATE calls SET lease_until = now() - interval '1 second' WHERE session_id = $1"
CONTENT = SummaryContent("t", "s", [], [], [], [], "", None, "m", Decimal(1))


def _transcript(of: Of) -> dict[str, Any]:
    return {**_session(of), "transcript_id": of.rows["transcripts"]["id"]}


def _session(of: Of) -> dict[str, Any]:
    return {"session_id": of.session}


def _readable(of: Of) -> dict[str, Any]:
    return {**_session(of), "audiences": ["coached"]}


def _mine(of: Of) -> dict[str, Any]:
    return {"organization_id": of.organization, "session_id": of.session}


def _document(of: Of) -> dict[str, Any]:
    return {"document_id": of.rows["documents"]["id"]}


def _recording(of: Of) -> dict[str, Any]:
    return {"recording_id": of.rows["recordings"]["id"]}


def _ticket(of: Of) -> dict[str, Any]:
    return {"token_hash": of.rows["join_tickets"]["token_hash"]}


ASKED: dict[str, Asked] = {
    "calls.acquire_lease": Asked("media", lambda of: {**_session(of), "node": "host-0", "media_url": "http://host-0"}),
    "calls.renew_leases": Asked("media", lambda of: {"node": "host-0", "leases": [(of.session, 1)]}),
    "calls.extend_seqs": Asked("media", lambda of: {**_session(of), "epoch": 1, "count": 5}),
    "calls.set_paused": Asked("media", lambda of: {**_session(of), "epoch": 1, "paused": True}),
    "calls.current_call": Asked("api", _session),
    "checklist.list_items": Asked("api", _session),
    "checklist.insert_item": Asked("api", lambda of: {**_session(of), "user_id": of.author, "text": "new"}),
    "checklist.set_status": Asked(
        "api", lambda of: {**_session(of), "item_id": of.rows["prep_checklist"]["id"], "status": "done"}
    ),
    "checklist.delete_item": Asked("api", lambda of: {**_session(of), "item_id": of.rows["prep_checklist"]["id"]}),
    "commands.insert_command": Asked(
        "api", lambda of: {**_mine(of), "id": uuid4(), "kind": "end", "payload": {}, "created_by": of.author}
    ),
    "commands.find_command": Asked("api", lambda of: {**_session(of), "command_id": of.rows["call_commands"]["id"]}),
    "commands.pending_commands": Asked("media", lambda of: {"session_ids": [of.session]}),
    "consents.list_consents": Asked("api", _session),
    "consents.withdraw": Asked(
        "api", lambda of: {**_session(of), "participant_id": of.rows["consents"]["participant_id"]}
    ),
    "context.put_context": Asked(
        "api", lambda of: {**_session(of), "user_id": of.author, "text": "new", "metadata": None}
    ),
    "context.get_context": Asked("api", _session),
    "deletion.delete_session_for_good": Asked("api", _mine, HUNG_UP),
    "documents.forget_file": Asked("jobs", _document),
    "documents.rename_document": Asked("api", lambda of: {**_document(of), "name": "new"}),
    "documents.insert_document": Asked("api", lambda of: {"new": _new_document(of)}),
    "documents.list_documents": Asked("api", _session),
    "documents.get_document": Asked("api", _document),
    "documents.read_text": Asked("api", _document, READ),
    "documents.delete_document": Asked("api", _document),
    "documents.claim_document": Asked("jobs", _document, CLAIMABLE),
    "documents.store_text": Asked("jobs", lambda of: {**_document(of), "text": "new"}, CLAIMED),
    "documents.fail_document": Asked("jobs", lambda of: {**_document(of), "error": "new"}, CLAIMED),
    "guidance.apply_feedback": Asked(
        "api", lambda of: {**_readable(of), "guidance_id": of.rows["guidance"]["id"], "action": "helpful"}
    ),
    "guidance.list_guidance": Asked("api", _readable),
    "guidance.count_feedback": Asked("api", _readable),
    "participants.insert_participant": Asked("api", lambda of: {"participant": _new_participant(of)}),
    "passages.find_passages": Asked("api", lambda of: {**_session(of), "question": "x"}, FINDABLE),
    "passages.store_passages": Asked(
        "jobs", lambda of: {**_document(of), "passages": [Passage(7, 1, "new")], "text": "new"}
    ),
    "recordings.list_recordings": Asked("api", _session),
    "recordings.find_recording": Asked("api", lambda of: _session(of) | _recording(of)),
    "recordings.is_processing": Asked("api", _mine, PROCESSING),
    "recordings.delete_recording": Asked("api", lambda of: _session(of) | _recording(of)),
    "recordings.find_given": Asked("jobs", _recording, PROCESSING),
    "recordings.set_ready": Asked("jobs", lambda of: _recording(of) | {"duration_ms": 1}, PROCESSING),
    "recordings.set_failed": Asked("jobs", lambda of: _recording(of) | {"error_code": "unreadable"}, PROCESSING),
    "search.search_sessions": Asked(
        "api",
        lambda of: {
            "organization_id": of.organization,
            "typed": of.rows["transcripts"]["content"],
            "kinds": ["title", "transcript", "summary"],
        },
    ),
    "session_changes.update_session": Asked("api", lambda of: {**_mine(of), "changes": {"title": "new"}}),
    "session_changes.lock_session": Asked("api", _mine),
    "session_changes.archive_session": Asked("api", _mine, COMPLETED),
    "session_changes.unarchive_session": Asked("api", _mine, ARCHIVED),
    "session_changes.delete_session": Asked("api", _mine, HUNG_UP),
    "session_log.newest_seq": Asked("api", _session),
    "session_log.read": Asked("api", lambda of: {**_session(of), "after_seq": 0, "audiences": ["everyone"]}),
    "session_log.read_last": Asked("api", _session),
    "sessions.get_session": Asked("api", _mine),
    "sessions.find_session": Asked("media", _session),
    "sessions.list_sessions": Asked("api", lambda of: {"organization_id": of.organization}),
    "sessions.list_participants": Asked("api", _session),
    "sessions.list_known": Asked("api", lambda of: {"organization_id": of.organization, "session_ids": [of.session]}),
    "sessions.activate_session": Asked("media", lambda of: {**_session(of), "started_at": LATER}),
    "sessions.complete_session": Asked("media", lambda of: {**_session(of), "ended_at": LATER}),
    "sessions.mark_finalized": Asked("jobs", _session, COMPLETED),
    "share_links.insert_link": Asked(
        "api", lambda of: {**_mine(of), "token_hash": bytes(32), "created_by": of.author, "shared_tabs": ["summary"]}
    ),
    "share_links.list_links": Asked("api", _session),
    "share_links.revoke_link": Asked(
        "api", lambda of: {**_session(of), "link_id": of.rows["session_share_links"]["id"]}
    ),
    "share_links.open_link": Asked("api", lambda of: {"token_hash": of.rows["session_share_links"]["token_hash"]}),
    "summaries.claim": Asked("jobs", _session, COMPLETED),
    "summaries.store": Asked("jobs", lambda of: {**_session(of), "content": CONTENT}, GENERATING),
    "summaries.fail": Asked("jobs", lambda of: {**_session(of), "error": "new"}, GENERATING),
    "summaries.get": Asked("api", _session),
    "summaries.reader_to_tell": Asked("jobs", _session, READABLE),
    "summary_changes.ask_again": Asked("api", _session, WRITTEN),
    "summary_changes.correct": Asked("api", lambda of: {**_session(of), "changes": {"tldr": "new"}}, WRITTEN),
    "summary_changes.count_export": Asked("api", _session),
    "summary_changes.mark_done": Asked("api", lambda of: {**_session(of), "is_done": True}, WRITTEN),
    "transcripts.get_transcript": Asked("api", _transcript),
    "transcripts.revise": Asked(
        "api",
        lambda of: {
            **_transcript(of),
            "seen_revision": of.rows["transcripts"]["revision"],
            "content": "new",
            "speaker": "Ada",
        },
    ),
    "transcripts.list_revisions": Asked(
        "api", lambda of: {**_session(of), "transcript_id": of.rows["transcript_revisions"]["transcript_id"]}
    ),
    "tickets.insert_ticket": Asked(
        "api",
        lambda of: {
            **_mine(of),
            "token_hash": bytes(32),
            "participant_id": of.rows["session_participants"]["id"],
            "node": "host-0",
            "media_url": "http://host-0",
            "expires_at": LATER,
        },
    ),
    "tickets.find_ticket": Asked("media", _ticket),
    "tickets.redeem_ticket": Asked("media", _ticket),
    "tickets.participant_of_ticket": Asked(
        "api", lambda of: {**_session(of), **_ticket(of), "user_id": of.author, "role": "host", "consented": False}
    ),
    "tickets.insert_invite": Asked(
        "api",
        lambda of: {
            **_mine(of),
            "token_hash": bytes(32),
            "role": "customer",
            "name": None,
            "created_by": of.author,
            "expires_at": LATER,
        },
    ),
    "tickets.find_invite": Asked("api", lambda of: {"token_hash": of.rows["session_invites"]["token_hash"]}),
    "tickets.list_invites": Asked("api", _session),
    "tickets.revoke_invite": Asked("api", lambda of: {**_session(of), "invite_id": of.rows["session_invites"]["id"]}),
    "timeline.list_events": Asked("api", _session),
    "transcripts.list_transcripts": Asked("api", _session),
    "transcripts.latest_sequence_number": Asked("api", _session),
    "usage.session_minutes": Asked("api", _session),
    "usage.charged_minutes": Asked("jobs", _session),
}

EXEMPT: dict[str, str] = {
    "followers.standings": "it says that a deleted session is not there any more",
    "calls.release_lease": "letting go is always allowed",
    "commands.acknowledge": LATE,
    "documents.count_held": "what is there takes up room until it is erased",
    "documents.erase_document": ERASING,
    "erasure.erase_session": ERASING,
    "erasure.erase_deleted_session": ERASING,
    "guidance.insert_guidance": LATE,
    "logs.list_logs": "ids and codes, for the administrators of the installation",
    "logs.write_log": "ids and codes",
    "logs.write_logs": "ids and codes",
    "participants.mark_joined": LATE,
    "participants.mark_left": LATE,
    "recordings.insert_recording": LATE,
    "recordings.resume": "part of restoring",
    "recordings.count_held": "what is there takes up room until it is erased",
    "recordings.erase_recording": ERASING,
    "recordings.remove_file": "of one that was found a moment ago; a file that is gone does no harm",
    "session_changes.restore_session": ERASING,
    "session_log.append": LATE,
    "sessions.recount": "late words of a deleted session count, so that restoring it is whole",
    "timeline.insert_events": LATE,
    "transcripts.hold_finals": "the summary of a deleted session is not written, whatever is counted",
    "transcripts.insert_transcripts": LATE,
    "usage.lock": USAGE,
    "usage.record_intervals": USAGE,
    "usage.add_seconds": USAGE,
}


def public_queries() -> dict[str, Query]:
    """Whatever takes a connection first, by module and name."""
    found = {}
    for module_name in (module.name for module in pkgutil.iter_modules(db.__path__)):
        module = importlib.import_module(f"db.{module_name}")
        for name, function in vars(module).items():
            is_ours = inspect.iscoroutinefunction(function) and function.__module__ == module.__name__
            if (
                is_ours
                and not name.startswith("_")
                and next(iter(inspect.signature(function).parameters), "") == "conn"
            ):
                found[f"{module_name}.{name}"] = function
    return found


def queries() -> dict[str, Query]:
    """Those with a parameter that names a session, or something of one."""
    return {name: function for name, function in public_queries().items() if _names_a_session(function)}


def lists_of_organizations() -> dict[str, Query]:
    """Those that need to know nothing else."""
    found = {}
    for name, function in public_queries().items():
        needed = {
            key
            for key, parameter in inspect.signature(function).parameters.items()
            if parameter.default is inspect.Parameter.empty
        }
        if ".list_" in name and "organization_id" in needed and needed <= {"conn", "organization_id", "user_id"}:
            found[name] = function
    return found


def _names_a_session(function: Query) -> bool:
    if function.__module__ == "db.role_check":
        return False  # its hints are known to the type checker alone
    hints = typing.get_type_hints(function)
    hints.pop("return", None)
    return any(
        name in {"session_id", "session_ids", "leases", *CHILD_IDS} or any(map(_has_session, _parts(hint)))
        for name, hint in hints.items()
    )


def _parts(hint: Any) -> list[Any]:
    return [hint, *(part for inner in typing.get_args(hint) for part in _parts(inner))]


def _has_session(hint: Any) -> bool:
    """A record that belongs to a session."""
    names = {field.name for field in dataclasses.fields(hint)} if dataclasses.is_dataclass(hint) else set()
    return "session_id" in names | set(getattr(hint, "_fields", ()))


def _new_document(of: Of) -> NewDocument:
    return NewDocument(of.session, of.author, "new.txt", "txt", 1)


def _new_participant(of: Of) -> NewParticipant:
    return NewParticipant(uuid4(), of.session, of.organization, "New", "host", user_id=of.author)
