"""What `liveconvo call` prints for people."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.call.view import LEVELS, TextView
from media_server.conversation.ladder import LEVELS as ALL_LEVELS


def printed(capsys: pytest.CaptureFixture[str], *messages: dict[str, Any]) -> list[str]:
    view = TextView()
    for message in messages:
        view.show(message)
    return capsys.readouterr().out.splitlines()


def final(text: str, failure: str | None) -> dict[str, Any]:
    said = {"type": "transcript.final", "speaker": "Ada", "start_ms": 61_000, "end_ms": 64_600, "text": text}
    return {**said, "failure": failure}


def test_what_was_not_transcribed_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, final("Hello.", None), final("", "recognizer_overloaded"))
    assert lines == ["[01:01] Ada: Hello.", "[01:01] Ada: [not transcribed: 4 s of speech]"]


def test_a_change_of_level_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    status = {"type": "pipeline.status", "lag_ms": 4_000, "level": "metrics_only"}
    assert printed(capsys, {**status, "seq": 7}, status, status) == [f"── {LEVELS['metrics_only']}"]


def test_every_level_has_words() -> None:
    assert set(LEVELS) == set(ALL_LEVELS)
