"""What the screens around a session ask of the database, as the api role: preparation, report, links, corrections."""

from __future__ import annotations

import secrets
from uuid import UUID

from db import (
    checklist,
    consents,
    context,
    deletion,
    documents,
    passages,
    recordings,
    session_changes,
    share_links,
    summary_changes,
    templates,
    timeline,
)
from deploy.bench.db_query import Query, given, nobody, owner
from deploy.bench.db_sample import Sample


def _deleter(sample: Sample) -> UUID | None:
    return sample.deleted_user_id


PREPARATION = (
    Query(templates.list_templates, "api", lambda s: given(s.organization_id, s.user_id)),
    Query(templates.lock_template, "api", lambda s: given(s.template_id), user_id=owner),
    Query(templates.get_template, "api", lambda s: given(s.template_id), user_id=owner),
    Query(
        templates.insert_template,
        "api",
        lambda s: given(s.owner_id, templates.NewTemplate(s.team_id, "A playbook")),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(
        templates.clone_template,
        "api",
        lambda s: given(s.template_id, user_id=s.owner_id, organization_id=s.team_id, name="A copy"),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(
        templates.update_template, "api", lambda s: given(s.template_id, {"description": "For calls"}), user_id=owner
    ),
    Query(templates.delete_template, "api", lambda s: given(s.template_id), user_id=owner, is_repeatable=False),
    Query(documents.list_documents, "api", lambda s: given(s.session_id)),
    Query(documents.get_document, "api", lambda s: given(s.document_id)),
    Query(documents.read_text, "api", lambda s: given(s.document_id)),
    Query(
        documents.insert_document,
        "api",
        lambda s: given(documents.NewDocument(s.session_id, s.user_id, "offer.pdf", "application/pdf", 4096)),
        is_repeatable=False,
    ),
    Query(documents.get_limits, "api", lambda s: given(s.organization_id, s.user_id)),
    Query(documents.rename_document, "api", lambda s: given(s.document_id, "renamed.pdf")),
    Query(documents.hold_count, "api", lambda s: given(s.organization_id)),
    Query(documents.count_held, "api", lambda s: given(s.organization_id, s.session_id)),
    Query(documents.expect_upload, "api", lambda _: given("documents/x"), is_repeatable=False),
    Query(passages.find_passages, "api", lambda s: given(s.session_id, "What does the offer say about the price?")),
    Query(documents.delete_document, "api", lambda s: given(s.document_id), is_repeatable=False),
    Query(context.get_context, "api", lambda s: given(s.session_id)),
    Query(
        context.put_context, "api", lambda s: given(s.session_id, s.user_id, text="They bought last year.", metadata={})
    ),
    Query(checklist.list_items, "api", lambda s: given(s.session_id)),
    Query(
        checklist.insert_item, "api", lambda s: given(s.session_id, s.user_id, "Ask for a date"), is_repeatable=False
    ),
    Query(checklist.set_status, "api", lambda s: given(s.session_id, s.item_id, "done")),
    Query(checklist.delete_item, "api", lambda s: given(s.session_id, s.item_id), is_repeatable=False),
)

REPORT = (
    Query(timeline.list_events, "api", lambda s: given(s.session_id)),
    Query(recordings.list_recordings, "api", lambda s: given(s.session_id)),
    Query(recordings.find_recording, "api", lambda s: given(s.session_id, s.session_id)),
    Query(recordings.is_processing, "api", lambda s: given(s.organization_id, s.session_id)),
    Query(recordings.resume, "api", lambda s: given(s.session_id), is_repeatable=False),
    Query(recordings.hold_count, "api", lambda s: given(s.organization_id)),
    Query(recordings.count_held, "api", lambda s: given(s.organization_id, s.session_id)),
    Query(recordings.expect_upload, "api", lambda _: given("recordings/x"), is_repeatable=False),
    Query(consents.list_consents, "api", lambda s: given(s.session_id)),
    Query(consents.withdraw, "api", lambda s: given(s.session_id, s.participant_id), is_repeatable=False),
    Query(share_links.list_links, "api", lambda s: given(s.session_id)),
    Query(
        share_links.insert_link,
        "api",
        lambda s: given(
            token_hash=secrets.token_bytes(32),
            session_id=s.session_id,
            organization_id=s.organization_id,
            created_by=s.user_id,
            shared_tabs=["summary"],
        ),
        is_repeatable=False,
    ),
    Query(share_links.open_link, "api", lambda s: given(s.share_hash), user_id=nobody),
    Query(share_links.revoke_link, "api", lambda s: given(s.session_id, s.share_id), is_repeatable=False),
)

CHANGES = (
    Query(session_changes.lock_session, "api", lambda s: given(s.organization_id, s.session_id)),
    Query(session_changes.update_session, "api", lambda s: given(s.organization_id, s.session_id, {"title": "Named"})),
    Query(
        session_changes.archive_session,
        "api",
        lambda s: given(s.organization_id, s.session_id),
        is_repeatable=False,
    ),
    Query(session_changes.unarchive_session, "api", lambda s: given(s.organization_id, s.session_id)),
    Query(
        session_changes.delete_session,
        "api",
        lambda s: given(s.organization_id, s.session_id),
        is_repeatable=False,
    ),
    Query(
        session_changes.restore_session,
        "api",
        lambda s: given(s.deleted_organization_id, s.deleted_session_id),
        user_id=_deleter,
        is_repeatable=False,
    ),
    Query(
        deletion.delete_session_for_good,
        "api",
        lambda s: given(s.organization_id, s.session_id),
        is_repeatable=False,
    ),
    Query(deletion.delete_organization_for_good, "api", lambda s: given(s.team_id), user_id=owner, is_repeatable=False),
    Query(
        deletion.order_account_deletion,
        "api",
        lambda _: given(14),
        user_id=lambda s: s.colleague_id,
        is_repeatable=False,
    ),
    Query(deletion.cancel_account_deletion, "api", lambda s: given(s.user_id)),
    Query(deletion.delete_account, "api", lambda _: given(), user_id=lambda s: s.colleague_id, is_repeatable=False),
    Query(summary_changes.ask_again, "api", lambda s: given(s.session_id), is_repeatable=False),
    Query(summary_changes.correct, "api", lambda s: given(s.session_id, {"title": "Corrected"})),
    Query(summary_changes.count_export, "api", lambda s: given(s.session_id)),
    Query(summary_changes.mark_done, "api", lambda s: given(s.session_id, True)),
)

QUERIES = (*PREPARATION, *REPORT, *CHANGES)
