"""The HTTP server, put together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiohttp import web

from control_api import client_files, openapi
from control_api.accounts.google import CALLBACK_PATH
from control_api.errors import problems, route_of
from control_api.followers.feeds import Feeds
from control_api.followers.following import FEEDS, run_feeds, stop_feeds
from control_api.limits import RateLimiter
from control_api.llm import LanguageModel
from control_api.mail.queue import Mail
from control_api.metrics import Metrics
from control_api.oidc import Provider
from control_api.passwords import Passwords
from control_api.routes import ROUTES
from control_api.routing import STARTED_S, Route, add_routes
from control_api.sealing import Sealer
from control_api.settings import Settings
from control_api.state import STATE, State
from control_api.storage import open_storage
from control_api.unread import LINGER_S, READ_BYTES, leave_unread
from db.live import Live
from db.pool import create_pool

HEADERS_S = 10.0
"""A connection that brings no whole headers by then is closed, and so is one that does nothing for so long."""
SERVER_OPTIONS: dict[str, Any] = {
    "access_log": None,  # its lines would hold invitation tokens
    "auto_decompress": False,  # compressed bodies are refused, so nothing unpacks them first
    "handle_signals": False,
    "keepalive_timeout": HEADERS_S,
    "lingering_time": LINGER_S,
    "read_bufsize": READ_BYTES,
}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


@asynccontextmanager
async def open_state(settings: Settings, metrics: Metrics) -> AsyncIterator[State]:
    """Everything the handlers use; closed in any case, and without waiting for a Postgres that is away."""
    pool = await create_pool(
        settings.database_url, max_size=settings.pool_size, application_name="liveconvo-api", only="liveconvo_api"
    )
    live = Live(settings.redis_url)
    metrics.redis_failures.set_function(lambda: live.failures)
    passwords = Passwords()
    mail = Mail(Sealer(settings.sealing_secret))
    google = None
    if settings.google.client_id:
        google = Provider(settings.google, settings.public_origin + CALLBACK_PATH)
    model = LanguageModel(settings.language_model) if settings.language_model.is_set else None
    try:
        yield State(
            settings, pool, live, RateLimiter(live), passwords, metrics, mail, google, open_storage(settings),
            language_model=model,
        )  # fmt: skip
    finally:
        if model is not None:
            await model.close()
        passwords.close()
        if google is not None:
            await google.aclose()
        await live.aclose()
        pool.terminate()


def build_app(state: State, more: Iterable[Route] = (), web_folder: Path = client_files.WEB_FOLDER) -> web.Application:
    app = web.Application(middlewares=[leave_unread, problems], client_max_size=state.settings.body_bytes)
    app[STATE] = state
    app[FEEDS] = Feeds(state.settings, state.pool, state.live)
    app.cleanup_ctx.append(run_feeds)
    app.on_shutdown.append(stop_feeds)
    add_routes(app, [*ROUTES, openapi.route_for(ROUTES, version("liveconvo")), *client_files.routes(web_folder), *more])
    app.on_response_prepare.append(_seal)
    return app


async def _seal(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that every answer carries, and its line in the metrics."""
    response.headers.popall("Server", None)  # which versions run here is nobody's business
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers.setdefault("Content-Security-Policy", API_POLICY)
    response.headers.setdefault("Cache-Control", "no-store")
    st = request.app[STATE]
    if st.settings.is_https:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    route, method = route_of(request), request.method if request.method in METHODS else "other"
    st.metrics.requests.labels(method, route, str(response.status)).inc()
    if STARTED_S in request:
        st.metrics.duration.labels(method, route).observe(time.monotonic() - request[STARTED_S])
