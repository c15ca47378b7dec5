"""Every third sample: the same sound, nothing folded down, whatever the lengths of its parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from media_server.conversation.thirds import DELAY, FRAME_SAMPLES, Thirds

DELAY_SAMPLES = DELAY / 3
SETTLED = 100


def tone(hz: float, samples: int = 9_600) -> npt.NDArray[np.int16]:
    return (16_000 * np.sin(2 * np.pi * hz * np.arange(samples) / 48_000)).astype(np.int16)


def level_db(thirds: npt.NDArray[np.float32]) -> float:
    """Of a sine of half of full scale it is 0."""
    return float(10 * np.log10(np.mean(np.square(thirds[SETTLED:])) / ((16_000 / 32_768) ** 2 / 2) + 1e-12))


@pytest.mark.parametrize("hz", [100, 1_000, 3_000, 6_000, 6_500])
def test_what_speech_has_stays(hz: float) -> None:
    assert level_db(Thirds().take(tone(hz))) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("hz", [9_000, 10_000, 12_000, 15_900, 20_000])
def test_what_would_fold_down_is_gone(hz: float) -> None:
    assert level_db(Thirds().take(tone(hz))) < -55


def test_it_comes_a_millisecond_later() -> None:
    thirds = Thirds().take(tone(1_000))
    expected = 16_000 / 32_768 * np.sin(2 * np.pi * 1_000 * (np.arange(len(thirds)) - DELAY_SAMPLES) / 16_000)
    assert np.allclose(thirds[SETTLED:], expected[SETTLED:], atol=2e-3)


@pytest.mark.parametrize("parts", [[960] * 10, [120] * 80, [480, 2_880, 120, 960, 5_160], [5_760, 3_840]])
def test_how_it_is_cut_changes_nothing(parts: list[int]) -> None:
    sound = np.random.default_rng(1).normal(0, 8_000, 9_600).clip(-32_768, 32_767).astype(np.int16)
    line, whole = Thirds(), Thirds().take(sound)
    pieces = [line.take(sound[end - size : end]) for end, size in zip(np.cumsum(parts), parts, strict=True)]
    assert all(len(piece) * 3 == size and size % FRAME_SAMPLES == 0 for piece, size in zip(pieces, parts, strict=True))
    assert np.allclose(np.concatenate(pieces), whole, atol=1e-6)
