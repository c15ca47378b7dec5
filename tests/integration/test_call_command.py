"""`liveconvo call` as a program runs it: exit codes, what stands on stdout, and what it makes of odd recordings."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pytest_asyncio

from deploy.call.audio_file import SENT_RATE_HZ, read_recording
from deploy.stack import Stack, throwaway_stack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

LIVECONVO = Path(sys.executable).with_name("liveconvo")
DEMO = Path(__file__).parents[2] / "deploy" / "demo"


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    messages: list[dict[str, Any]]
    errors: str

    def of_type(self, type_: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == type_]

    @property
    def text(self) -> str:
        return " ".join(final["text"] for final in self.of_type("transcript.final"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    async with throwaway_stack() as running:
        yield running


def command(stack: Stack, *args: str | Path) -> list[str]:
    return [str(LIVECONVO), "call", *map(str, args), "--json", "--url", stack.url, "--token", stack.token]


async def call(stack: Stack, *args: str | Path) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        *command(stack, *args),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, errors = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, [json.loads(line) for line in out.splitlines()], errors.decode())


def write_wav(path: Path, samples: npt.NDArray[np.int16], rate_hz: int = SENT_RATE_HZ, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(samples, channels).tobytes())
    return path


def greeting(rate_hz: int) -> npt.NDArray[np.int16]:
    """The first sentence of the demo, at a rate that divides 48 kHz, or nearly."""
    samples = read_recording(DEMO / "host.opus").samples[: 6 * SENT_RATE_HZ]
    places = np.arange(0, len(samples), SENT_RATE_HZ / rate_hz)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.int16)


async def test_two_people_end_in_a_summary_and_a_report(stack: Stack, tmp_path: Path) -> None:
    hers = write_wav(tmp_path / "her microphone.wav", greeting(8_000), 8_000)
    his = write_wav(tmp_path / "his.wav", np.zeros(SENT_RATE_HZ, np.int16))
    outcome = await call(stack, hers, his, "--name", "Ann", "--name", "Bob", "--type", "support")
    assert outcome.code == 0, outcome.errors
    assert [message["type"] for message in outcome.messages[-2:]] == ["summary", "call.report"]
    assert "taking the time" in outcome.text
    assert {final["speaker"] for final in outcome.of_type("transcript.final")} == {"Ann"}
    assert all("wall_ms" in message for message in outcome.messages[:-2])
    report = outcome.messages[-1]
    assert [one["name"] for one in report["participants"]] == ["Ann", "Bob"]
    assert report["transcripts"] == len(outcome.of_type("transcript.final"))
    assert report["final_latency_ms"]["p50"] > 0
    numbers = [message["seq"] for message in outcome.messages if "seq" in message]
    assert numbers == sorted(set(numbers))
    assert outcome.messages[-2]["generation_status"] == "completed"


async def test_a_call_goes_on_when_its_node_is_restarted(stack: Stack, tmp_path: Path) -> None:
    hers = write_wav(tmp_path / "hers.wav", np.tile(greeting(8_000), 3), 8_000)
    his = write_wav(tmp_path / "his.wav", np.zeros(SENT_RATE_HZ, np.int16))
    process = await asyncio.create_subprocess_exec(
        *command(stack, hers, his, "--name", "Ann", "--name", "Bob"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    messages = []
    async with asyncio.timeout(120):
        async for line in process.stdout:
            messages.append(json.loads(line))
            if (
                messages[-1]["type"] == "transcript.final"
                and sum(m["type"] == "transcript.final" for m in messages) == 1
            ):
                os.kill(stack.pid("media-0"), signal.SIGTERM)
        _, errors = await process.communicate()
    outcome = Outcome(process.returncode or 0, messages, errors.decode())
    assert outcome.code == 0, outcome.errors
    assert "Ann is back" in outcome.errors
    numbers = [message["seq"] for message in messages if "seq" in message]
    assert numbers == sorted(set(numbers))
    assert len(outcome.of_type("participant.joined")) == 2
    back = outcome.of_type("participant.connection")
    assert [one["state"] for one in back] == ["reconnecting", "reconnecting", "connected", "connected"]
    assert outcome.of_type("transcript.final")[-1]["seq"] > back[-1]["seq"]
    assert not outcome.of_type("error")


async def test_a_shared_microphone_has_unknown_speakers(stack: Stack, tmp_path: Path) -> None:
    outcome = await call(stack, write_wav(tmp_path / "room.wav", greeting(44_100), 44_100, 2), "--shared-mic")
    assert outcome.code == 0, outcome.errors
    assert {final["speaker"] for final in outcome.of_type("transcript.final")} == {"unknown"}


async def test_a_recording_cut_in_the_middle_is_played_as_far_as_it_goes(stack: Stack, tmp_path: Path) -> None:
    whole = (DEMO / "host.opus").read_bytes()
    cut = tmp_path / "cut.opus"
    cut.write_bytes(whole[: len(whole) // 12])
    outcome = await call(stack, cut)
    assert outcome.code == 0, outcome.errors
    assert "David" in outcome.text


@pytest.mark.parametrize("sound", ["silence", "noise"])
async def test_what_says_nothing_gives_an_empty_summary(stack: Stack, tmp_path: Path, sound: str) -> None:
    loudness = {"silence": 0, "noise": 1_500}[sound]
    samples = np.random.default_rng(3).normal(0, loudness, 5 * SENT_RATE_HZ).astype(np.int16)
    outcome = await call(stack, write_wav(tmp_path / f"{sound}.wav", samples))
    assert outcome.code == 0, outcome.errors
    assert outcome.of_type("transcript.final") == []
    (summary,) = outcome.of_type("summary")
    assert summary["action_items"] == summary["key_decisions"] == summary["conversation_highlights"] == []
    assert outcome.messages[-1]["final_latency_ms"] == {"p50": None, "p95": None}


@pytest.mark.parametrize("content", [b"", b"only text, no audio\n" * 99])
async def test_what_cannot_be_read_is_one_line_and_exit_2(stack: Stack, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(content)
    outcome = await call(stack, path)
    assert (outcome.code, outcome.messages) == (2, [])
    (complaint,) = [line for line in outcome.errors.splitlines() if line.startswith("liveconvo call:")]
    assert "odd.wav" in complaint


async def test_a_refusal_is_one_line_and_exit_1(stack: Stack) -> None:
    outcome = await call(stack, DEMO / "host.opus", "--session", "00000000-0000-0000-0000-000000000000")
    assert outcome.code == 1
    assert "404" in outcome.errors
    assert "Traceback" not in outcome.errors


async def test_doctor_joins_a_call_of_a_running_server(stack: Stack) -> None:
    process = await asyncio.create_subprocess_exec(
        LIVECONVO, "doctor", "--network", "--json", "--url", stack.url, "--token", stack.token,
        "--port", stack.url.rsplit(":", 1)[1], "--data-dir", stack.data_folder,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, _ = await process.communicate()
    found = {check["name"]: check for check in json.loads(out)["checks"]}
    assert (found["media node"]["verdict"], found["call"]["verdict"]) == ("ok", "ok")
    assert found["call"]["figures"]["rtt_ms"] > 0
