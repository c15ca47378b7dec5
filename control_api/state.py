"""What every handler may use, made once at start-up."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from control_api.exports.rendering import Renderer
from control_api.limits import RateLimiter
from control_api.llm import LanguageModel
from control_api.mail.queue import Mail
from control_api.metrics import Metrics
from control_api.oidc import Provider
from control_api.passwords import Passwords
from control_api.settings import Settings
from control_api.storage import Storage
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
    mail: Mail
    google: Provider | None
    """None: signing in with Google is not offered."""
    storage: Storage | None = None
    """None: this installation keeps no files."""
    renderer: Renderer = field(default_factory=Renderer)
    """Writes files that take long."""
    language_model: LanguageModel | None = None
    """None: this installation has none."""


STATE = web.AppKey("state", State)


def state(request: web.Request) -> State:
    return request.app[STATE]
