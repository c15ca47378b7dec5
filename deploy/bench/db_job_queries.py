"""What the worker of long jobs asks of the database, as the jobs role."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from db import (
    abandoned,
    audit,
    documents,
    logs,
    passages,
    recordings,
    sessions,
    sign_ups,
    stripe_events,
    subscriptions,
    summaries,
    transcripts,
    usage,
    usage_warnings,
    webhook_deliveries,
    webhooks,
)
from db.records import SummaryContent
from deploy.bench.db_query import Query, given
from deploy.bench.db_sample import Sample

_ATTEMPT = webhook_deliveries.Attempt(datetime(2026, 1, 1, tzinfo=UTC), 120, 500, "status", "no")
_CONTENT = SummaryContent(
    title="What was agreed",
    tldr="They agreed on the price.",
    key_decisions=["The price stands."],
    action_items=[],
    follow_up_questions=[],
    conversation_highlights=[],
    full_transcript="",
    structured_notes=None,
    model_used="extractive",
    generation_time_seconds=Decimal("0.4"),
)


def _told(sample: Sample) -> subscriptions.StripeSubscription:
    now = datetime.now(UTC)
    return subscriptions.StripeSubscription(
        stripe_subscription_id=sample.stripe_subscription_id,
        stripe_customer_id="cus_1",
        stripe_price_id="price_1",
        organization_id=sample.team_id,
        user_id=None,
        plan_id=sample.plan_id,
        plan_type="yearly",
        status="active",
        current_period_start=now,
        current_period_end=now + timedelta(days=365),
        created_at=now,
        canceled_at=None,
        stripe_updated_at=now,
    )


QUERIES = (
    Query(abandoned.list_abandoned, "jobs", lambda _: given(60.0, 100)),
    Query(abandoned.list_unwritten, "jobs", lambda _: given(60.0, 100)),
    Query(sign_ups.find_account, "jobs", lambda s: given(s.email)),
    Query(sign_ups.may_sign_up, "jobs", lambda s: given(s.email, is_gated=True)),
    Query(
        sign_ups.insert_sign_up,
        "jobs",
        lambda _: given(
            secrets.token_bytes(32),
            email="ada@example.org",
            full_name="Ada",
            timezone="UTC",
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        ),
    ),
    Query(
        sign_ups.insert_link,
        "jobs",
        lambda s: given(secrets.token_bytes(32), s.user_id, "reset_password", datetime.now(UTC) + timedelta(hours=1)),
    ),
    Query(logs.was_mailed, "jobs", lambda s: given(s.session_id)),
    Query(summaries.reader_to_tell, "jobs", lambda s: given(s.session_id)),
    Query(summaries.claim, "jobs", lambda s: given(s.session_id), is_repeatable=False),
    Query(transcripts.hold_finals, "jobs", lambda s: given(s.session_id)),
    Query(summaries.store, "jobs", lambda s: given(s.session_id, _CONTENT), is_repeatable=False),
    Query(summaries.fail, "jobs", lambda s: given(s.session_id, "the model does not answer"), is_repeatable=False),
    Query(sessions.mark_finalized, "jobs", lambda s: given(s.session_id), is_repeatable=False),
    Query(transcripts.list_transcripts, "jobs", lambda s: given(s.session_id, limit=1000), "for a summary"),
    Query(documents.claim_document, "jobs", lambda s: given(s.pending_document_id), is_repeatable=False),
    Query(documents.store_text, "jobs", lambda s: given(s.claimed_document_id, "The price."), is_repeatable=False),
    Query(documents.erase_document, "jobs", lambda s: given(s.document_id), is_repeatable=False),
    Query(documents.forget_file, "jobs", lambda s: given(s.document_id), is_repeatable=False),
    Query(documents.is_known_file, "jobs", lambda _: given("documents/x")),
    Query(recordings.find_given, "jobs", lambda s: given(s.session_id)),
    Query(recordings.set_ready, "jobs", lambda s: given(s.session_id, 1000), is_repeatable=False),
    Query(recordings.set_failed, "jobs", lambda s: given(s.session_id, "unreadable"), is_repeatable=False),
    Query(recordings.remove_file, "jobs", lambda s: given(s.session_id), is_repeatable=False),
    Query(recordings.erase_recording, "jobs", lambda s: given(s.session_id), is_repeatable=False),
    Query(recordings.is_known_file, "jobs", lambda _: given("recordings/x")),
    Query(usage.charged_minutes, "jobs", lambda s: given(s.session_id)),
    Query(
        passages.store_passages,
        "jobs",
        lambda s: given(s.document_id, [passages.Passage(0, 1, "The price.")], "The price."),
        is_repeatable=False,
    ),
    Query(documents.fail_document, "jobs", lambda s: given(s.claimed_document_id, "no text"), is_repeatable=False),
    Query(stripe_events.take_event, "jobs", lambda _: given(), is_repeatable=False),
    Query(stripe_events.mark_processed, "jobs", lambda s: given(s.stripe_event_id, "done"), is_repeatable=False),
    Query(subscriptions.upsert_subscription, "jobs", lambda s: given(_told(s)), is_repeatable=False),
    Query(
        subscriptions.cancel_subscription,
        "jobs",
        lambda s: given(s.stripe_subscription_id, datetime.now(UTC)),
        is_repeatable=False,
    ),
    Query(
        subscriptions.insert_event,
        "jobs",
        lambda s: given(s.subscription_id, s.owner_id, "renewed", {}),
        is_repeatable=False,
    ),
    Query(
        webhook_deliveries.tell,
        "jobs",
        lambda s: given(s.team_id, "session.completed", {}),
        is_repeatable=False,
    ),
    Query(webhook_deliveries.claim_due, "jobs", lambda _: given(), is_repeatable=False),
    Query(webhook_deliveries.mark_delivered, "jobs", lambda s: given(s.delivery_id, _ATTEMPT), is_repeatable=False),
    Query(
        webhook_deliveries.mark_failed,
        "jobs",
        lambda s: given(s.delivery_id, _ATTEMPT, timedelta(minutes=1)),
        is_repeatable=False,
    ),
    Query(usage_warnings.claim_warnings, "jobs", lambda _: given(100), is_repeatable=False),
    Query(webhooks.note_success, "jobs", lambda s: given(s.endpoint_id), is_repeatable=False),
    Query(webhooks.note_failure, "jobs", lambda s: given(s.endpoint_id), is_repeatable=False),
    Query(webhooks.managers_to_tell, "jobs", lambda s: given(s.team_id)),
    Query(webhooks.disable_endpoint, "jobs", lambda s: given(s.endpoint_id, "gone"), is_repeatable=False),
    Query(audit.write, "jobs", lambda s: given(s.team_id, "sessions.erased", s.session_id), is_repeatable=False),
)
