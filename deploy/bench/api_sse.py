"""`liveconvo bench api --only sse`: how soon the last of many followers of one session has what was said.

Method: the API as `up` starts it on a throw-away PostgreSQL and Valkey. This process is the node, which commits an
entry and publishes it as a recorder does, and all followers, on raw sockets, so that reading costs little. An event's
time runs from its commit until the last follower has it. The storm: all connections are cut at once and made again at
once, without the pause that `retry` asks for; it runs until each has what it missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

import uvloop

from db import accounts, calls, session_log, sessions
from db.live import Live
from db.pool import Pool, create_pool, owner_connection, transaction
from db.records import LogEntry, Session
from deploy.bench.api_servers import running
from deploy.bench.db_server import Server, throwaway_server
from deploy.bench.process_cpu import tree_cpu_s
from deploy.bench.rows import Row, percentile, print_rows, versions
from deploy.paths import throwaway_folder
from deploy.plan import Plan, Services, api_program
from deploy.ports import free_port
from deploy.valkey import EmbeddedValkey

FOLLOWERS, EVENTS, HISTORY = 200, 100, 300
PER_PERSON = 50
EVERY_S = 0.2
DEADLINE_S = 60.0
GOAL_MS = 250


@dataclass(slots=True)
class Follower:
    """One stream of server-sent events, read as plainly as it goes."""

    port: int
    path: str
    token: str
    arrived: dict[int, float] = field(default_factory=dict)
    """When each number came, by this process' clock."""
    refused: int = 0
    writer: asyncio.StreamWriter | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def has(self, seq: int) -> None:
        while seq not in self.arrived:
            self.news.clear()
            await self.news.wait()

    @property
    def last_seq(self) -> int:
        return max(self.arrived, default=0)

    async def run(self) -> None:
        """Connect, again and again if refused, and read until the connection ends."""
        while not await self._read():
            self.refused += 1
            await asyncio.sleep(0.2)

    def cut(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()

    async def _read(self) -> bool:
        """False: it was not let in."""
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
        self.writer.write(f"{head}Last-Event-ID: {self.last_seq}\r\n\r\n".encode())
        with suppress(OSError, asyncio.IncompleteReadError):
            if b" 200 " not in await reader.readline():
                self.writer.close()
                return False
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    self.arrived.setdefault(int(line[4:]), time.perf_counter())
                    self.news.set()
            return True
        return bool(self.arrived)


@dataclass(frozen=True, slots=True)
class Scene:
    port: int
    api_pid: int
    session: Session
    tokens: Sequence[str]
    media: Pool
    live: Live

    def followers(self, count: int) -> list[Follower]:
        path = f"/v1/sessions/{self.session.id}/events"
        return [Follower(self.port, path, self.tokens[number // PER_PERSON]) for number in range(count)]

    async def say(self, seqs: range) -> float:
        """What a node's recorder does; when it was committed."""
        entries = [
            LogEntry(
                self.session.id, self.session.organization_id, seq, 1, "transcript.final", seq, "everyone",
                json.dumps({"text": "So what would it cost us to change over? " * 3}).encode(),
            )
            for seq in seqs
        ]  # fmt: skip
        async with transaction(self.media) as conn:
            await session_log.append(conn, entries)
        committed = time.perf_counter()
        await self.live.publish_entries(entries)
        return committed


def run(args: argparse.Namespace) -> int:
    rows = measure_all(args.followers)
    if args.json:
        print(json.dumps({"bench": "api", "versions": versions(), "rows": [row.as_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


def measure_all(count: int = FOLLOWERS, events: int = EVENTS) -> list[Row]:
    """The figures, on servers of their own."""
    with throwaway_server() as server, throwaway_folder() as folder:
        valkey = EmbeddedValkey(folder, free_port())
        valkey.start()
        try:
            port = free_port()
            services = Services(server.urls["api"], server.urls["media"], server.urls["jobs"], valkey.url)
            (folder / "files").mkdir()
            program = api_program(Plan(folder, port=port), services)
            with running(program.argv, program.environment, port, "/healthz") as pid:
                return uvloop.run(_measure(server, valkey.url, port, pid, count, events))
        finally:
            valkey.stop()


async def _measure(server: Server, redis_url: str, port: int, pid: int, count: int, events: int) -> list[Row]:  # noqa: PLR0917
    api = await create_pool(server.urls["api"], max_size=2, application_name="bench")
    media = await create_pool(server.urls["media"], max_size=2, application_name="bench")
    live = Live(redis_url)
    try:
        session, tokens = await _prepare(server, api, media, -(-count // PER_PERSON))
        scene = Scene(port, pid, session, tokens, media, live)
        return await _figures(scene, count, events)
    finally:
        await live.aclose()
        api.terminate()
        media.terminate()


async def _prepare(server: Server, api: Pool, media: Pool, people: int) -> tuple[Session, list[str]]:
    """A live session with a history, and a token for each of its organization's people."""
    tokens = [secrets.token_hex(32) for _ in range(people)]
    async with owner_connection(server.owner_url) as conn, conn.transaction():
        owner = await accounts.create_owner(conn, email="o@example.org", full_name="O", organization_name="Bench")
        ids: list[UUID] = [owner.user_id]
        for number in range(1, people):
            ids.append(
                await conn.fetchval(
                    "INSERT INTO users (email, current_organization_id) VALUES ($1, $2) RETURNING id",
                    f"m{number}@example.org",
                    owner.organization_id,
                )
            )
            await conn.execute(
                "INSERT INTO organization_members (organization_id, user_id) VALUES ($1, $2)",
                owner.organization_id,
                ids[-1],
            )
        await conn.executemany(
            "INSERT INTO user_app_sessions (user_id, session_token, user_agent) VALUES ($1, $2, 'bench')",
            [(user_id, sha256(token.encode()).hexdigest()) for user_id, token in zip(ids, tokens, strict=True)],
        )
    async with transaction(api, user_id=owner.user_id) as conn:
        session = await sessions.insert_session(
            conn, user_id=owner.user_id, organization_id=owner.organization_id, title="A call",
            conversation_type="sales",
        )  # fmt: skip
    async with transaction(media) as conn:
        await calls.acquire_lease(conn, session.id, "bench", "http://127.0.0.1:1", 3600)
    return session, tokens


async def _figures(scene: Scene, count: int, events: int) -> list[Row]:
    followers = scene.followers(count)
    await scene.say(range(1, HISTORY + 1))
    async with asyncio.TaskGroup() as tasks:
        _say(f"{count} followers come …")
        reading = [tasks.create_task(each.run()) for each in followers]
        await _all_have(followers, HISTORY)
        _say(f"{events} events …")
        began_cpu_s, delays_ms = tree_cpu_s(scene.api_pid), []
        for seq in range(HISTORY + 1, HISTORY + events + 1):
            committed = await scene.say(range(seq, seq + 1))
            await _all_have(followers, seq)
            delays_ms.append(1000 * (max(each.arrived[seq] for each in followers) - committed))
            await asyncio.sleep(EVERY_S)
        cpu_ms = 1000 * (tree_cpu_s(scene.api_pid) - began_cpu_s) / events
        _say("all are cut off, and come back at once …")
        for each in followers:
            each.cut()
        await asyncio.wait(reading)
        last = HISTORY + events + 10
        cut = await scene.say(range(last - 9, last + 1))
        again = [tasks.create_task(each.run()) for each in followers]
        await _all_have(followers, last)
        back_ms = [1000 * (each.arrived[last] - cut) for each in followers]
        refused = sum(each.refused for each in followers)
        for task in again:
            task.cancel()
        for each in followers:
            each.cut()
    repeated = sum(len(each.arrived) != last for each in followers)
    conditions = f"{count} followers of one session, goal {GOAL_MS} ms"
    return [
        Row("sse_last_follower_p50_ms", "ms", percentile(delays_ms, 50), events, conditions),
        Row("sse_last_follower_p95_ms", "ms", percentile(delays_ms, 95), events, conditions),
        Row("sse_cpu_per_event_ms", "ms", cpu_ms, events, f"{count} followers; all of the API's, its checks included"),
        Row("sse_storm_back_p95_ms", "ms", percentile(back_ms, 95), count, "all come back at once, without a pause"),
        Row("sse_storm_refused", "count", refused, count, "503, and tried again"),
        Row("sse_incomplete", "count", repeated, count, "followers that do not have every number"),
    ]


async def _all_have(followers: Sequence[Follower], seq: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        for each in followers:
            await each.has(seq)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
