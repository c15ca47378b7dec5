"""What `liveconvo call` can play, and what it says of the rest."""

import wave
from pathlib import Path

import numpy as np
import pytest

from deploy.call.audio_file import UnreadableAudioError, opus_packets, read_recording


def write_wav(path: Path, rate_hz: int, channels: int, seconds: float) -> Path:
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    mono = (8_000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(mono, channels).tobytes())
    return path


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 2)])
def test_any_rate_and_channels_keep_their_length(tmp_path: Path, rate_hz: int, channels: int) -> None:
    recording = read_recording(write_wav(tmp_path / "a.wav", rate_hz, channels, 2.0))
    assert recording.duration_s == pytest.approx(2.0, abs=0.02)
    assert len(recording.for_listening()) == pytest.approx(32_000, abs=64)
    assert not recording.is_cut


def test_a_file_cut_in_the_middle_plays_what_there_is(tmp_path: Path) -> None:
    whole = write_wav(tmp_path / "a.wav", 16_000, 1, 2.0)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert read_recording(whole).duration_s == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"not audio at all, only text\n" * 50, "not a recording"),
        (b"RIFF\x00\x00\x00\x00WAVE", "a.wav"),
    ],
)
def test_what_is_no_recording_is_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(UnreadableAudioError, match=says) as refused:
        read_recording(path)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudioError, match="no such file"):
        read_recording(tmp_path / "nothing.wav")


def test_a_wav_without_samples_has_no_audio(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudioError, match="no audio"):
        read_recording(write_wav(tmp_path / "a.wav", 16_000, 1, 0))


def test_every_20_ms_become_a_packet() -> None:
    packets = opus_packets(np.zeros(48_000, np.int16))
    assert len(packets) in (50, 51)  # the encoder's look-ahead may need one more
    assert all(packets)
