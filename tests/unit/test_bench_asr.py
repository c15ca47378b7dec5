"""What `liveconvo bench asr` measures when it is asked for something, and with what."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.bench import asr
from deploy.bench.peers import PEERS, installed
from deploy.cli import ASR_FIGURES, ASR_PEERS, main


def test_every_figure_that_can_be_asked_for_belongs_to_a_part() -> None:
    assert {asr.part_of(figure) for figure in ASR_FIGURES} == set(asr.PARTS)
    assert set(ASR_PEERS) == set(PEERS)


def test_without_a_folder_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "asr"]) == 2
    assert "--data DIR" in capsys.readouterr().err


def test_a_folder_without_a_manifest_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "asr", "--data", str(tmp_path)]) == 2
    assert "manifest.tsv" in capsys.readouterr().err


def test_peers_that_were_never_installed_are_none(tmp_path: Path) -> None:
    assert installed(tmp_path / "python") == {}
