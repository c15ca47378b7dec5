"""Runs one call from the command line: play every recording, show what comes, end it, wait for the summary.

Exit codes: 0 a summary is stored; 2 input that cannot be read, before any call; 1 anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from deploy.bench.speech import speech_spans
from deploy.call.api import Api, ApiError, Joining
from deploy.call.audio_file import SENT_RATE_HZ, Recording, UnreadableAudioError, opus_packets, read_recording
from deploy.call.caller import Caller
from deploy.call.connection import Message
from deploy.call.report import Measure
from deploy.call.view import JsonView, TextView, View
from media_server.rtc.addresses import offer_addresses

TAIL_S = 1.5
"""Silence after each recording: the last word is over only then."""
SUMMARY_S = 60.0
SUMMARY_POLL_S = 0.25
OVER_S = 20.0


@dataclass(frozen=True, slots=True)
class Part:
    """One participant to be played."""

    name: str
    recording: Recording
    packets: list[bytes]
    speech: list[tuple[int, int]]
    is_shared: bool


def run(args: argparse.Namespace) -> int:
    """`liveconvo call`; args as `deploy.cli` declares them."""
    try:
        parts = _parts(args)
    except UnreadableAudioError as error:
        _say(f"liveconvo call: {error}")
        return 2
    offer_addresses(())
    try:
        return asyncio.run(_with_deadline(args, parts))
    except ApiError as error:
        _say(f"liveconvo call: {error}")
    except TimeoutError:
        _say("liveconvo call: not finished in time; --timeout gives it more")
    except KeyboardInterrupt:
        _say("liveconvo call: interrupted")
    return 1


def _parts(args: argparse.Namespace) -> list[Part]:
    names = list(args.name or [])
    parts = []
    for number, path in enumerate(args.audio):
        _say(f"reading {path}")
        recording = read_recording(Path(path))
        if recording.is_cut:
            _say(f"{path}: the file is cut off after {recording.duration_s:.1f} s; playing what there is")
        tail = np.zeros(int(TAIL_S * SENT_RATE_HZ), np.int16)
        parts.append(
            Part(
                name=names[number] if number < len(names) else Path(path).stem,
                recording=recording,
                packets=opus_packets(np.concatenate((recording.samples, tail))),
                speech=speech_spans(recording.for_listening()),
                is_shared=args.shared_mic,
            )
        )
    return parts


async def _with_deadline(args: argparse.Namespace, parts: list[Part]) -> int:
    longest_s = max(part.recording.duration_s for part in parts)
    async with asyncio.timeout(args.timeout or longest_s + SUMMARY_S + 120):
        async with _server(args) as (url, token), Api(url, token) as api:
            return await _call(args, parts, api)


@asynccontextmanager
async def _server(args: argparse.Namespace) -> AsyncIterator[tuple[str, str]]:
    """The server to call: the one that was named, or a throw-away one."""
    async with AsyncExitStack() as stack:
        if args.url:
            if not args.token:
                raise ApiError("--url needs --token: a signed-in session's token")
            yield args.url, args.token
            return
        from deploy.stack import throwaway_stack

        _say("starting a throw-away stack")
        running = await stack.enter_async_context(throwaway_stack())
        yield running.url, running.token


async def _call(args: argparse.Namespace, parts: list[Part], api: Api) -> int:
    loop = asyncio.get_running_loop()
    view: View = JsonView() if args.json else TextView()
    session_id = args.session or await api.create_session(
        f"Call of {', '.join(p.name for p in parts)}"[:255], args.type
    )
    measure = Measure({})
    first_packet_at: float | None = None
    waiting: list[tuple[Message, float]] = []

    def take(message: Message, at: float) -> None:
        if first_packet_at is None:
            waiting.append((message, at))
            return
        wall_ms = round((at - first_packet_at) * 1000)
        measure.take(message, wall_ms)
        if message["type"] not in ("pong", "call.moved"):
            view.show(message | {"wall_ms": wall_ms})

    def ignore(message: Message, at: float) -> None:
        """Only the first participant's view is shown."""

    callers = [
        Caller(
            part.packets,
            ignore if number else take,
            partial(_join, api, session_id, part, number),
            partial(_say_line, part.name),
        )
        for number, part in enumerate(parts)
    ]
    participants = []
    try:
        for number, (part, caller) in enumerate(zip(parts, callers, strict=True)):
            joining = await _join(api, session_id, part, number)
            measure.speech[joining.participant_id] = part.speech
            participants.append({"participant_id": joining.participant_id, "name": part.name, "role": _role(number)})
            await caller.connect(joining)
            _say(f"{part.name} is connected")
        first_packet_at = loop.time() + 0.1
        for caller in callers:
            caller.playing.start(first_packet_at)
        for message, at in waiting:
            take(message, at)
        await _play(callers)
        callers[0].send({"type": "session.end"})
        async with asyncio.timeout(OVER_S):
            await callers[0].over.wait()
        _say("writing the summary")
        summary = await _summary(api, session_id)
        view.show({"type": "summary", **summary})
        view.show(measure.report(session_id, participants))
        return 0 if summary["generation_status"] == "completed" else 1
    finally:
        await asyncio.gather(*(caller.close() for caller in callers))


def _role(number: int) -> str:
    return "participant" if number else "host"


async def _join(api: Api, session_id: str, part: Part, number: int, previous_ticket: str | None = None) -> Joining:
    return await api.join(
        session_id, part.name, _role(number), shared_mic=part.is_shared, previous_ticket=previous_ticket
    )


def _say_line(name: str, is_there: bool) -> None:
    _say(f"{name} is back" if is_there else f"{name} lost the connection, and tries to come back")


async def _play(callers: list[Caller]) -> None:
    """Until every recording was sent. Ends early when the server ends the call, which is an error here."""
    async with asyncio.TaskGroup() as tasks:
        staying = [tasks.create_task(caller.stay()) for caller in callers]
        over = [tasks.create_task(caller.over.wait()) for caller in callers]
        finished = tasks.create_task(_all_finished(callers))
        await asyncio.wait([finished, *over], return_when=asyncio.FIRST_COMPLETED)
        was_cut = not finished.done()
        for task in (*staying, *over, finished):
            task.cancel()
    if was_cut:
        raise ApiError("the server ended the call before the recordings were over")


async def _all_finished(callers: list[Caller]) -> None:
    for caller in callers:
        await caller.playing.over()


async def _summary(api: Api, session_id: str) -> Message:
    try:
        async with asyncio.timeout(SUMMARY_S):
            while True:
                if (summary := await api.summary(session_id)) is not None:
                    return summary
                await asyncio.sleep(SUMMARY_POLL_S)
    except TimeoutError as error:
        raise ApiError(f"no summary was written within {SUMMARY_S:.0f} s") from error


def _say(text: str) -> None:
    """Everything but the view goes to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
