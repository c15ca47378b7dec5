"""Which language somebody speaks is decided once, and kept until it is clearly contradicted."""

from __future__ import annotations

import pytest

from media_server.conversation.language import CERTAIN, LIKELY, LONG_MS, SURE, SpokenLanguage


def after(*heard: tuple[str, float, int], expected: str | None = None) -> str | None:
    spoken = SpokenLanguage(expected)
    for language, probability, speech_ms in heard:
        spoken.heard(language, probability, speech_ms)
    return spoken.choice


def test_what_is_expected_is_chosen_before_anything_is_heard() -> None:
    assert after() is None
    assert after(expected="de") == "de"


@pytest.mark.parametrize(
    ("probability", "speech_ms", "choice"),
    [(SURE, LONG_MS, "de"), (SURE - 0.01, LONG_MS, None), (SURE, LONG_MS - 1, None)],
)
def test_one_long_final_that_is_sure_decides(probability: float, speech_ms: int, choice: str | None) -> None:
    assert after(("de", probability, speech_ms)) == choice


def test_two_likely_ones_in_a_row_decide() -> None:
    short = LONG_MS // 3
    assert after(("de", LIKELY, short), ("de", LIKELY, short)) == "de"
    assert after(("de", LIKELY, short), ("nl", LIKELY, short)) is None
    assert after(("de", LIKELY, short), ("de", LIKELY - 0.01, short)) is None


def test_a_decision_is_kept_against_one_contradiction() -> None:
    assert after(("de", 1.0, LONG_MS), ("en", 1.0, 9 * LONG_MS)) == "de"
    assert after(("de", 1.0, LONG_MS), ("en", 1.0, LONG_MS), ("de", 1.0, LONG_MS), ("en", 1.0, LONG_MS)) == "de"


@pytest.mark.parametrize(
    ("probability", "speech_ms", "choice"),
    [(CERTAIN, LONG_MS, "en"), (CERTAIN - 0.01, LONG_MS, "de"), (CERTAIN, LONG_MS - 1, "de")],
)
def test_two_clear_contradictions_in_a_row_change_it(probability: float, speech_ms: int, choice: str) -> None:
    other = ("en", probability, speech_ms)
    assert after(other, other, expected="de") == choice
