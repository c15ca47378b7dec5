"""`liveconvo bench mixer`: what it prints, and the bound of one way through the mixer."""

from __future__ import annotations

import json

import pytest

from deploy.bench import mixer
from deploy.bench.mixer_latency import latency_rows
from deploy.cli import main


def test_one_way_through_the_mixer_takes_at_most_50_ms() -> None:
    middle, worst = latency_rows()
    assert middle.ours is not None
    assert worst.ours is not None
    assert 25 < middle.ours <= 41
    assert worst.ours <= 50


@pytest.mark.slow
def test_every_row_stands_beside_the_way_of_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mixer, "SIZES", (3,))
    assert main(["bench", "mixer", "--ticks", "3", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bench"] == "mixer"
    timed = [row for row in printed["rows"] if row["peer_name"]]
    assert [row["metric"] for row in timed] == ["mixer_tick_ms", "mixer_cpu_ms_per_participant_s"] * 2
    assert all(row["ratio"] for row in timed)
