"""A pool that a test takes away and gives back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from db.pool import Pool


@dataclass
class AwayPostgres:
    """In place of a Pool: while `is_away`, nobody gets a connection."""

    pool: Pool
    is_away: bool = True
    lent: int = 0
    """How many transactions began."""

    @asynccontextmanager
    async def lend(self, timeout_s: float) -> AsyncIterator[object]:
        if self.is_away:
            raise ConnectionRefusedError
        self.lent += 1
        async with self.pool.lend(timeout_s) as loan:
            yield loan
