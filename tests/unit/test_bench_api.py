"""What `liveconvo bench api` asks, how it counts, and what it refuses before anything starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.bench.api import latency_rows
from deploy.bench.api_http import Connection, Request
from deploy.bench.api_load import Shot, Tally, arrivals, closed_loop, open_loop
from deploy.bench.api_mix import BESIDE_BARE, KINDS, MIX
from deploy.cli import main, parser

SHOT = Shot("ask", Request("GET", "/").as_bytes())


class Answering(asyncio.Protocol):
    def __init__(self, pieces: list[bytes], ready_s: float) -> None:
        self.pieces = pieces
        self.ready_s = ready_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for number, piece in enumerate(self.pieces):
            loop.call_at(max(loop.time(), self.ready_s) + number / 1000, self.transport.write, piece)


@asynccontextmanager
async def server(answer: bytes, stands_still_s: float = 0.0, in_pieces: bool = False) -> AsyncIterator[int]:
    """Answers every request alike, at first not at all."""
    pieces = [answer[:20], answer[20:60], answer[60:]] if in_pieces else [answer]
    loop = asyncio.get_running_loop()
    ready_s = loop.time() + stands_still_s
    listening = await loop.create_server(lambda: Answering(pieces, ready_s), "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + b'{"a": "one"}'
REFUSED = b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"


def test_it_measures_a_million_transcripts_at_two_hundred_requests_unless_told() -> None:
    args = parser().parse_args(["bench", "api"])
    assert (args.transcripts, args.sessions, args.organizations, args.rate) == (1_000_000, 20_000, 500, 200.0)


def test_it_refuses_a_data_set_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "api", "--sessions", "999", "--organizations", "10"]) == 2
    assert "sessions at least" in capsys.readouterr().err


def test_the_mix_is_of_every_kind_and_what_bare_does_is_part_of_it() -> None:
    assert {ask.kind for ask in MIX} == set(KINDS)
    assert sum(ask.weight for ask in MIX) == 100
    assert set(BESIDE_BARE) <= set(MIX)


def test_requests_are_due_at_the_rate_that_was_asked_for() -> None:
    due_s = list(arrivals(200, 30))
    assert due_s == sorted(due_s)
    assert 5_500 < len(due_s) < 6_500
    assert due_s[-1] < 30


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_an_answer_is_read_whole_and_the_connection_goes_on(in_pieces: bool) -> None:
    async with server(OK, in_pieces=in_pieces) as port, Connection(port) as connection:
        for _ in range(3):
            assert await connection.send(SHOT.request) == (200, b'{"a": "one"}')


async def test_a_connection_that_was_closed_is_opened_again() -> None:
    async with server(OK) as port, Connection(port) as connection:
        await connection.send(SHOT.request)
        assert connection._transport is not None
        connection._transport.close()
        assert (await connection.send(SHOT.request))[0] == 200


@pytest.mark.slow
async def test_latency_counts_from_when_a_request_was_due() -> None:
    """A server that stands still for 0.3 s is charged for everybody who was due meanwhile."""
    async with server(OK, stands_still_s=0.3) as port:
        tally = await open_loop(port, lambda: SHOT, rate_hz=200, seconds=0.5)
    assert sum(ms > 100 for ms in tally.latencies_ms["ask"]) > 10
    assert len(tally.latencies_ms["ask"]) == len(list(arrivals(200, 0.5)))


async def test_what_is_not_answered_well_has_no_latency() -> None:
    async with server(REFUSED) as port:
        tally = await open_loop(port, lambda: SHOT, rate_hz=100, seconds=0.1)
        with pytest.raises(ExceptionGroup, match="unhandled"):
            await closed_loop(port, lambda: SHOT, connections=1, seconds=0.1)
    assert not tally.latencies_ms["ask"]
    assert tally.failures["ask 409"] > 0


def test_kinds_are_rated_and_failures_are_told() -> None:
    tally = Tally()
    for ms in range(1, 101):
        tally.add(Shot("list", b""), 200, float(ms))
    tally.add(Shot("join", b""), 503, 1.0)
    rows = {row.metric: row for row in latency_rows(tally, 200)}
    assert rows["read_p95_ms"].ours == 95.0
    assert rows["join_p95_ms"].ours is None
    assert (rows["failed_requests"].ours, rows["failed_requests"].conditions) == (1.0, "join 503: 1")
