"""What people ask of the API on a working day, drawn at random over the organizations of the data set.

Nine of twelve requests read. Every request names somebody else's session, so what one asks warms nothing for the next.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from deploy.bench.api_http import Request
from deploy.bench.api_load import Shot
from deploy.bench.db_sample import Sample

KINDS = ("read", "write", "join")


@dataclass(frozen=True, slots=True)
class Asker:
    """A sample whose people are signed in."""

    sample: Sample
    token: str
    live_token: str
    """Of the live session's creator."""


@dataclass(frozen=True, slots=True)
class Ask:
    name: str
    kind: str
    weight: int
    """Of the whole mix."""
    request: Callable[[Asker], Request]

    def shot(self, asker: Asker) -> Shot:
        return Shot(self.name, self.request(asker).as_bytes())


def _get(path: str) -> Callable[[Asker], Request]:
    return lambda asker: Request("GET", path.format(s=asker.sample), asker.token)


def _create(asker: Asker) -> Request:
    return Request("POST", "/v1/sessions", asker.token, {"title": "Measured", "conversation_type": "sales"})


def _create_once(asker: Asker) -> Request:
    return replace(_create(asker), headers={"Idempotency-Key": str(uuid4())})


def _patch(asker: Asker) -> Request:
    return Request("PATCH", f"/v1/sessions/{asker.sample.session_id}", asker.token, {"tags": ["measured"]})


def _add_item(asker: Asker) -> Request:
    body = {"text": "Ask for the budget"}
    return Request("POST", f"/v1/sessions/{asker.sample.session_id}/checklist", asker.token, body)


def _tick(asker: Asker) -> Request:
    sample = asker.sample
    path = f"/v1/sessions/{sample.session_id}/checklist/{sample.item_id}"
    return Request("PATCH", path, asker.token, {"status": random.choice(("open", "done"))})  # noqa: S311


def _join(asker: Asker) -> Request:
    body = {
        "name": "Host",
        "role": "host",
        "shared_mic": False,
        "consent": {"version": "1", "at": datetime.now(UTC).isoformat()},
    }
    return Request("POST", f"/v1/sessions/{asker.sample.live_session_id}/join", asker.live_token, body)


_SESSION = "/v1/sessions/{s.session_id}"
LIST = Ask("list", "read", 18, _get("/v1/sessions"))
PAGE = Ask("page", "read", 14, _get(_SESSION))
TRANSCRIPT = Ask("transcript", "read", 14, _get(f"{_SESSION}/transcript?limit=100"))
CREATE = Ask("create", "write", 3, _create)
MIX = (
    LIST,
    PAGE,
    TRANSCRIPT,
    Ask("me", "read", 9, _get("/v1/me")),
    Ask("title", "read", 5, _get("/v1/sessions?q=renewal")),
    Ask("summary", "read", 5, _get(f"{_SESSION}/summary")),
    Ask("guidance", "read", 5, _get(f"{_SESSION}/guidance")),
    Ask("checklist", "read", 5, _get(f"{_SESSION}/checklist")),
    CREATE,
    Ask("create once", "write", 2, _create_once),
    Ask("patch", "write", 5, _patch),
    Ask("add item", "write", 5, _add_item),
    Ask("tick", "write", 5, _tick),
    Ask("join", "join", 5, _join),
)
BESIDE_BARE = (LIST, PAGE, TRANSCRIPT, CREATE)
"""What the bare server does too."""


def drawing(asks: Sequence[Ask], askers: Sequence[Asker]) -> Callable[[], Shot]:
    """One request after the other, by weight."""
    weights = [ask.weight for ask in asks]
    chance = random.Random(2)  # noqa: S311  a distribution, no secret
    return lambda: chance.choices(asks, weights)[0].shot(chance.choice(askers))


def for_bare(ask: Ask, askers: Sequence[Asker]) -> Callable[[], Shot]:
    """The same requests for the bare server, which is told who asks instead of a token."""
    chance = random.Random(2)  # noqa: S311

    def draw() -> Shot:
        asker = chance.choice(askers)
        said = {"user": str(asker.sample.user_id), "organization": str(asker.sample.organization_id)}
        return Shot(ask.name, replace(ask.request(asker), token="", headers=said).as_bytes())

    return draw
