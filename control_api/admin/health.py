"""Whether the parts of the system work, measured when it is asked: Postgres, Redis, media nodes, queues, disks."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from pydantic import Field

from control_api.admin import health_rules as rules
from control_api.admin.health_rules import Status
from control_api.admin.listing import as_admin
from control_api.http import View, respond
from control_api.mail.queue import SEND_MAIL
from control_api.settings import Settings
from control_api.state import state
from db import administration
from db.administration import Queue
from db.live import Live
from db.pool import Connection

DISK_DEADLINE_S = 2.0


class Component(View):
    name: str = Field(examples=["postgres", "redis", "node host-0", "queue finalize_session", "mail", "disk files"])
    status: Status
    latency_ms: float | None = Field(
        description="Of an answer or a write; how long ago a node was heard of; how long the oldest job has been due"
    )
    detail: str
    figures: dict[str, float]


class SystemHealth(View):
    status: Status = Field(description="The worst of them")
    measured_at: datetime
    components: list[Component]


async def get_system_health(request: web.Request) -> web.Response:
    st = state(request)
    redis = await _redis(st.live)
    disks = [await _disk(name, folder) for name, folder in _folders(st.settings).items()]
    async with as_admin(request) as conn:
        postgres = await _postgres(conn)
        nodes = await _nodes(conn)
        queues = await _queues(conn)
    components = [postgres, redis, *nodes, *queues, *disks]
    status = rules.worst(each.status for each in components)
    return respond(SystemHealth(status=status, measured_at=datetime.now(UTC), components=components))


async def _postgres(conn: Connection) -> Component:
    """Where it does not answer at all, nor does this: nobody could say who asks."""
    begun = time.monotonic()
    connections, allowed = await administration.read_connections(conn)
    latency_ms = _since(begun)
    figures = {"connections": float(connections), "max_connections": float(allowed)}
    return _component("postgres", rules.rate_latency(latency_ms), latency_ms, "answers", figures)


async def _redis(live: Live) -> Component:
    begun = time.monotonic()
    answers = await live.ping()
    latency_ms = _since(begun) if answers else None
    detail = "answers" if answers else "does not answer: everything works, a little slower"
    return _component("redis", rules.rate_redis(latency_ms), latency_ms, detail)


async def _nodes(conn: Connection) -> list[Component]:
    """Those that were heard of lately, each with its calls; one row says so if there are none."""
    found = await administration.read_nodes(conn)
    if not found:
        return [_component("nodes", "down", None, "no media node is running: no call can begin")]
    overall = rules.rate_nodes(each.age_s for each in found)
    components = []
    for each in found:
        is_gone = each.age_s > rules.NODE_GONE_S
        status: Status = overall if is_gone and overall == "down" else "degraded" if is_gone else "ok"
        if not is_gone:
            status = rules.rate_nodes([each.age_s])
        detail = "silent: nobody is sent to it" if is_gone else "is there"
        components.append(
            _component(f"node {each.node}", status, each.age_s * 1000, detail, {"calls": float(each.live_calls)})
        )
    return components


async def _queues(conn: Connection) -> list[Component]:
    """What was queued at least once and is not done; mail has a row in any case."""
    found = {queue.entrypoint: queue for queue in await administration.read_queues(conn)}
    found.setdefault(SEND_MAIL, Queue(SEND_MAIL, 0, 0, 0, 0.0))
    return [_queue("mail" if name == SEND_MAIL else f"queue {name}", queue) for name, queue in sorted(found.items())]


def _queue(name: str, queue: Queue) -> Component:
    detail = f"{queue.waiting} wait, {queue.running} run, {queue.given_up} were given up"
    figures = {"waiting": float(queue.waiting), "running": float(queue.running), "given_up": float(queue.given_up)}
    status = rules.rate_queue(queue.oldest_wait_s, queue.given_up)
    return _component(name, status, queue.oldest_wait_s * 1000, detail, figures)


def _folders(settings: Settings) -> dict[str, Path]:
    found = {"files": settings.files_folder, "outbox": settings.mail.outbox_folder}
    return {name: folder for name, folder in found.items() if folder is not None}


@dataclass(frozen=True, slots=True)
class Disk:
    latency_ms: float
    free_bytes: int
    total_bytes: int


async def _disk(name: str, folder: Path) -> Component:
    try:
        async with asyncio.timeout(DISK_DEADLINE_S):
            disk = await asyncio.to_thread(_write_to, folder)
    except (OSError, TimeoutError) as error:
        return _component(f"disk {name}", "down", None, f"cannot be written to: {type(error).__name__}")
    status = rules.worst([rules.rate_disk(disk.free_bytes, disk.total_bytes), rules.rate_latency(disk.latency_ms)])
    figures = {"free_bytes": float(disk.free_bytes), "total_bytes": float(disk.total_bytes)}
    return _component(f"disk {name}", status, disk.latency_ms, "can be written to", figures)


def _write_to(folder: Path) -> Disk:
    """A small file, to the disk and gone again. In a thread: disks that fail hang."""
    while not folder.is_dir():  # an outbox is made with its first mail
        folder = folder.parent
    begun = time.monotonic()
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"liveconvo" * 100)
        file.flush()
        os.fsync(file.fileno())
    usage = shutil.disk_usage(folder)
    return Disk(_since(begun), usage.free, usage.total)


def _since(begun: float) -> float:
    return (time.monotonic() - begun) * 1000


def _component(
    name: str, status: Status, latency_ms: float | None, detail: str, figures: dict[str, float] | None = None
) -> Component:
    rounded = None if latency_ms is None else round(latency_ms, 1)
    return Component(name=name, status=status, latency_ms=rounded, detail=detail, figures=figures or {})
