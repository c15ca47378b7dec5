"""Redis, all of it: every key, stream field and command. A hint that makes Postgres quick, never the truth.

Rules:
- Every call has a deadline of half a second. A call that fails does nothing, answers None, False or nothing found, and
  is counted in `failures`; nobody needs to catch anything.
- After a failure Redis is left alone for a second, so that its absence costs each caller nothing.
- Every key expires.

| key | kind | what |
|---|---|---|
| `liveconvo:nodes` | hash node → {media_url, load, at} | what each media node said of itself last |
| `liveconvo:wake:<node>` | list, at most 1 long | somebody left a command for the node |
| `liveconvo:events:<session>` | stream, about 1000 long | the newest entries of a session's log |
| `liveconvo:rate:<name>` | counter | knocks in one window of a rate limit |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from db.records import LogEntry

DEADLINE_S = 0.5
PAUSE_AFTER_FAILURE_S = 1.0
NODE_LOAD_LIFETIME_S = 5.0
WAKE_LIFETIME_S = 10
STREAM_LENGTH = 1000
STREAM_LIFETIME_S = 24 * 3600
_NODES = "liveconvo:nodes"


@dataclass(frozen=True, slots=True)
class NodeLoad:
    node: str
    media_url: str
    load: float
    """0: idle; 1: full."""


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """An entry of a session's log as Redis has it."""

    position: str
    """Its place in the stream: what comes after it is asked for by this."""
    seq: int
    epoch: int
    type: str
    at_ms: int
    audience: str
    payload: bytes


STREAM_START = "0-0"
"""Before everything that a stream holds."""


class Live:
    """A client of one Redis; connects when first used, and again whenever it must."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=DEADLINE_S,
            socket_connect_timeout=DEADLINE_S,
            retry=Retry(NoBackoff(), 0),
            max_connections=32,
            driver_info=None,  # or each new connection reads the client's version from disk
        )
        # A wait holds its connection for seconds: its own client, whose socket may be silent for longer.
        self._waiting: Redis = Redis.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=DEADLINE_S,
            retry=Retry(NoBackoff(), 0),
            max_connections=8,
            driver_info=None,
        )
        self._left_alone_until = 0.0
        self.failures = 0
        """Calls that Redis did not answer in time."""
        self.is_away = False
        """The last call was not answered."""

    async def aclose(self) -> None:
        await asyncio.gather(self._redis.aclose(), self._waiting.aclose(), return_exceptions=True)

    async def ping(self) -> bool:
        return await self._ask(self._redis.ping()) is True

    async def report_load(self, load: NodeLoad) -> None:
        """To be repeated every few seconds; older word of a node is ignored."""
        word = orjson.dumps({"media_url": load.media_url, "load": load.load, "at": time.time()})
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(_NODES, load.node, word)
            pipe.expire(_NODES, 3600)
            await self._ask(pipe.execute())

    async def node_loads(self) -> list[NodeLoad]:
        """The nodes that spoke of themselves lately."""
        words: dict[bytes, bytes] = await self._ask(self._redis.hgetall(_NODES)) or {}
        oldest = time.time() - NODE_LOAD_LIFETIME_S
        said = [(node.decode(), orjson.loads(word)) for node, word in words.items()]
        return [NodeLoad(node, word["media_url"], word["load"]) for node, word in said if word["at"] > oldest]

    async def forget_node(self, node: str) -> None:
        """A node that stops takes its word back."""
        await self._ask(self._redis.hdel(_NODES, node))

    async def wake_node(self, node: str) -> None:
        """There is a command for this node in Postgres; many wakes are one."""
        key = f"liveconvo:wake:{node}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.lpush(key, b"1")
            pipe.ltrim(key, 0, 0)
            pipe.expire(key, WAKE_LIFETIME_S)
            await self._ask(pipe.execute())

    async def wait_for_wake(self, node: str, timeout_s: float) -> bool:
        """True when somebody woke the node; False when the time is up, which is all that happens without Redis."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_s
        woken = await self._ask(
            self._waiting.blpop([f"liveconvo:wake:{node}"], timeout=timeout_s), deadline_s=timeout_s + DEADLINE_S
        )
        if woken is None:
            await asyncio.sleep(ends_at - loop.time())
        return woken is not None

    async def publish_entries(self, entries: Sequence[LogEntry]) -> None:
        """Give the newest entries to whoever follows a session."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.xadd(_stream(entry.session_id), _fields(entry), maxlen=STREAM_LENGTH, approximate=True)
            for session_id in {entry.session_id for entry in entries}:
                pipe.expire(_stream(session_id), STREAM_LIFETIME_S)
            await self._ask(pipe.execute())

    async def stream_end(self, session_id: UUID) -> str:
        """The position of a session's newest entry; without Redis' answer the stream's start."""
        if self._is_left_alone:
            return STREAM_START
        newest = await self._ask(self._redis.xrevrange(_stream(session_id), count=1))
        return newest[0][0].decode() if newest else STREAM_START

    async def wait_for_entries(
        self, positions: Mapping[UUID, str], timeout_s: float
    ) -> dict[UUID, list[StreamEntry]] | None:
        """What was published after these positions, as soon as there is something; None without Redis' answer."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_s
        sessions = {_stream(session_id).encode(): session_id for session_id in positions}
        asked: dict[Any, Any] = {name: positions[session_id] for name, session_id in sessions.items()}
        answer = None
        if not self._is_left_alone:  # asking makes a coroutine inside of another one, which nothing here could drop
            answer = await self._ask(
                self._waiting.xread(asked, count=STREAM_LENGTH, block=max(1, round(1000 * timeout_s))),
                deadline_s=timeout_s + DEADLINE_S,
            )
        if answer is None:
            await asyncio.sleep(ends_at - loop.time())
            return None
        streams = answer.items() if isinstance(answer, dict) else answer  # by the version of the protocol
        return {sessions[name]: [_stream_entry(*part) for part in _flat(parts)] for name, parts in streams}

    async def forget_session(self, session_id: UUID) -> None:
        """Its entries were erased; without Redis' answer they are gone a day after they were published."""
        await self._ask(self._redis.delete(_stream(session_id)))

    async def hit_rate_limit(self, name: str, period_s: int) -> int | None:
        """One more knock at `name`; how many there were in its window. None without Redis: count yourself."""
        key = f"liveconvo:rate:{name}"
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, period_s, nx=True)
            answer = await self._ask(pipe.execute())
        return answer[0] if answer else None

    @property
    def _is_left_alone(self) -> bool:
        return time.monotonic() < self._left_alone_until

    async def _ask(self, answer: Any, *, deadline_s: float = DEADLINE_S) -> Any:
        if self._is_left_alone:
            _drop(answer)
            return None
        try:
            async with asyncio.timeout(deadline_s):
                answered = await answer
        except (RedisError, OSError, TimeoutError):
            self.failures += 1
            self.is_away = True
            self._left_alone_until = time.monotonic() + PAUSE_AFTER_FAILURE_S
            return None
        self.is_away = False
        return answered


def _drop(answer: Any) -> None:
    """A coroutine that is never awaited would warn."""
    if asyncio.iscoroutine(answer):
        answer.close()


def _stream(session_id: UUID) -> str:
    return f"liveconvo:events:{session_id}"


def _fields(entry: LogEntry) -> dict[Any, Any]:
    return {
        "seq": entry.seq,
        "epoch": entry.epoch,
        "type": entry.type,
        "at_ms": entry.at_ms,
        "audience": entry.audience,
        "payload": entry.payload,
    }


def _flat(parts: list[Any]) -> list[Any]:
    """RESP3 wraps the entries of each stream in one more list."""
    return parts[0] if parts and isinstance(parts[0], list) else parts


def _stream_entry(position: bytes, fields: Mapping[bytes, bytes]) -> StreamEntry:
    return StreamEntry(
        position.decode(),
        int(fields[b"seq"]),
        int(fields[b"epoch"]),
        fields[b"type"].decode(),
        int(fields[b"at_ms"]),
        fields[b"audience"].decode(),
        fields[b"payload"],
    )
