"""Speech as captions: what a cue may hold, and that nothing that was said is lost in one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_api.captions.cues import LINE_CHARACTERS, LINES, LONGEST_MS, SHORTEST_MS, Cue, Passage, Word, cues, width
from control_api.captions.files import subrip, webvtt

GOLDEN = Path(__file__).parents[1] / "golden"
LONG = (
    "Whisper was made for thirty second files, and so peers run it again and again over growing buffers. They pay "
    "the encoder for every second of speech, let lag grow silently when the machine is slow, and print thanks for "
    "watching into silence."
)


def spoken(text: str, start_ms: int = 0, word_ms: int = 300, speaker: str | None = None) -> Passage:
    """A word every `word_ms`."""
    words = tuple(
        Word(word, start_ms + at * word_ms, start_ms + (at + 1) * word_ms) for at, word in enumerate(text.split())
    )
    return Passage(start_ms, words[-1].end_ms if words else start_ms, text, words, speaker)


def text_of(found: list[Cue]) -> str:
    return " ".join(" ".join(cue.lines) for cue in found)


def test_a_short_passage_is_one_cue_of_one_line() -> None:
    assert cues([spoken("How much is it?", 1_000)]) == [Cue(1_000, 2_200, ("How much is it?",))]


def test_a_long_passage_keeps_to_lines_and_seconds() -> None:
    found = cues([spoken(LONG)])
    assert text_of(found) == LONG
    for cue in found:
        assert len(cue.lines) <= LINES
        assert all(width(line) <= LINE_CHARACTERS for line in cue.lines)
        assert cue.end_ms - cue.start_ms <= LONGEST_MS


def test_a_cue_ends_with_its_sentence() -> None:
    found = cues(
        [spoken("The first sentence is as long as it has to be. Then the second one begins and goes on for long.")]
    )
    assert " ".join(found[0].lines) == "The first sentence is as long as it has to be."


def test_times_are_those_of_the_words() -> None:
    first, second = cues([spoken(LONG)])[:2]
    assert first.end_ms <= second.start_ms
    assert second.start_ms == len(" ".join(first.lines).split()) * 300


def test_slow_words_end_a_cue_before_it_lasts_too_long() -> None:
    assert [cue.lines for cue in cues([spoken("one two three four", word_ms=3_000)])] == [("one two",), ("three four",)]


def test_a_short_word_stays_for_a_second() -> None:
    assert cues([spoken("Yes.", 5_000, 200)])[0].end_ms == 5_000 + SHORTEST_MS


def test_but_not_over_the_next_cue() -> None:
    first, _ = cues([spoken("Yes.", 5_000, 200), spoken("No.", 5_500, 200)])
    assert first.end_ms == 5_500


def test_without_word_times_the_text_is_shared_out() -> None:
    found = cues([Passage(0, 20_000, LONG)])
    assert text_of(found) == LONG
    assert found[-1].end_ms <= 20_000
    assert [cue.start_ms for cue in found] == sorted(cue.start_ms for cue in found)


def test_words_that_are_not_the_text_do_not_change_it() -> None:
    passage = Passage(0, 3_000, "Say it once more", (Word("Other", 0, 100), Word("words", 100, 200)))
    assert text_of(cues([passage])) == "Say it once more"


def test_wide_letters_count_twice_and_need_no_spaces() -> None:
    text = "今日はとても良い天気ですね。" * 5
    found = cues([Passage(0, 9_000, text)])
    assert "".join("".join(cue.lines) for cue in found) == text
    assert all(width(line) <= LINE_CHARACTERS for cue in found for line in cue.lines)


def test_voices_that_speak_at_once_are_in_the_order_of_their_beginnings() -> None:
    found = cues([spoken("I was here first", 100, speaker="Bob"), spoken("Sorry", 50, speaker="Alice")])
    assert [cue.speaker for cue in found] == ["Alice", "Bob"]


@settings(max_examples=200)
@given(
    st.lists(st.text(st.characters(exclude_categories=["C", "Z", "M"]), min_size=1, max_size=60), max_size=40),
    st.integers(1, 9_000),
)
def test_no_letter_is_lost_and_no_bound_is_passed(texts: list[str], word_ms: int) -> None:
    found = cues([spoken(" ".join(texts), word_ms=word_ms)])
    assert "".join("".join(line.split()) for cue in found for line in cue.lines) == "".join(texts)
    for cue in found:
        assert len(cue.lines) <= LINES
        assert all(width(line) <= LINE_CHARACTERS for line in cue.lines)
        assert 0 < cue.end_ms - cue.start_ms <= LONGEST_MS


TWO_VOICES = [
    spoken("Good morning, thanks for taking the time.", 480, speaker="Channel 1"),
    spoken("R&D asked <us> --> twice, is it 3 > 2?", 3_500, speaker="Channel 2"),
    spoken("It is.", 6_800, speaker="Channel 2"),
    spoken(LONG, 3_599_000, speaker="Channel 1"),
    spoken("Grüße – ça va? 日本", 3_640_000),
]


@pytest.mark.parametrize("name", ["captions.vtt", "captions.srt"])
def test_files_are_as_they_were(name: str) -> None:
    write = webvtt if name.endswith("vtt") else subrip
    assert write(TWO_VOICES) == (GOLDEN / name).read_text(encoding="utf-8")


def test_without_speech_both_are_valid_and_empty() -> None:
    assert webvtt([]) == "WEBVTT\n"
    assert subrip([]) == ""
    assert webvtt([Passage(0, 100, "  ")]) == "WEBVTT\n"


def test_notes_stand_before_the_cues() -> None:
    assert webvtt([], ["00:00:01.000 --> lost\nhere"]) == "WEBVTT\n\nNOTE 00:00:01.000 --&gt; lost here\n"


@pytest.mark.parametrize(
    "hostile", ["a --> b", "a\n\n2\n00:00:00,000 --> 00:00:01,000\nforged", "<script>&amp;", "\u2028NOTE"]
)
def test_no_text_ends_its_cue(hostile: str) -> None:
    passage = Passage(0, 1_000, hostile, speaker=hostile)
    vtt, srt = webvtt([passage]), subrip([passage])
    assert len(re.findall("-->", vtt)) == len(vtt.split("\n\n")) - 1
    assert len(re.findall("-->", srt)) == len(srt.strip().split("\n\n"))
    assert "<script" not in vtt + srt
