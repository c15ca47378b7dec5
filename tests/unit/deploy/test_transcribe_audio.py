"""Recordings as blocks at their times: channels, holes, and what cannot be read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deploy.transcribe.audio import Block, Channels, UnreadableFileError, opened

RATE_HZ = 48_000


def write(file: Path, samples: np.ndarray, *, hole_s: float = 0.0, codec: str = "pcm_s16le") -> Path:
    """Args: samples, shape (channels, n), -1 … 1, 48 kHz; hole_s, that comes before the second half."""
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout=layout)
        half = samples.shape[1] // 2
        for start, part in ((0, samples[:, :half]), (half + round(hole_s * RATE_HZ), samples[:, half:])):
            pcm = np.ascontiguousarray((part * 32_767).astype(np.int16).T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def read(file: Path, channels: Channels = "mix") -> list[Block]:
    with opened(file, channels) as source:
        return list(source.blocks())


def tone(seconds: float, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * 300 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def joined(blocks: list[Block]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks], axis=1)


def test_blocks_follow_each_other(tmp_path: Path) -> None:
    blocks = read(write(tmp_path / "a.wav", tone(2.0)[None]))
    ends = [block.start_sample + block.samples.shape[1] for block in blocks]
    assert [block.start_sample for block in blocks] == [0, *ends[:-1]]
    assert abs(ends[-1] - 32_000) < 50
    assert 0.49 < np.abs(joined(blocks)).max() < 0.51


def test_channels_are_kept_apart_when_asked(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", np.stack([tone(1.0), np.zeros(RATE_HZ)]))
    left, right = joined(read(file, "split"))
    assert np.abs(left).max() > 0.4
    assert np.abs(right).max() == 0.0
    assert joined(read(file)).shape[0] == 1


def test_a_hole_is_a_hole(tmp_path: Path) -> None:
    blocks = read(write(tmp_path / "a.mka", tone(1.0)[None], hole_s=3.0))
    starts = [block.start_sample for block in blocks]
    assert any(abs(start - 3.5 * 16_000) < 400 for start in starts)
    assert not any(9_000 < start < 3.4 * 16_000 for start in starts)


def test_small_differences_of_stamps_are_none(tmp_path: Path) -> None:
    blocks = read(write(tmp_path / "a.mka", tone(1.0)[None], hole_s=0.05))
    assert abs(joined(blocks).shape[1] - 16_000) < 50
    assert blocks[-1].start_sample + blocks[-1].samples.shape[1] < 16_050


def test_a_damaged_recording_counts_up_to_there(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flac", np.random.default_rng(1).uniform(-0.5, 0.5, (1, 4 * RATE_HZ)), codec="flac")
    whole = joined(read(file)).shape[1]
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert 0 < joined(read(file)).shape[1] < 0.8 * whole


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "there is no such file"), (b"", "not a recording"), (b"# a page\n" * 500, "not a recording")],
)
def test_what_is_no_recording_is_told_in_a_line(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "a.wav"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=reason) as raised:
        read(file)
    assert "\n" not in str(raised.value)


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="it is a folder"):
        read(tmp_path)


def test_a_film_without_sound_is_no_recording(tmp_path: Path) -> None:
    file = tmp_path / "a.mkv"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=32, height=32, pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(UnreadableFileError, match="no audio"):
        read(file)
