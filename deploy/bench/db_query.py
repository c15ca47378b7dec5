"""One query that a screen, a live call or a job makes: which function, as whom, and with what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from db.pool import Connection
from deploy.bench.db_sample import Sample

Role = Literal["api", "media", "jobs"]


@dataclass(frozen=True, slots=True)
class Given:
    """What a function is called with, after the connection."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def given(*args: Any, **kwargs: Any) -> Given:
    return Given(args, kwargs)


@dataclass(frozen=True, slots=True)
class Query:
    function: Callable[..., Awaitable[object]]
    role: Role
    given: Callable[[Sample], Given]
    label: str = ""
    """What sets it apart from another entry of the same function."""
    user_id: Callable[[Sample], UUID | None] = lambda sample: sample.user_id
    """Who the api acts for; the other roles act for nobody."""
    is_repeatable: bool = True
    """False: it uses its sample up, so it is measured without its commit."""
    goal_ms: int = 10
    """p95, where somebody waits for it."""

    @property
    def name(self) -> str:
        module = self.function.__module__.rpartition(".")[2]
        return " ".join(filter(None, [f"{module}.{self.function.__name__}", self.label]))

    async def run(self, conn: Connection, sample: Sample) -> None:
        """In the caller's transaction."""
        wanted = self.given(sample)
        await self.function(conn, *wanted.args, **wanted.kwargs)


def nobody(_sample: Sample) -> UUID | None:
    """Before anybody is known."""
    return None


def live_host(sample: Sample) -> UUID | None:
    """Whose call the sample's live one is."""
    return sample.live_user_id


def owner(sample: Sample) -> UUID | None:
    """Of the sample's organization that pays."""
    return sample.owner_id


def admin(sample: Sample) -> UUID | None:
    """Who administrates the installation."""
    return sample.admin_id
