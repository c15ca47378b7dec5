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
