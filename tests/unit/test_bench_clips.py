"""An utterance is counted for the clip it was spoken in."""

from deploy.bench.asr_engine import clip_of

STARTS_S = [0.0, 11.66, 22.0]


def test_an_utterance_inside_a_clip_is_of_that_clip() -> None:
    assert clip_of(STARTS_S, 12_000, 14_000) == 1


def test_speech_heard_a_moment_before_its_clip_begins_is_of_that_clip() -> None:
    assert clip_of(STARTS_S, 11_648, 20_040) == 1


def test_the_first_utterance_is_of_the_first_clip() -> None:
    assert clip_of(STARTS_S, 0, 100) == 0
