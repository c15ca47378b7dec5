"""The built web client, served as it was found at start-up.

Rules:
- Only files that lay in `web/` when the server started are served, each under its own route: no path comes from a
  request.
- `index.html` is never kept by a cache; what lies in `assets/` has a hash in its name and is kept for ever. `docs.html`
  is `/docs`.
- The page may talk to this origin and to the media nodes, and to nobody else.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from control_api.routing import Handler, Policy, Route
from control_api.state import state
from db import calls
from db.errors import UnavailableError
from db.pool import transaction

WEB_FOLDER = Path(__file__).with_name("web")
NOT_BUILT = "The web client is not built. `make run` builds it; the API under /v1 works without it.\n"
DOCS = "docs.html"
FOR_EVER = "public, max-age=31536000, immutable"


def routes(folder: Path) -> Iterator[Route]:
    index = folder / "index.html"
    yield _page("/", _Index(index.read_bytes() if index.is_file() else None).get)
    docs = folder / DOCS
    yield _page("/docs", _Docs(docs.read_bytes() if docs.is_file() else None).get)
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in {"index.html", DOCS}:
            yield _page(f"/{name}", _file(path, is_hashed=name.startswith("assets/")))


def policy(media_origins: Iterable[str]) -> str:
    """The page's Content-Security-Policy."""
    connect = " ".join(["'self'", *media_origins])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; connect-src {connect}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@dataclass(slots=True)
class _Index:
    """The one page; keeps the last known media origins, so that it can be served while Postgres is away."""

    page: bytes | None
    _origins: tuple[str, ...] = ()

    async def get(self, request: web.Request) -> web.StreamResponse:
        if self.page is None:
            return web.Response(status=503, text=NOT_BUILT)
        self._origins = await _media_origins(request) or self._origins
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy(self._origins),
            "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        }
        return web.Response(body=self.page, content_type="text/html", charset="utf-8", headers=headers)


@dataclass(frozen=True, slots=True)
class _Docs:
    """The API's description for people to read, which talks to this origin alone."""

    page: bytes | None

    async def get(self, request: web.Request) -> web.StreamResponse:
        if self.page is None:
            return web.Response(status=503, text=NOT_BUILT)
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy(())}
        return web.Response(body=self.page, content_type="text/html", charset="utf-8", headers=headers)


async def _media_origins(request: web.Request) -> tuple[str, ...]:
    try:
        async with transaction(state(request).pool, timeout_s=2.0) as conn:
            urls = await calls.media_urls(conn)
    except UnavailableError:
        return ()
    origins = [urlsplit(url) for url in urls]
    return tuple(sorted({f"{parts.scheme}://{parts.netloc}" for parts in origins}))


def _file(path: Path, *, is_hashed: bool) -> Handler:
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"Cache-Control": FOR_EVER if is_hashed else "no-cache", "Content-Type": content_type}

    async def get(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(path, headers=headers)

    return get


def _page(path: str, handler: Handler) -> Route:
    return Route(
        method="GET", path=path, handler=handler, policy=Policy.PUBLIC, summary="", tag="page", is_described=False
    )
