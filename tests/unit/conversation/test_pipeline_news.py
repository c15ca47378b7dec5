"""What a call is told of the level: each change for the log, and the rest for whoever watches."""

from __future__ import annotations

from media_server.conversation.ladder import Level
from media_server.conversation.pipeline_news import REPEAT_S, PipelineNews

LOOK_S = 0.1


def told(levels: list[Level]) -> list[tuple[int, str]]:
    """When, in looks, and how."""
    news = PipelineNews()
    looks = ((number, news.look(level, number * LOOK_S)) for number, level in enumerate(levels))
    return [(number, how) for number, how in looks if how is not None]


def test_while_text_keeps_up_nothing_is_said() -> None:
    assert told(["full"] * 50) == []


def test_each_change_is_an_entry() -> None:
    levels: list[Level] = ["full", "coalesced", "metrics_only", "metrics_only", "finals_only", "full"]
    assert told(levels) == [(1, "entry"), (2, "entry"), (4, "entry"), (5, "entry")]


def test_a_bad_level_is_said_again_every_second_and_no_longer() -> None:
    every = round(REPEAT_S / LOOK_S)
    assert told(["coalesced"] * (3 * every) + ["full"] * 50) == [
        (0, "entry"),
        (every, "live"),
        (2 * every, "live"),
        (3 * every, "entry"),
    ]


def test_what_an_earlier_epoch_said_last_is_taken_back_when_it_is_over() -> None:
    news = PipelineNews()
    news.recall("metrics_only")
    assert news.look("full", 0.0) == "entry"
