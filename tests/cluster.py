"""Some media nodes on one database, and people who stay in their call wherever it goes, as the page does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import numpy as np
import orjson

from control_api.sessions.nodes import Place, choose
from db import calls, participants, tickets
from db.live import Live
from db.pool import Pool, transaction
from db.records import NewParticipant, Session
from media_server.calls import hash_token
from tests import scripted_node
from tests.conftest import Database
from tests.peer_audio import Samples
from tests.people import Person, connected, in_a_minute, make_people, make_session
from tests.scripted_node import NodeProcess
from tests.small_node import silence, tone
from tests.talking_peer import Message, RefusedError, TalkingPeer

IN_TIME_S = 60.0
PING_S = 0.5
SILENT_FOR_S = 5.0
"""As the page's: a node that answered pings and does so no more for so long is lost."""
BACK_OFF_S = (0.3, 0.7, 1.5, 3.0)
TALK = np.concatenate([np.concatenate((tone(0.6), silence(0.8)))] * 200)
"""A short utterance again and again."""
NO_OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


@dataclass(slots=True)
class Cluster:
    database: Database
    redis_url: str
    folder: Path
    settings: dict[str, str]
    api: Pool
    live: Live
    person: Person
    nodes: list[NodeProcess] = field(default_factory=list)

    def start(self, name: str) -> NodeProcess:
        node = scripted_node.start(name, self.database.media_url, self.redis_url, self.folder, self.settings)
        self.nodes.append(node)
        return node

    async def session(self) -> Session:
        return await make_session(self.api, self.person)

    async def member(self, session: Session, name: str = "Ann", audio: Samples | None = None) -> Member:
        """Somebody who agreed to be heard; not in the call yet."""
        participant = NewParticipant(
            id=uuid4(),
            session_id=session.id,
            organization_id=session.organization_id,
            name=name,
            role="participant",
            consent_version="test",
            consented_at=session.created_at,
        )
        async with transaction(self.api, user_id=self.person.user_id) as conn:
            await participants.insert_participant(conn, participant)
        return Member(self, session, participant.id, audio)

    async def place(self, session: Session) -> Place | None:
        """Where the API would send somebody now."""
        async with transaction(self.api, user_id=self.person.user_id) as conn:
            call, nodes = await calls.current_call(conn, session.id), await calls.list_nodes(conn)
        return choose(session.id, call, nodes, {load.node: load.load for load in await self.live.node_loads()})

    async def node_of(self, session: Session) -> NodeProcess:
        place = await self.place(session)
        assert place is not None
        return next(node for node in reversed(self.nodes) if node.name == place.node)

    async def ticket(self, session: Session, participant_id: UUID, place: Place) -> str:
        token = uuid4().hex
        async with transaction(self.api, user_id=self.person.user_id) as conn:
            await tickets.insert_ticket(
                conn,
                token_hash=hash_token(token),
                session_id=session.id,
                organization_id=session.organization_id,
                participant_id=participant_id,
                node=place.node,
                media_url=place.media_url,
                expires_at=in_a_minute(),
            )
        return token

    async def log(self, session: Session) -> list[Message]:
        """What Postgres has of a session's log."""
        async with transaction(self.api, user_id=self.person.user_id) as conn:
            rows = await conn.fetch(
                "SELECT seq, epoch, type, audience, payload FROM session_events WHERE session_id = $1 ORDER BY seq",
                session.id,
            )
        return [
            orjson.loads(row["payload"]) | {key: row[key] for key in ("seq", "epoch", "type", "audience")}
            for row in rows
        ]

    async def full_log(self, session: Session, seen: set[int]) -> list[Message]:
        """The same, once it has all that somebody saw."""
        async with asyncio.timeout(IN_TIME_S):
            while True:
                log = await self.log(session)
                if seen <= {entry["seq"] for entry in log}:
                    return log
                await asyncio.sleep(0.05)


@asynccontextmanager
async def a_cluster(
    database: Database, redis_url: str, folder: Path, *names: str, **settings: str
) -> AsyncIterator[Cluster]:
    """Nodes of these names, ready, and killed afterwards. `settings` are those of nodes, without LIVECONVO_."""
    environ = {f"LIVECONVO_{name}": value for name, value in settings.items()}
    person = (await make_people(database.owner_url)).alice
    async with connected(database.api_url) as api:
        live = Live(redis_url)
        cluster = Cluster(database, redis_url, folder, environ, api, live, person)
        for name in names:
            cluster.start(name)
        try:
            async with scripted_node.running(cluster.nodes):
                yield cluster
        finally:
            await live.aclose()


@dataclass(frozen=True, slots=True)
class Return:
    """One way back into the call, in loop times."""

    heard_at: float
    """The last that came of the connection of before."""
    lost_at: float
    """That it was lost was noticed, or told."""
    back_at: float
    was_told: bool
    node: str

    @property
    def gap_s(self) -> float:
        return self.back_at - self.heard_at

    @property
    def once_lost_s(self) -> float:
        return self.back_at - self.lost_at


class Member:
    """Joins, and comes back by itself until it leaves: told to, or after its pings are not answered any more."""

    def __init__(self, cluster: Cluster, session: Session, participant_id: UUID, audio: Samples | None) -> None:
        self.id = participant_id
        self.session = session
        self.returns: list[Return] = []
        self.refusals: list[str] = []
        self.entries: list[Message] = []
        """Of the connections before this one."""
        self._cluster = cluster
        self._audio = audio
        self._peer: TalkingPeer | None = None
        self._node = ""
        self._here = asyncio.Event()
        self._closing: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def staying(self) -> AsyncIterator[Member]:
        """In the call from the beginning of the block to its end."""
        running = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(IN_TIME_S):
                await self._here.wait()
            yield self
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            if self._peer is not None:
                await self._peer.close()
            await asyncio.gather(*self._closing)

    @property
    def peer(self) -> TalkingPeer:
        assert self._peer is not None
        return self._peer

    @property
    def seen(self) -> list[Message]:
        """Every entry of the log that came, over all connections."""
        return [*self.entries, *(m for m in (self._peer.messages if self._peer else ()) if "seq" in m)]

    def of_type(self, type_: str) -> list[Message]:
        return [message for message in self.seen if message["type"] == type_]

    async def saw(self, type_: str, more_than: int = 0) -> None:
        await self.until(lambda: len(self.of_type(type_)) > more_than, f"more {type_}")

    async def came_back(self, times: int = 1) -> Return:
        await self.until(lambda: len(self.returns) >= times and self._here.is_set(), "coming back")
        return self.returns[times - 1]

    async def until(self, holds: Any, what: str) -> None:
        try:
            async with asyncio.timeout(IN_TIME_S):
                while not holds():
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise TimeoutError(f"no {what}; refusals: {self.refusals[-5:]}") from error

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        lost: tuple[float, float, bool] | None = None
        while True:
            self._peer = await self._connected()
            if lost is not None:
                self.returns.append(Return(*lost[:2], loop.time(), lost[2], self._node))
            self._here.set()
            was_told = await self._lost(self._peer)
            self._here.clear()
            heard_at = max((m["arrived_at"] for m in self._peer.messages), default=loop.time())
            lost = heard_at, loop.time(), was_told
            self.entries, old, self._peer = self.seen, self._peer, None
            self._closing.append(asyncio.create_task(old.vanish()))
            moved = old.of_type("call.moved")
            await asyncio.sleep(random.random() * (moved[0]["within_ms"] / 1000 if moved else 0.3))

    async def _connected(self) -> TalkingPeer:
        for failures in itertools.count():
            try:
                return await self._connect()
            except (RefusedError, aiohttp.ClientError, TimeoutError, LookupError) as error:
                self.refusals.append(getattr(error, "code", None) or type(error).__name__)
                await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * random.uniform(0.5, 1.5))
        raise AssertionError

    async def _connect(self) -> TalkingPeer:
        place = await self._cluster.place(self.session)
        if place is None:
            raise LookupError
        ticket = await self._cluster.ticket(self.session, self.id, place)
        last_seq = max((entry["seq"] for entry in self.entries), default=0)
        peer = TalkingPeer(f"{place.media_url}/whip/{self.session.id}", ticket, self._audio, last_seq=last_seq)
        await peer.start()
        self._node = place.node
        return peer

    async def _lost(self, peer: TalkingPeer) -> bool:
        """Whether the node said so."""
        loop = asyncio.get_running_loop()
        pinged_at = answered_at = loop.time()
        while not peer.is_closed and not peer.of_type("call.moved"):
            answered_at = max([answered_at, *(m["arrived_at"] for m in peer.messages[-5:])])
            if pinged_at - answered_at > SILENT_FOR_S:
                return False
            if loop.time() - pinged_at > PING_S:
                peer.send({"type": "ping"})
                pinged_at = loop.time()
            await asyncio.sleep(0.05)
        return bool(peer.of_type("call.moved"))


async def refused(node: NodeProcess) -> float:
    """Ask to begin a call until this node refuses that; how long after the first time, in ms."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    headers = {"Authorization": "Bearer x", "Content-Type": "application/sdp"}
    async with asyncio.timeout(10), aiohttp.ClientSession() as http:
        while True:
            async with http.post(f"{node.url}/whip/{uuid4()}", data=NO_OFFER, headers=headers) as response:
                code = (await response.json(content_type=None))["code"]
                if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
                    assert (code, response.headers["Retry-After"]) == ("node_draining", "2")
                    return (loop.time() - began) * 1000
            await asyncio.sleep(0.005)


async def assert_nothing_lost(cluster: Cluster, *members: Member) -> None:
    """What somebody saw is stored; they saw all that is stored, once, in order; and no final overlaps another."""
    for member in members:
        numbers = [entry["seq"] for entry in member.seen]
        assert numbers == sorted(set(numbers))
        log = await cluster.full_log(member.session, set(numbers))
        readable = [entry for entry in log if entry["audience"] in ("everyone", f"participant:{member.id}")]
        missed = [e for e in readable if numbers[0] <= e["seq"] <= numbers[-1] and e["seq"] not in numbers]
        assert not missed
        finals = [(entry["start_ms"], entry["end_ms"]) for entry in log if entry["type"] == "transcript.final"]
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(finals))
        left = [entry for entry in log if entry["type"] == "participant.left" and entry["seq"] <= numbers[-1]]
        assert all(entry["participant_id"] != str(member.id) for entry in left)


def percentile(values: list[float], percent: int) -> float:
    """Nearest-rank percentile."""
    ranked = sorted(values)
    return round(ranked[max(0, -(-percent * len(ranked) // 100) - 1)], 2)
