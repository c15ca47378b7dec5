"""A tick costs as little in the second hour as in the first."""

from __future__ import annotations

import time

import pytest

from media_server.conversation.types import Utterance
from media_server.engines.rule_coach import RuleCoach
from media_server.pipeline.advise import Advisor

TWO_HOURS_MS = 7_200_000
PEOPLE = ("Anna", "David", "Eve", "Frank")
TEXTS = (
    "We plan the visits of all the people every day on one big map in the office.",
    "But how much does it cost per month for forty people?",
    "You will love the reports, and, you know, every Monday you see which jobs ran late.",
    "Okay, that is fine.",
)


@pytest.mark.slow
def test_a_tick_of_a_two_hour_call_of_four_costs_less_than_a_millisecond() -> None:
    advisor = Advisor(RuleCoach(), "sales")
    for number, name in enumerate(PEOPLE):
        advisor.participant_joined(name, name, "customer" if number else "host")
    costs_s: list[float] = []
    for number, start_ms in enumerate(range(0, TWO_HOURS_MS, 4_000)):
        name = PEOPLE[number * 7 // 3 % 4]
        advisor.speech_started(name, start_ms)
        for now_ms in range(start_ms + 250, start_ms + 4_001, 250):
            if now_ms - start_ms == 3_500:
                advisor.speech_ended(name, start_ms, start_ms + 3_100)
                text = TEXTS[number % len(TEXTS)]
                advisor.transcript(Utterance(f"t{number}", name, name, start_ms, start_ms + 3_100, text))
            before_s = time.thread_time()
            advisor.tick(now_ms)
            costs_s.append(time.thread_time() - before_s)
    costs_s.sort()
    assert costs_s[len(costs_s) * 95 // 100] < 0.001
    assert costs_s[len(costs_s) // 2] < 0.0005
