"""Which recordings are played, and that an utterance is counted for the clip it was spoken in."""

from pathlib import Path

import numpy as np
import pytest

from deploy.bench.asr_engine import clip_of
from deploy.bench.clips import BenchInputError, read_clips
from tests.recorded_files import wav

MANIFEST = """id	file	language	speakers	text	ref_kind	style
said	a.wav	en	1	we ship on monday	corpus	read
other	a.wav	de	1	wir liefern	corpus	read
many	a.wav	en	2	we ship on monday	corpus	meeting
noise	a.wav	-	0		no-speech	noise
unknown	a.wav	-	0		no-speech	noise?
"""

STARTS_S = [0.0, 11.66, 22.0]


def test_an_utterance_inside_a_clip_is_of_that_clip() -> None:
    assert clip_of(STARTS_S, 12_000, 14_000) == 1


def test_speech_heard_a_moment_before_its_clip_begins_is_of_that_clip() -> None:
    assert clip_of(STARTS_S, 11_648, 20_040) == 1


def test_the_first_utterance_is_of_the_first_clip() -> None:
    assert clip_of(STARTS_S, 0, 100) == 0


@pytest.mark.parametrize("columns", [7, 6])
def test_what_nobody_has_listened_to_is_not_taken_for_silence(tmp_path: Path, columns: int) -> None:
    """A manifest without styles knows no such recordings."""
    rows = [line.split("\t")[:columns] for line in MANIFEST.splitlines()]
    (tmp_path / "manifest.tsv").write_text("\n".join("\t".join(row) for row in rows))
    (tmp_path / "a.wav").write_bytes(wav(np.zeros(16_000, np.float32)))
    spoken, silent = read_clips(tmp_path)
    assert [clip.id for clip in spoken] == ["said"]
    assert [clip.id for clip in silent] == ["noise"] + (["unknown"] if columns == 6 else [])


def test_a_folder_without_a_manifest_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(BenchInputError, match="no such file"):
        read_clips(tmp_path)
