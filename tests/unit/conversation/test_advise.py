"""Advice on a scripted sales call: what is shown, when, on what evidence, and when it goes."""

from __future__ import annotations

import pytest

from media_server.conversation.types import Cue, Quote, Utterance
from media_server.engines.protocols import Advice
from media_server.engines.rule_coach import RuleCoach
from media_server.events import GuidanceShown
from media_server.pipeline.advise import Advisor
from tests.unit.conversation.scripted import Line, Played, play

ROLES = {"Anna": "host", "David": "customer"}
SALES_CALL = [
    Line("Anna", 1000, 5210, "Hi David, thanks for taking the time today. How are things with your service team?"),
    Line(
        "David",
        5710,
        15340,
        "Hi Anna. Busy, to be honest. We have forty technicians, and we still plan every visit on a whiteboard."
        " You know, when somebody is sick, the whole day falls apart.",
    ),
    Line(
        "Anna",
        15940,
        44000,
        "I hear that a lot, so let me tell you how our planner works. The office sees every job on one map. When a"
        " technician is sick, the planner moves the visits to whoever is closest, and every customer gets a message"
        " right away. The technicians see their day on the phone, even without a signal. They take photos, they"
        " collect a signature, and the report is finished before they leave the driveway. Basically, you know, nobody"
        " has to type anything in the evening. And most teams need about two weeks to get started.",
    ),
    Line("David", 44700, 48410, "That sounds good. But how much does it cost per month for 40 people?"),
    Line(
        "Anna",
        48910,
        53800,
        "You will love the reports. Every Monday you see which jobs ran late, and why they ran late.",
    ),
    Line(
        "David",
        54300,
        61740,
        "Okay. What worries me is the move. All of our records are in an old spreadsheet, and I don't want my people"
        " to type everything a second time.",
    ),
    Line("Anna", 60740, 64260, "Oh, please don't worry about that. We will import the spreadsheet for you."),
    Line("David", 64860, 68860, "Good to hear. So we agreed to start a trial with ten technicians in January."),
    Line("Anna", 69360, 72490, "Perfect. I will send you the trial agreement by Friday."),
    Line("David", 72990, 75310, "And I will send you the spreadsheet by Wednesday."),
    Line("David", 76710, 79910, "One more question. Does it also work with our payroll system?"),
    Line("Anna", 80510, 84600, "I will ask our engineers and let you know on Tuesday. Thank you, David."),
]


@pytest.fixture(scope="module")
def sales_call() -> Played:
    return play(SALES_CALL, roles=ROLES)


def guidance(played: Played, cue: str) -> GuidanceShown:
    return next(event for event in played.shown if event.cue == cue)


def test_the_sales_call_gets_these_cues_and_no_others(sales_call: Played) -> None:
    assert sales_call.cues == ["long_monologue", "unanswered_question", "interruption"]


def test_the_price_question_is_told_with_its_quote(sales_call: Played) -> None:
    shown = guidance(sales_call, "unanswered_question")
    assert shown.content == "David's question has not been answered: “how much does it cost per month for 40 people?”"
    assert [one.quote for one in shown.evidence] == ["But how much does it cost per month for 40 people?"]
    assert (shown.evidence[0].transcript_id, shown.priority, shown.guidance_type) == ("t3.0", 1, "clarify")


def test_the_price_question_is_told_within_two_seconds_of_the_evasion(sales_call: Played) -> None:
    assert sales_call.at(guidance(sales_call, "unanswered_question")) - 53_800 <= 2_000


def test_the_interrupted_sentence_is_the_evidence_of_an_interruption(sales_call: Played) -> None:
    assert guidance(sales_call, "interruption").evidence[0].quote.endswith("to type everything a second time.")


def test_every_quote_is_verbatim_in_its_transcript(sales_call: Played) -> None:
    for shown in sales_call.shown:
        for one in shown.evidence:
            line = SALES_CALL[int(one.transcript_id.split(".")[0][1:])]
            assert one.quote in line.text


def test_every_content_fits_a_hundred_characters(sales_call: Played) -> None:
    assert all(0 < len(shown.content) <= 100 for shown in sales_call.shown)


def test_a_monologue_is_withdrawn_when_the_other_speaks(sales_call: Played) -> None:
    gone = {event.guidance_id: event.reason for event in sales_call.withdrawn}
    assert gone[guidance(sales_call, "long_monologue").guidance_id] == "other_speaks"


def test_the_talk_ratios_of_the_sales_call_are_right(sales_call: Played) -> None:
    ratios = {one.participant_id: one.talk_ratio for one in sales_call.metrics.participants}
    assert ratios == {"Anna": pytest.approx(0.613, abs=0.005), "David": pytest.approx(0.387, abs=0.005)}


def test_the_sales_call_has_one_interruption_by_the_host(sales_call: Played) -> None:
    counts = {one.participant_id: one.interruptions for one in sales_call.metrics.participants}
    assert counts == {"Anna": 1, "David": 0}


def test_guidance_keeps_ten_seconds_apart_unless_it_is_urgent(sales_call: Played) -> None:
    times = [(sales_call.at(shown), shown.priority) for shown in sales_call.shown]
    for (before_ms, _), (after_ms, priority) in zip(times, times[1:], strict=False):  # noqa: RUF007
        assert priority == 1 or after_ms - before_ms >= 10_000


def test_metrics_come_once_a_second() -> None:
    played = play([Line("Anna", 0, 5_000, "Hello everybody.")], roles=ROLES, until_ms=5_000)
    times = [now_ms for now_ms, event in played.events if event.type == "metrics.updated"]
    assert times == [0, 1_000, 2_000, 3_000, 4_000]


def test_an_answer_that_comes_later_withdraws_the_guidance() -> None:
    lines = [
        *SALES_CALL[3:5],
        Line("David", 54_300, 57_000, "Okay, I understand that."),
        Line("Anna", 58_000, 61_000, "And the price is eight hundred dollars."),
    ]
    played = play(lines, roles=ROLES)
    assert played.cues == ["unanswered_question"]
    assert [(gone.guidance_id, gone.reason) for gone in played.withdrawn] == [(played.shown[0].guidance_id, "answered")]


class Chatterbox:
    """A coach that says the same about every cue, with a quote of its own making."""

    def __init__(self, quote: str, priority: int = 1) -> None:
        self._quote = quote
        self._priority = priority

    def advise(self, cue: Cue, names: object) -> Advice | None:
        return Advice("suggest", self._priority, "Say the price.", (Quote(cue.quotes[0].transcript_id, self._quote),))


def test_guidance_with_an_invented_quote_is_not_shown() -> None:
    assert play(SALES_CALL, roles=ROLES, advisor=Advisor(Chatterbox("I hate your product."), "sales")).shown == []


def test_guidance_without_a_quote_is_not_shown() -> None:
    assert play(SALES_CALL, roles=ROLES, advisor=Advisor(Chatterbox(" "), "sales")).shown == []


def evaded(number: int) -> list[Line]:
    start = number * 9_000
    return [
        Line("David", start, start + 3_000, f"How much does module number {number} cost per month?"),
        Line("Anna", start + 3_500, start + 7_000, "You will really love the new reports, believe me."),
    ]


def test_no_more_than_three_pieces_are_visible_at_once() -> None:
    played = play([line for number in range(1, 7) for line in evaded(number)], roles=ROLES)
    live: dict[str, int] = {}
    for now_ms, event in played.events:
        live = {guidance_id: expires_ms for guidance_id, expires_ms in live.items() if expires_ms > now_ms}
        if isinstance(event, GuidanceShown):
            live[event.guidance_id] = event.expires_at_ms
        assert len(live) <= 3
    assert len(played.shown) >= 3


def test_a_dismissed_piece_frees_its_place() -> None:
    advisor = Advisor(RuleCoach(), "sales")
    first = play([line for number in range(1, 4) for line in evaded(number)], roles=ROLES, advisor=advisor)
    assert len(first.shown) == 3
    advisor.dismissed(first.shown[0].guidance_id)
    utterance = Utterance("t9", "David", "David", 40_000, 42_000, "How much does the training cost then?")
    advisor.speech_started("David", 40_000)
    advisor.speech_ended("David", 40_000, 42_000)
    advisor.transcript(utterance)
    shown = [
        event
        for now_ms in range(42_500, 48_000, 250)
        for event in advisor.tick(now_ms)
        if event.type == "guidance.shown"
    ]
    assert len(shown) == 1


def test_a_participant_who_left_speaks_no_more() -> None:
    advisor = Advisor(RuleCoach(), "sales")
    advisor.participant_joined("Anna", "Anna", "host")
    advisor.speech_started("Anna", 0)
    advisor.participant_left("Anna")
    metrics = [event for event in advisor.tick(60_000) if event.type == "metrics.updated"]
    assert [one.talk_ms for one in metrics[0].participants] == [0]  # type: ignore[attr-defined]
