"""Whisper with its real weights on the demo's recordings and on sounds that are no speech."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deploy.call.audio_file import read_recording
from media_server.engines import catalog
from media_server.engines.protocols import Context, Excerpt, Recognition, Recognizer, Samples
from media_server.engines.whisper import alike, final_frames, said_before
from media_server.engines.whisper_model import WhisperModelCt2, Window

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
BUNDLED = SimpleNamespace(whisper_model="tiny.en", whisper_device="cpu", whisper_compute_type="", asr_workers=1)


@pytest.fixture(scope="module")
def whisper() -> Recognizer:
    return catalog.recognizer(BUNDLED)


@pytest.fixture(scope="module")
def spoken() -> tuple[Samples, str]:
    """The first thing the demo's host says, and its words."""
    line = next(line for line in json.loads((DEMO / "script.json").read_text())["utterances"])
    samples = read_recording(DEMO / "host.opus").for_listening()
    return samples[(line["start_ms"] - 200) * 16 : (line["end_ms"] + 150) * 16], line["text"]


def keyed(tones_hz: tuple[int, ...], every_s: float) -> Samples:
    """Three seconds of tones that are on for half of the time."""
    at_s = np.arange(3 * 16_000) / 16_000
    tone = sum(0.3 * np.sin(2 * np.pi * hz * at_s) for hz in tones_hz)
    return (tone * (at_s % every_s < every_s / 2)).astype(np.float32)


def bare(text: str) -> list[str]:
    return "".join(letter for letter in text.casefold() if letter.isalnum() or letter == " ").split()


def heard(whisper: Recognizer, audio: Samples, *, is_final: bool) -> Recognition:
    [recognition] = whisper.recognize([Excerpt(audio, is_final)])
    return recognition


def test_a_final_has_the_words_that_were_said(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    audio, text = spoken
    assert bare(heard(whisper, audio, is_final=True).text) == bare(text)


def test_word_times_are_in_order_and_inside_the_audio(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    audio, text = spoken
    words = heard(whisper, audio, is_final=True).words
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= len(audio) / 16_000
    assert bare(" ".join(word.text for word in words)) == bare(text)


def test_a_partial_has_text_and_no_word_times(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    recognition = heard(whisper, spoken[0], is_final=False)
    assert recognition.text
    assert recognition.words == ()


def test_the_same_audio_gives_the_same_text(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    assert heard(whisper, spoken[0], is_final=True) == heard(whisper, spoken[0], is_final=True)


@pytest.mark.parametrize("is_final", [True, False])
@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.zeros(0, np.float32), id="nothing"),
        pytest.param(np.zeros(1, np.float32), id="one sample"),
        pytest.param(np.zeros(3 * 16_000, np.float32), id="silence"),
        pytest.param(np.full(16_000, np.nan, np.float32), id="not a number"),
        pytest.param(np.full(16_000, 0.5, np.float32), id="constant"),
        pytest.param(np.random.default_rng(0).normal(0, 0.1, 3 * 16_000).astype(np.float32), id="white noise"),
        pytest.param(np.sin(np.arange(32_000) * 2 * np.pi * 440 / 16_000).astype(np.float32), id="a tone"),
        pytest.param(keyed((697, 1209), every_s=0.2), id="a dialled digit"),
        pytest.param(keyed((425,), every_s=1.0), id="a hold tone"),
    ],
)
def test_no_words_are_invented(whisper: Recognizer, sound: Samples, is_final: bool) -> None:
    assert heard(whisper, sound, is_final=is_final).text == ""


@pytest.mark.parametrize("is_final", [True, False])
def test_a_batch_gives_one_answer_for_each_excerpt_in_their_order(
    whisper: Recognizer, spoken: tuple[Samples, str], is_final: bool
) -> None:
    audio, _ = spoken
    parts = [audio, np.zeros(0, np.float32), audio[: len(audio) // 2]]
    texts = [recognition.text for recognition in whisper.recognize([Excerpt(part, is_final) for part in parts])]
    assert [bare(text) for text in texts] == [bare(heard(whisper, part, is_final=is_final).text) for part in parts]
    assert texts[0] != texts[1] == ""


@pytest.fixture(scope="module")
def halves(whisper: Recognizer, spoken: tuple[Samples, str]) -> tuple[Context, Samples, list[str]]:
    """The host's first sentence, and her second one with its words."""
    audio, text = spoken
    words = heard(whisper, audio, is_final=True).words
    number = next(number for number, word in enumerate(words) if word.text == " How")
    cut = round((words[number - 1].end_s + words[number].start_s) / 2 * 16_000)
    before = "".join(word.text for word in words[:number])
    return Context(audio[:cut], before), audio[cut:], bare(text)[number:]


def test_what_was_said_before_is_not_said_again(
    whisper: Recognizer, halves: tuple[Context, Samples, list[str]]
) -> None:
    before, audio, said = halves
    [recognition] = whisper.recognize([Excerpt(audio, is_final=True, context=before)])
    assert bare(recognition.text) == said
    assert bare(" ".join(word.text for word in recognition.words)) == said
    times = [time for word in recognition.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= len(audio) / 16_000


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.zeros(16_000, np.float32), id="silence"),
        pytest.param(np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32), id="white noise"),
        pytest.param(keyed((425,), every_s=1.0), id="a hold tone"),
    ],
)
def test_noise_after_speech_says_nothing(
    whisper: Recognizer, halves: tuple[Context, Samples, list[str]], sound: Samples
) -> None:
    [recognition] = whisper.recognize([Excerpt(sound, is_final=True, context=halves[0])])
    assert recognition.text == ""


def test_who_says_the_same_again_is_heard_twice(
    whisper: Recognizer, halves: tuple[Context, Samples, list[str]]
) -> None:
    _, audio, said = halves
    before = Context(audio, heard(whisper, audio, is_final=True).text)
    [recognition] = whisper.recognize([Excerpt(audio, is_final=True, context=before)])
    assert bare(recognition.text) == said


def test_in_a_batch_each_has_its_own_context(whisper: Recognizer, halves: tuple[Context, Samples, list[str]]) -> None:
    before, audio, _ = halves
    excerpts = [
        Excerpt(audio, is_final=True),
        Excerpt(audio, is_final=True, context=before),
        Excerpt(before.samples, is_final=True),
        Excerpt(audio, is_final=True, context=Context(before.samples[-16_000:], "today.")),
    ]
    together = [bare(recognition.text) for recognition in whisper.recognize(excerpts)]
    assert together == [bare(whisper.recognize([one])[0].text) for one in excerpts]


def test_more_than_a_window_of_audio_is_no_error(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    audio, text = spoken
    long = np.concatenate([audio, np.zeros(31 * 16_000, np.float32)])
    assert bare(text)[:3] == bare(heard(whisper, long, is_final=True).text)[:3]


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("You don't mean that. You don't mean", 4),
        ("Marks of violence, marks of violence,", 3),
        ("He should obtain the words of the men. He should obtain the words of others.", 8),
        ("I heard him not, and I watched him not, and all are asleep.", None),
        ("9 9 9 9", 1),
        ("Yes, yes. Yes!", 1),
        ("thou also, thou also", 2),
        ("Ten of clubs, ten of clubs, ten", 3),
        ("yes, yes, I will", None),
        ("Eight.", None),
        ("", None),
        ("We ship on Monday and you pay on Friday.", None),
    ],
)
def test_a_phrase_that_comes_back_is_noticed(text: str, before: int | None) -> None:
    assert said_before(text) == before


def test_a_partial_ends_where_it_begins_to_repeat_itself(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    """In its short window the decoder says this sentence three times."""
    audio, text = spoken
    assert bare(heard(whisper, audio, is_final=False).text) == bare(text)


def test_who_says_it_twice_is_heard_twice(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    """A final that is one phrase over and over is decoded again, and kept when it is so."""
    audio, text = spoken
    pause = np.zeros(4_800, np.float32)
    assert bare(heard(whisper, np.concatenate([audio, pause, audio]), is_final=True).text) == 2 * bare(text)


def test_a_sequence_ends_at_its_cap_and_says_so(spoken: tuple[Samples, str]) -> None:
    """CTranslate2 ends it at half of the length that it is given."""
    model = WhisperModelCt2(catalog.whisper_folder("tiny.en"), device="cpu", compute_type="int8", workers=1)
    speech = model.features(spoken[0])
    for most_tokens, is_cut in ((5, True), (40, False)):
        window = Window(speech, 1_000, most_tokens, None)
        [decoding] = model.decode([window], beam=5, detect=False, word_times=False)
        assert (len(decoding.tokens) == most_tokens, decoding.is_cut) == (is_cut, is_cut)


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        pytest.param(np.zeros(3 * 16_000, np.float32), "no_speech", id="silence"),
        pytest.param(np.random.default_rng(3).normal(0, 0.3, 32_000).astype(np.float32), "log_probability", id="hiss"),
    ],
)
def test_what_is_dropped_says_why_and_what_it_was(whisper: Recognizer, sound: Samples, reason: str) -> None:
    recognition = heard(whisper, sound, is_final=True)
    assert (recognition.text, recognition.dropped) == ("", reason)
    assert recognition.dropped_text


def test_a_partial_has_word_times_when_they_are_asked_for(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    [recognition] = whisper.recognize([Excerpt(spoken[0], is_final=False, is_timed=True)])
    assert bare(" ".join(word.text for word in recognition.words)) == bare(recognition.text) != []


def test_word_times_agree_with_voice_activity(whisper: Recognizer, spoken: tuple[Samples, str]) -> None:
    """With half a second of silence before and after."""
    audio, _ = spoken
    quiet = np.zeros(8_000, np.float32)
    words = heard(whisper, np.concatenate([quiet, audio, quiet]), is_final=True).words
    assert words[0].end_s >= 0.3
    assert words[-1].end_s <= 0.5 + len(audio) / 16_000 + 0.3


def test_the_window_of_a_final_does_not_depend_on_its_batch() -> None:
    assert [final_frames(frames) for frames in (0, 800, 801, 2_750, 3_000)] == [1_000, 1_000, 1_100, 3_000, 3_000]
    assert list(alike([1_000, 1_100, 1_000], 1.0)) == [[0, 2], [1]]


def test_partials_are_decoded_with_others_of_about_their_length() -> None:
    assert list(alike([600, 200, 300, 301], 1.5)) == [[1, 2], [3], [0]]
    assert list(alike([], 1.5)) == []
