"""What every handler may use, made once at start-up."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from control_api.limits import RateLimiter
from control_api.metrics import Metrics
from control_api.passwords import Passwords
from control_api.settings import Settings
from db.live import Live
from db.pool import Pool


@dataclass(frozen=True, slots=True)
class State:
    settings: Settings
    pool: Pool
    live: Live
    limiter: RateLimiter
    passwords: Passwords
    metrics: Metrics


STATE = web.AppKey("state", State)


def state(request: web.Request) -> State:
    return request.app[STATE]
