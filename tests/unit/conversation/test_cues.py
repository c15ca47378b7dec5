"""Every kind of cue: when it comes, when it does not, and when it goes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media_server.conversation.cues import BANDS
from media_server.conversation.evidence import KEPT_TRANSCRIPTS, Evidence
from media_server.conversation.types import Cue, CueKind, Quote
from media_server.engines.rule_coach import RuleCoach
from tests.unit.conversation.scripted import Line, Played, play

ROLES = {"Anna": "host", "David": "customer"}
PLAIN = "We plan the visits of all the people every day on one big map in the office."


def shown(played: Played, cue: CueKind) -> list[int]:
    return [played.at(event) for event in played.shown if event.cue == cue]


def exchange(count: int, *, host_ms: int, guest_ms: int, host_text: str = PLAIN) -> list[Line]:
    lines, at_ms = [], 0
    for _ in range(count):
        lines.append(Line("Anna", at_ms, at_ms + host_ms, host_text))
        lines.append(
            Line("David", at_ms + host_ms + 500, at_ms + host_ms + 500 + guest_ms, "That is what we do as well.")
        )
        at_ms += host_ms + guest_ms + 1_000
    return lines


def monologue(seconds: int, text: str = PLAIN) -> list[Line]:
    return [Line("Anna", 0, seconds * 1_000, f"{text} " * (seconds // 5))]


def test_a_long_monologue_of_the_host_is_told() -> None:
    assert len(shown(play(monologue(40), roles=ROLES), "long_monologue")) == 1


def test_a_long_monologue_of_the_customer_is_not() -> None:
    assert play(monologue(40), roles={"Anna": "customer", "David": "host"}).shown == []


def test_a_monologue_with_a_question_in_it_is_not_told() -> None:
    assert shown(play(monologue(40, PLAIN + " Is that so at your office?"), roles=ROLES), "long_monologue") == []


@pytest.mark.parametrize(
    ("conversation_type", "count"), [("sales", 1), ("support", 0), ("meeting", 0), ("interview", 0)]
)
def test_a_monologue_of_half_a_minute_is_long_only_in_sales(conversation_type: str, count: int) -> None:
    assert len(shown(play(monologue(34), roles=ROLES, conversation_type=conversation_type), "long_monologue")) == count


def test_a_host_who_talks_too_much_is_told_once_in_five_minutes() -> None:
    times = shown(play(exchange(40, host_ms=8_000, guest_ms=2_000), roles=ROLES), "talk_ratio")
    assert times[0] >= 120_000
    assert all(after - before >= 300_000 for before, after in pairwise(times))


def test_a_balanced_conversation_is_left_alone() -> None:
    assert play(exchange(30, host_ms=5_000, guest_ms=5_000), roles=ROLES).shown == []


def test_a_host_who_speaks_too_fast_is_told() -> None:
    lines = exchange(8, host_ms=5_000, guest_ms=5_000, host_text="one two three four five " * 5)
    assert len(shown(play(lines, roles=ROLES), "pace")) == 1


def test_a_host_full_of_fillers_is_told_with_one_of_them() -> None:
    lines = exchange(10, host_ms=5_000, guest_ms=5_000, host_text="Um, it is, uh, basically one plan for all people.")
    played = play(lines, roles=ROLES)
    assert [event.evidence[0].quote for event in played.shown if event.cue == "fillers"] == [
        "Um, it is, uh, basically one plan for all people."
    ]


def test_silence_in_a_conversation_is_told_with_the_last_words_and_goes_when_somebody_speaks() -> None:
    lines = [*exchange(3, host_ms=4_000, guest_ms=4_000), Line("Anna", 45_000, 48_000, "Then let us go on with it.")]
    played = play(lines, roles=ROLES)
    told = [event for event in played.shown if event.cue == "silence"]
    assert [event.evidence[0].quote for event in told] == ["That is what we do as well."]
    assert [(gone.guidance_id, gone.reason) for gone in played.withdrawn] == [(told[0].guidance_id, "speech")]


def test_silence_before_the_conversation_began_is_not_told() -> None:
    assert play([Line("Anna", 0, 2_000, "Hello.")], roles=ROLES, until_ms=60_000).shown == []


def test_a_host_who_interrupts_is_told() -> None:
    lines = [
        Line("David", 0, 6_000, "We have tried this before, and what I do not want is"),
        Line("Anna", 4_800, 9_000, "Do not worry about any of that."),
    ]
    played = play(lines, roles=ROLES)
    assert [event.content for event in played.shown] == ["You cut David off. Let people finish, then answer."]


def test_a_customer_who_interrupts_is_not_told() -> None:
    lines = [
        Line("Anna", 0, 6_000, "Every morning the planner"),
        Line("David", 4_800, 9_000, "That is not how we work."),
    ]
    assert play(lines, roles=ROLES).shown == []


def test_a_session_without_a_type_is_judged_as_a_meeting() -> None:
    assert shown(play(monologue(60), roles=ROLES, conversation_type=""), "long_monologue") == []
    assert len(shown(play(monologue(100), roles=ROLES, conversation_type=""), "long_monologue")) == 1


def test_every_conversation_type_has_bands() -> None:
    assert set(BANDS) == {"sales", "support", "meeting", "interview"}


KINDS: list[CueKind] = [
    "long_monologue",
    "talk_ratio",
    "unanswered_question",
    "interruption",
    "pace",
    "fillers",
    "silence",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_about_host", [True, False])
def test_the_rule_coach_keeps_to_a_hundred_characters(kind: CueKind, is_about_host: bool) -> None:
    quotes = (Quote("t", "But how much " + "does it really cost " * 12 + "?"),)
    cue = Cue(kind, "p", 1_000, quotes, "p", 7_200, is_about_host)
    advice = RuleCoach().advise(cue, {"p": "Wolfeschlegelsteinhausenbergerdorff the Third"})
    assert advice is not None
    assert 0 < len(advice.content) <= 100
    assert advice.priority in (1, 2, 3)
    assert advice.quotes == quotes


def test_a_quote_must_be_verbatim() -> None:
    evidence = Evidence()
    evidence.add("t1", "That sounds good. But how much does it cost?")
    assert evidence.holds([Quote("t1", "how much does it cost")])
    assert not evidence.holds([Quote("t1", "how much does it cost"), Quote("t1", "How much does it cost")])
    assert not evidence.holds([Quote("t2", "how much does it cost")])
    assert not evidence.holds([])


def test_evidence_forgets_the_oldest_first() -> None:
    evidence = Evidence()
    for number in range(KEPT_TRANSCRIPTS + 1):
        evidence.add(f"t{number}", "Hello.")
    assert (evidence.holds([Quote("t0", "Hello.")]), evidence.holds([Quote("t1", "Hello.")])) == (False, True)
