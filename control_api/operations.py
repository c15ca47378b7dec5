"""What the people who run this server ask of it: does it live, can it work, how does it fare."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from control_api import metrics
from control_api.http import View, respond
from control_api.state import state
from db import readiness


class Health(View):
    status: Literal["ok"]


class Readiness(View):
    status: Literal["ready", "unavailable"]
    reasons: list[str]
    """Why it cannot work."""
    degraded: list[str]
    """What is slower than it should be."""


async def get_health(request: web.Request) -> web.Response:
    return respond(Health(status="ok"))


async def get_readiness(request: web.Request) -> web.Response:
    """Postgres decides; without Redis everything works, only slower."""
    st = state(request)
    reasons = [] if await readiness.answers(st.pool) else ["postgres does not answer"]
    degraded = [] if await st.live.ping() else ["redis does not answer"]
    status: Literal["ready", "unavailable"] = "unavailable" if reasons else "ready"
    return respond(Readiness(status=status, reasons=reasons, degraded=degraded), 503 if reasons else 200)


async def get_metrics(request: web.Request) -> web.Response:
    page = state(request).metrics.page()
    return web.Response(body=page, headers={"Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"})
