"""`liveconvo bench api`: how long people wait for the API, and how much of a bare server's pace it keeps.

Method: a throw-away PostgreSQL filled as for `bench db`, the API as `up` starts it beside it, and this process as the
client, all on one machine. Latencies are of an open loop, counted from when each request was due. The bare server
(`api_bare`) and the API take turns, route by route, so a minute in which the machine was busy weighs on both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Sequence

import asyncpg
import uvloop

from deploy.bench import api_sse
from deploy.bench.api_load import Tally, closed_loop, open_loop
from deploy.bench.api_mix import BESIDE_BARE, KINDS, MIX, Asker, drawing, for_bare
from deploy.bench.api_servers import api_server, bare_server, sign_in
from deploy.bench.db_data import Size, fill
from deploy.bench.db_sample import draw
from deploy.bench.db_server import Server, throwaway_server
from deploy.bench.rows import Row, percentile, print_rows, versions
from deploy.paths import throwaway_folder

SAMPLES = 500
GOALS_MS = {"read": 50, "write": 80, "join": 100}
SHARE_GOAL = 0.6
CLOSED_CONNECTIONS = 16
ROUNDS = 5
WARM_UP_S = 3.0
_FEWEST_SESSIONS = 1000


def run(args: argparse.Namespace) -> int:
    """Measure and print; 2 for a data set that is too small to be one."""
    if args.only == "sse":
        return api_sse.run(args)
    if args.sessions < max(_FEWEST_SESSIONS, args.organizations) or args.transcripts < args.sessions:
        print(
            f"bench api: {_FEWEST_SESSIONS} sessions at least, one an organization, and a transcript each",
            file=sys.stderr,
        )
        return 2
    size = Size(args.organizations, args.sessions, args.transcripts)
    _say("starting a PostgreSQL of its own …")
    with throwaway_server() as server, throwaway_folder() as folder:
        askers = asyncio.run(_prepare(server, size))
        with api_server(server, folder) as ours, bare_server(server) as bare:
            rows = uvloop.run(_measure(ours, bare, askers, args.rate, args.seconds))
    if args.json:
        print(json.dumps({"bench": "api", "versions": versions(), "rows": [row.as_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


async def _prepare(server: Server, size: Size) -> list[Asker]:
    conn = await asyncpg.connect(server.superuser_url)
    try:
        # Foreign keys and all that the triggers derive: the data set is consistent by itself.
        await conn.execute("SET session_replication_role = replica")
        await fill(conn, size, _say)
        # Nobody is there who would take them, and their secrets are made up: the worker would try for minutes.
        await conn.execute("UPDATE webhook_endpoints SET is_active = false")
        await conn.execute("CHECKPOINT")
        return await sign_in(conn, await draw(conn, SAMPLES))
    finally:
        await conn.close()


async def _measure(ours: int, bare: int, askers: Sequence[Asker], rate_hz: float, seconds: float) -> list[Row]:
    mixed = drawing(MIX, askers)
    _say("warming up …")
    await open_loop(ours, mixed, rate_hz=rate_hz / 2, seconds=WARM_UP_S)
    _say(f"open loop, {rate_hz:.0f} requests/s for {seconds:.0f} s …")
    rows = latency_rows(await open_loop(ours, mixed, rate_hz=rate_hz, seconds=seconds), rate_hz)
    return [*rows, *await _shares(ours, bare, askers, seconds / ROUNDS)]


def latency_rows(tally: Tally, rate_hz: float) -> list[Row]:
    """p95 of each kind and of each request; and what was not answered well."""
    rows = []
    for kind in KINDS:
        names = [ask.name for ask in MIX if ask.kind == kind]
        of_kind = [ms for name in names for ms in tally.latencies_ms[name]]
        goal = f"open loop at {rate_hz:.0f}/s, goal {GOALS_MS[kind]}"
        rows.append(_latency_row(f"{kind}_p95_ms", of_kind, goal))
    rows += [_latency_row(f"request_p95_ms {ask.name}", tally.latencies_ms[ask.name], ask.kind) for ask in MIX]
    failed = ", ".join(f"{name}: {count}" for name, count in tally.failures.most_common(5)) or "none"
    asked = sum(map(len, tally.latencies_ms.values())) + tally.failures.total()
    return [
        *rows,
        Row("failed_requests", "", float(tally.failures.total()), asked, failed),
        Row("client_late_ms", "ms", tally.late_ms, asked, "at worst, contained in the latencies"),
    ]


def _latency_row(metric: str, latencies_ms: Sequence[float], conditions: str) -> Row:
    p50, p99 = percentile(latencies_ms, 50), percentile(latencies_ms, 99)
    of_all = f", p50 {p50:.1f}, p99 {p99:.1f}" if p50 is not None and p99 is not None else ""
    return Row(metric, "ms", percentile(latencies_ms, 95), len(latencies_ms), conditions + of_all)


async def _shares(ours: int, bare: int, askers: Sequence[Asker], seconds: float) -> list[Row]:
    """Requests a second beside the bare server's, for each route, and the smallest share."""
    rows = []
    for ask in BESIDE_BARE:
        _say(f"closed loop, {ask.name} …")
        paces: dict[int, list[float]] = {ours: [], bare: []}
        draws = {ours: drawing([ask], askers), bare: for_bare(ask, askers)}
        for number in range(ROUNDS + 1):
            for port, drawn in draws.items():
                pace = await closed_loop(port, drawn, connections=CLOSED_CONNECTIONS, seconds=seconds / 2)
                if number > 0:  # the first round opens connections and prepares statements
                    paces[port].append(pace)
        conditions = f"closed loop, {CLOSED_CONNECTIONS} connections, median of {ROUNDS} turns each"
        row = Row(
            f"requests_per_s {ask.name}",
            "1/s",
            statistics.median(paces[ours]),
            ROUNDS,
            conditions,
            statistics.median(paces[bare]),
            "bare aiohttp and asyncpg",
        )
        rows.append(row)
    least = min(rows, key=lambda row: row.ratio or 0.0)
    share = Row("closed_loop_share", "", least.ratio, len(rows), f"the least, {least.metric}; goal {SHARE_GOAL}")
    return [share, *rows]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
