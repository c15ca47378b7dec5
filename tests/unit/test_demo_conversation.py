"""The demo's script and its recordings belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest

DEMO = Path(__file__).parents[2] / "deploy" / "demo"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEMO / "script.json").read_text(encoding="utf-8"))
    return loaded


def duration_ms(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        return float(stream.duration * stream.time_base * 1000)


def test_talk_ratios_are_the_shares_of_the_utterances(script: dict[str, Any]) -> None:
    talk = dict.fromkeys(script["talk_ratio"], 0)
    for spoken in script["utterances"]:
        talk[spoken["speaker"]] += spoken["end_ms"] - spoken["start_ms"]
    shares = {name: ms / sum(talk.values()) for name, ms in talk.items()}
    assert shares == pytest.approx(script["talk_ratio"], abs=0.001)


def test_both_tracks_have_one_length_that_holds_every_utterance(script: dict[str, Any]) -> None:
    lengths = [duration_ms(DEMO / participant["audio"]) for participant in script["participants"]]
    assert lengths[0] == pytest.approx(lengths[1], abs=20)
    assert 60_000 <= lengths[0] <= 90_000
    assert max(spoken["end_ms"] for spoken in script["utterances"]) < lengths[0]


def test_the_interruption_overlaps_by_about_a_second(script: dict[str, Any]) -> None:
    at_ms = next(moment["at_ms"] for moment in script["moments"] if moment["kind"] == "interruption")
    interrupted = next(u for u in script["utterances"] if u["start_ms"] < at_ms < u["end_ms"])
    assert 800 <= interrupted["end_ms"] - at_ms <= 1200


def test_the_recordings_are_small(script: dict[str, Any]) -> None:
    assert sum((DEMO / participant["audio"]).stat().st_size for participant in script["participants"]) < 600_000
