"""What every installation begins with: four plans, and four playbooks that a coach can go by."""

from __future__ import annotations

import asyncio
import json
import re
import typing
from decimal import Decimal
from typing import Any

import pytest

from db.pool import owner_connection
from media_server.conversation.cues import BANDS
from media_server.conversation.types import CueKind
from media_server.engines.rule_coach import MAX_CHARACTERS, MAX_NAME_CHARACTERS
from media_server.events import GuidanceType, ParticipantMetrics
from tests.conftest import TEMPLATE, PostgresServer

FREE = {
    "display_name": "Starter",
    "plan_type": "individual",
    "price_monthly": Decimal(0),
    "price_yearly": Decimal(0),
    "monthly_audio_hours_limit": 1,
    "monthly_audio_minutes_limit": 60,
    "max_documents_per_session": 5,
    "max_file_size_mb": 10,
    "max_sessions_per_month": 10,
    "max_organization_members": 1,
    "max_guidance_requests_per_session": 20,
    "has_real_time_guidance": True,
    "has_advanced_summaries": False,
    "has_export_options": False,
    "has_email_summaries": False,
    "has_api_access": False,
    "has_custom_templates": False,
    "has_priority_support": False,
    "has_analytics_dashboard": False,
    "has_team_collaboration": False,
    "ai_model_access": ["gpt-4o-mini"],
    "summary_generation_priority": 3,
    "is_active": True,
    "is_featured": False,
    "sort_order": 1,
}
PAID = {
    "has_advanced_summaries": True,
    "has_export_options": True,
    "has_email_summaries": True,
    "has_api_access": True,
    "has_custom_templates": True,
    "has_priority_support": True,
    "has_analytics_dashboard": True,
    "ai_model_access": ["gpt-4o-mini", "gpt-4o"],
    "monthly_audio_hours_limit": None,
    "monthly_audio_minutes_limit": None,
    "max_sessions_per_month": None,
    "summary_generation_priority": 2,
}
PLANS: dict[str, dict[str, Any]] = {
    "individual_free": FREE,
    "individual_pro": FREE | PAID | {
        "display_name": "Pro",
        "price_monthly": Decimal(29),
        "price_yearly": Decimal(290),
        "max_documents_per_session": 20,
        "max_file_size_mb": 50,
        "max_guidance_requests_per_session": 100,
        "is_featured": True,
        "sort_order": 2,
    },
    "org_starter": FREE | PAID | {
        "display_name": "Team",
        "plan_type": "organization",
        "price_monthly": Decimal(79),
        "price_yearly": Decimal(790),
        "max_documents_per_session": 50,
        "max_file_size_mb": 100,
        "max_organization_members": 10,
        "max_guidance_requests_per_session": 200,
        "has_team_collaboration": True,
        "sort_order": 3,
    },
    "org_enterprise": FREE | PAID | {
        "display_name": "Enterprise",
        "plan_type": "organization",
        "price_monthly": None,
        "price_yearly": None,
        "max_documents_per_session": None,
        "max_file_size_mb": None,
        "max_organization_members": None,
        "max_guidance_requests_per_session": None,
        "has_team_collaboration": True,
        "summary_generation_priority": 1,
        "sort_order": 4,
    },
}  # fmt: skip
NOT_SEEDED = {
    "id", "name", "description", "created_at", "updated_at", "stripe_price_id_monthly", "stripe_price_id_yearly",
}  # fmt: skip

TEMPLATE_IDS = {
    "sales": "5a1e5000-0000-4000-8000-000000000001",
    "support": "5a1e5000-0000-4000-8000-000000000002",
    "meeting": "5a1e5000-0000-4000-8000-000000000003",
    "interview": "5a1e5000-0000-4000-8000-000000000004",
}
LISTENS_FOR = {
    "sales": (
        "Discovery", "Rapport", "Budget", "Authority", "Need", "Timing", "Decision process", "Objections", "Next step",
    ),
    "support": ("Diagnosis", "Steps", "Emotion", "Root cause", "Resolution", "Escalation"),
    "meeting": ("Agenda", "Voices", "Decisions", "Actions", "Risks", "Milestones", "Time"),
    "interview": ("Behaviour", "Examples", "Skills", "Fit", "Red flags"),
}  # fmt: skip
SECTIONS = {
    "sales": ("Pains", "Qualification", "Objections", "Closing", "Next step"),
    "support": ("Issue", "Root cause", "Resolution or escalation", "Satisfaction"),
    "meeting": ("Agenda", "Decisions", "Actions", "Risks", "Milestones"),
    "interview": ("Skills", "Fit", "Red flags", "Recommendation"),
}
FIELDS = {
    "cue": {"kind", "cue", "guidance_type", "priority", "when", "say"},
    "prompt": {"kind", "name", "guidance_type", "priority", "when", "say"},
    "band": {"kind", "metric", "low", "high", "why"},
}
CUES = set(typing.get_args(CueKind))
TYPES = {*typing.get_args(GuidanceType)}
METRICS = {
    "talk_ratio",
    "longest_monologue_ms",
    "patience_ms",
    "question_wait_ms",
    "silence_ms",
    "pace_wpm",
    "filler_rate",
}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def plans(postgres_server: PostgresServer) -> dict[str, Row]:
    return {row["name"]: row for row in asyncio.run(_read(postgres_server, "SELECT * FROM plans"))}


@pytest.fixture(scope="module")
def templates(postgres_server: PostgresServer) -> dict[str, Row]:
    return {row["conversation_type"]: row for row in asyncio.run(_read(postgres_server, "SELECT * FROM templates"))}


async def _read(server: PostgresServer, query: str) -> list[Row]:
    async with owner_connection(server.url(TEMPLATE)) as conn:
        await conn.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        return [dict(row) for row in await conn.fetch(query)]


def entries(template: Row, kind: str) -> list[Row]:
    return [entry for entry in template["guidance_prompts"] if entry["kind"] == kind]


# Plans ----------------------------------------------------------------------------------------------------------------


def test_there_are_four_plans(plans: dict[str, Row]) -> None:
    assert plans.keys() == PLANS.keys()


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_has_its_figures_and_flags(plans: dict[str, Row], name: str) -> None:
    assert {column: value for column, value in plans[name].items() if column not in NOT_SEEDED} == PLANS[name]


# Playbooks ------------------------------------------------------------------------------------------------------------


def test_each_conversation_type_has_one_playbook_of_the_system_with_a_fixed_id(templates: dict[str, Row]) -> None:
    assert {type_: str(row["id"]) for type_, row in templates.items()} == TEMPLATE_IDS
    for row in templates.values():
        assert (row["user_id"], row["organization_id"], row["deleted_at"]) == (None, None, None)
        assert row["is_system_template"]
        assert row["is_public"]
        assert row["is_active"]


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_every_entry_has_the_fields_of_its_kind(templates: dict[str, Row], type_: str) -> None:
    for entry in templates[type_]["guidance_prompts"]:
        assert entry.keys() == FIELDS[entry["kind"]], entry


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_every_rule_has_words_in_every_playbook(templates: dict[str, Row], type_: str) -> None:
    assert sorted(entry["cue"] for entry in entries(templates[type_], "cue")) == sorted(CUES)


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_what_is_said_is_guidance_that_fits_the_screen(templates: dict[str, Row], type_: str) -> None:
    for entry in (*entries(templates[type_], "cue"), *entries(templates[type_], "prompt")):
        assert entry["guidance_type"] in TYPES, entry
        assert entry["priority"] in {1, 2, 3}, entry
        assert set(re.findall(r"{(\w*)}", entry["say"])) <= {"name", "figure", "quote"}, entry
        filled_in = entry["say"].format(name="n" * MAX_NAME_CHARACTERS, figure=9999, quote="")
        assert 20 <= len(filled_in) <= MAX_CHARACTERS, entry
        assert len(entry["when"]) >= 20, entry


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_a_playbook_has_enough_prompts_each_with_a_name_of_its_own(templates: dict[str, Row], type_: str) -> None:
    names = [entry["name"] for entry in entries(templates[type_], "prompt")]
    assert len(names) == len(set(names)) >= 10


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_a_playbook_has_one_band_of_every_metric(templates: dict[str, Row], type_: str) -> None:
    bands = entries(templates[type_], "band")
    assert sorted(band["metric"] for band in bands) == sorted(METRICS)
    for band in bands:
        low, high = band["low"], band["high"]
        assert (low, high) != (None, None), band
        assert low is None or high is None or 0 <= low < high, band


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_the_bands_are_those_that_the_rules_go_by(templates: dict[str, Row], type_: str) -> None:
    high = {band["metric"]: band["high"] for band in entries(templates[type_], "band")}
    rules = BANDS[type_]
    assert high == {
        "talk_ratio": rules.talk_percent / 100,
        "longest_monologue_ms": rules.monologue_ms,
        "question_wait_ms": rules.question_wait_ms,
        "silence_ms": rules.silence_ms,
        "pace_wpm": rules.pace_wpm,
        "filler_rate": rules.filler_percent / 100,
        "patience_ms": None,
    }


def test_the_metrics_of_a_participant_are_called_as_on_the_wire() -> None:
    assert {*ParticipantMetrics.__dataclass_fields__} >= METRICS - {"question_wait_ms", "silence_ms"}


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_a_playbook_says_what_to_know_and_what_to_listen_for(templates: dict[str, Row], type_: str) -> None:
    instructions = templates[type_]["context_instructions"]
    headings = re.findall(r"^## (.+)$", instructions, re.MULTILINE)
    assert [heading.split(" the ")[0] for heading in headings] == ["Know before", "Listen for", "Coach like this"]
    assert {*LISTENS_FOR[type_]} <= {*re.findall(r"^- \*\*(.+?)\.\*\*", instructions, re.MULTILINE)}


@pytest.mark.parametrize("type_", TEMPLATE_IDS)
def test_a_playbook_says_what_its_summary_consists_of(templates: dict[str, Row], type_: str) -> None:
    sections = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n?)+)", templates[type_]["summary_template"], re.MULTILINE))
    assert next(iter(sections)) == "In short"
    assert {*SECTIONS[type_]} <= sections.keys()
    assert all(len(text.strip()) > 40 for text in sections.values())
