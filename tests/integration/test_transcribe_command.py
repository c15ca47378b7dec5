"""`liveconvo transcribe` with the real engine on the demo's recordings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from deploy.call.audio_file import read_recording
from deploy.cli import main

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
SCRIPT = json.loads((DEMO / "script.json").read_text())["utterances"]
NEAR_MS = 400


def write_wav(file: Path, *channels: np.ndarray) -> Path:
    """16 kHz."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((np.stack(channels).T * 32_767).astype("<i2").tobytes())
    return file


@pytest.fixture(autouse=True)
def _one_recognizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECONVO_ASR_WORKERS", "1")


@pytest.fixture(scope="module")
def host() -> np.ndarray:
    """The beginning of the demo, in which its host says one line."""
    return read_recording(DEMO / "host.opus").for_listening()[: 7 * 16_000]


def bare(text: str) -> list[str]:
    return "".join(letter for letter in text.casefold() if letter.isalnum() or letter == " ").split()


def test_a_recording_becomes_text_captions_and_json(tmp_path: Path, host: np.ndarray) -> None:
    file, out = write_wav(tmp_path / "call.wav", host), tmp_path / "out"
    formats = [word for extension in ("txt", "vtt", "srt", "json") for word in ("--format", extension)]
    assert main(["transcribe", str(file), *formats, "--words", "--output-dir", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["call.json", "call.srt", "call.txt", "call.vtt"]
    assert bare((out / "call.txt").read_text()) == bare(SCRIPT[0]["text"])
    segments = json.loads((out / "call.json").read_text())["segments"]
    words = [word for segment in segments for word in segment["words"]]
    assert bare(" ".join(word["text"] for word in words)) == bare(SCRIPT[0]["text"])
    assert abs(words[0]["start_ms"] - SCRIPT[0]["start_ms"]) < NEAR_MS
    assert abs(words[-1]["end_ms"] - SCRIPT[0]["end_ms"]) < NEAR_MS
    assert "-->" in (out / "call.vtt").read_text()
    assert (out / "call.srt").read_text().startswith("1\n00:00:0")


def test_channels_that_are_split_have_speakers(
    tmp_path: Path, host: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_wav(tmp_path / "call.wav", np.zeros_like(host), host)
    assert main(["transcribe", str(file), "--channels", "split"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.startswith("Channel 2: ") for line in lines)


def test_without_speech_files_are_empty_and_valid(
    tmp_path: Path, host: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_wav(tmp_path / "quiet.wav", np.zeros(3 * 16_000))
    assert main(["transcribe", str(file), "--format", "vtt"]) == 0
    assert capsys.readouterr().out == "WEBVTT\n"


def test_a_file_that_cannot_be_read_does_not_keep_the_others(
    tmp_path: Path, host: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, fine = tmp_path / "broken.mp3", write_wav(tmp_path / "fine.wav", host)
    broken.write_bytes(b"no music")
    empty = write_wav(tmp_path / "empty.wav", np.zeros(0))
    assert main(["transcribe", str(broken), str(empty), str(fine), "--output-dir", str(tmp_path / "out")]) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["fine.txt"]
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "broken.mp3" in line and "not a recording that can be read" in line]
    assert [line for line in lines if "empty.wav" in line and "there is no audio in it" in line]


def test_files_that_are_refused_load_no_model(
    tmp_path: Path, host: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = tmp_path / "broken.mp3", write_wav(tmp_path / "fine.wav", host)
    broken.write_bytes(b"no music")
    monkeypatch.setenv("LIVECONVO_WHISPER_MODEL", str(tmp_path / "no-model"))
    assert main(["transcribe", str(fine), "--max-seconds", "6.5"]) == 3
    assert "longer than 6 s" in capsys.readouterr().err
    assert main(["transcribe", str(broken), str(fine), "--max-seconds", "6.5"]) == 3
    assert main(["transcribe", str(fine), "--input-format", "ogg"]) == 2


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, host: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    file = write_wav(tmp_path / "quiet.wav", np.zeros(16_000))
    assert main(["transcribe", str(file), "--output-dir", str(tmp_path / "out")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_an_interruption_leaves_no_file_and_says_so(tmp_path: Path, host: np.ndarray) -> None:
    out = tmp_path / "out"
    liveconvo = [sys.executable, "-c", "import sys; from deploy.cli import main; sys.exit(main())"]
    command = [*liveconvo, "transcribe", "-", "--output-dir", str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        pcm = write_wav(tmp_path / "call.wav", np.tile(host, 2)).read_bytes()
        child.stdin.write(pcm[: len(pcm) - 16_000])
        child.stdin.flush()  # more than a pipe holds: it has read almost all, and waits for the rest
        os.kill(child.pid, signal.SIGINT)
        error = child.stderr.read().decode()
        assert child.wait(30) == 130
    assert error.splitlines()[-1] == "liveconvo transcribe: interrupted"
    assert "Traceback" not in error
    assert not out.exists() or not list(out.iterdir())
