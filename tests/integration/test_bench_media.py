"""`liveconvo bench media` measures what it says, with calls that really connect."""

from __future__ import annotations

import json

import pytest

from deploy.cli import main


@pytest.mark.slow
def test_it_measures_both_contestants_on_the_same_calls(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["bench", "media", "--only", "receive_cpu_ms", "--calls", "2", "--seconds", "1", "--json"]
    assert main(line) == 0
    [row] = json.loads(capsys.readouterr().out)["rows"]
    assert (row["metric"], row["peer_name"], row["n"]) == ("receive_cpu_ms", "stock aiortc", 2)
    assert 0 < row["ours"] < 200
    assert 0 < row["peer"] < 200
    assert "2 calls, 1 s after" in row["conditions"]


@pytest.mark.slow
def test_a_soak_tells_what_is_left_when_everybody_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["bench", "media", "--only", "rss_slope_mb_h", "--soak", "0.1", "--people", "6", "--json"]
    assert main(line) == 0
    [row] = json.loads(capsys.readouterr().out)["rows"]
    assert (row["metric"], row["unit"]) == ("rss_slope_mb_h", "MB/h")
    assert "6 people at most" in row["conditions"]
    assert "left: 0 people, 0 tasks, 0 threads, 0 descriptors" in row["conditions"]
