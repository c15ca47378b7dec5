"""A call across the lab: a media node in the server's network, callers of `liveconvo call` in the client's.

The node reaches Postgres through a forwarder that listens in its own network; nothing else leaves the two.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np
import pytest

from db.records import Session
from deploy.call.api import Joining
from deploy.call.audio_file import opus_packets
from deploy.call.caller import Caller
from media_server.conversation.jitter import Counts
from media_server.rtc.receiver import AudioReceiver
from tests.conftest import Database
from tests.lab.lab import Counts as LinkCounts
from tests.lab.lab import Lab, own_addresses, running_lab
from tests.lab.line import GOOD
from tests.lab.link import SERVER_HOST
from tests.lab.namespaces import why_not
from tests.peer_audio import Samples, samples_to_send
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, silence, small_node, tone

Message = dict[str, Any]

CHUNK_BYTES = 64 * 1024
WAIT_S = 20.0
TURN_S, SPOKEN_S = 1.5, 0.7
"""Something is said for so long, so often."""


def require_namespaces() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)


def turns(seconds: float) -> Samples:
    """Short utterances, one after the other."""
    one = np.concatenate((tone(SPOKEN_S), silence(TURN_S - SPOKEN_S)))
    return np.tile(one, int(np.ceil(seconds / TURN_S)))


@dataclass(slots=True)
class Voice:
    """One caller, what it read, and when its line was lost and there again."""

    caller: Caller
    participant_id: UUID
    joining: Joining
    messages: list[Message] = field(default_factory=list)
    line: list[tuple[bool, float]] = field(default_factory=list)
    staying: asyncio.Task[None] | None = None

    @property
    def seqs(self) -> list[int]:
        return [message["seq"] for message in self.messages if "seq" in message]

    def of_type(self, type_: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == type_]


@dataclass(frozen=True, slots=True)
class LabStage:
    """Calls on it follow one another; each begins on a good line."""

    lab: Lab
    node: SmallNode
    alice: Person

    @asynccontextmanager
    async def call(self) -> AsyncIterator[LabCall]:
        """Everybody has left it afterwards."""
        await self.lab.set(GOOD)
        session = await self.lab.server.run(make_session(self.node.api, self.alice))
        call = LabCall(self, session, await self.lab.counts())
        try:
            yield call
        finally:
            await self.lab.set(GOOD)
            await asyncio.gather(*(call.leave(voice) for voice in call.voices))


class LabCall:
    """One session of Alice's, whose callers are all hers."""

    def __init__(self, stage: LabStage, session: Session, before: LinkCounts) -> None:
        self.lab = stage.lab
        self.voices: list[Voice] = []
        self._node = stage.node
        self._alice = stage.alice
        self._session = session
        self._before = before
        self._receivers: dict[str, AudioReceiver] = {}

    async def voice(self, samples: Samples, *, last_seq: int = 0, of: UUID | None = None) -> Voice:
        """A participant who is about to connect; `of` is one who was here before."""
        participant_id = of or await self.lab.server.run(self._node.speaker(self._alice, self._session))
        sent = await asyncio.to_thread(samples_to_send, samples)
        assert sent is not None
        packets = await asyncio.to_thread(opus_packets, sent)
        voice = await self.lab.client.run(self._new_voice(packets, participant_id, last_seq))
        self.voices.append(voice)
        return voice

    async def _new_voice(self, packets: list[bytes], participant_id: UUID, last_seq: int) -> Voice:
        messages: list[Message] = []
        line: list[tuple[bool, float]] = []
        loop = asyncio.get_running_loop()

        async def rejoin(ticket: str) -> Joining:
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(self._joining(participant_id), self.lab.server.loop)
            )

        caller = Caller(
            packets,
            lambda message, at: messages.append(message | {"read_at": at}),
            rejoin,
            lambda is_there: line.append((is_there, loop.time())),
        )
        caller.last_seq = last_seq
        return Voice(caller, participant_id, await rejoin(""), messages, line)

    async def _joining(self, participant_id: UUID) -> Joining:
        ticket = await self._node.ticket(self._alice, self._session, participant_id)
        return Joining(str(participant_id), self._node.media_url(self._session), ticket, [])

    async def connect(self, voice: Voice) -> float:
        """Seconds that it took; from now on it stays connected, and comes back."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        await self.lab.client.run(voice.caller.connect(voice.joining))
        took_s = loop.time() - began_at
        voice.staying = await self.lab.client.call(lambda: asyncio.ensure_future(voice.caller.stay()))
        return took_s

    async def play(self, *voices: Voice) -> None:
        """Begin to speak."""

        def start() -> None:
            for voice in voices:
                voice.caller.playing.start(asyncio.get_running_loop().time())

        await self.lab.client.call(start)

    async def start(self, *samples: Samples) -> list[Voice]:
        """Participants who say this, connected and speaking."""
        voices = [await self.voice(one) for one in samples]
        for voice in voices:
            await self.connect(voice)
        await self.play(*voices)
        return voices

    async def replay(self, voice: Voice) -> list[int]:
        """What `voice` should have read by now, as somebody reads it who comes anew in its place."""
        last = voice.caller.last_seq
        await self.leave(voice)
        again = await self.voice(silence(30), of=voice.participant_id)
        await self.connect(again)
        async with asyncio.timeout(WAIT_S):
            while again.caller.last_seq < last:
                await asyncio.sleep(0.02)
        await self.leave(again)
        return [seq for seq in again.seqs if seq <= last]

    async def arrived(self) -> int:
        """RTP packets that reached the node's network since the call began, duplicates not counted."""
        counts = await self.lab.counts()
        return counts.to_server.passed.get("rtp once", 0) - self._before.to_server.passed.get("rtp once", 0)

    async def leave(self, voice: Voice) -> None:
        async def leaving() -> None:
            if voice.staying is not None:
                voice.staying.cancel()
                await asyncio.wait([voice.staying])
                voice.staying = None
            await voice.caller.close()

        await self.lab.client.run(leaving())

    async def received(self) -> Counts:
        """What the node received of everybody since the call began, on whichever connection."""

        def count() -> Counts:
            call = self._node.calls._calls.get(self._session.id)
            if call is not None:
                self._receivers |= {key: peer.receiver for key, peer in call._peers.items()}
            total = Counts()
            for receiver in self._receivers.values():
                for name in Counts.__slots__:
                    setattr(total, name, getattr(total, name) + getattr(receiver.counts, name))
            return total

        return await self.lab.server.call(count)


@asynccontextmanager
async def stage_in_lab(
    database: Database, folder: Path, *, seed: int = 1, environ: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[LabStage]:
    alice = (await make_people(database.owner_url)).alice
    async with AsyncExitStack() as stack:
        lab = stack.enter_context(running_lab(seed))
        await stack.enter_async_context(_forwarder(lab, database.api_url))
        environ = {"LIVECONVO_MEDIA_HOST": SERVER_HOST, "LIVECONVO_ICE_ADDRESSES": SERVER_HOST, **environ}
        node = await stack.enter_async_context(lab.server.hosting(small_node(database, folder, environ=environ)))
        stack.enter_context(own_addresses())
        yield LabStage(lab, node, alice)


@asynccontextmanager
async def _forwarder(lab: Lab, url: str) -> AsyncIterator[None]:
    """What connects to the address of `url` inside the server's network reaches the one outside."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    assert host is not None
    assert port is not None
    listening = await lab.server.call(lambda: _listening(host, port))

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    server = await asyncio.start_server(forward, sock=listening)
    try:
        yield
    finally:
        server.close()


def _listening(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()
