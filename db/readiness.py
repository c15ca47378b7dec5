"""Does Postgres answer right now?"""

from __future__ import annotations

from db.errors import UnavailableError
from db.pool import Pool, transaction

DEADLINE_S = 2.0


async def answers(pool: Pool) -> bool:
    try:
        async with transaction(pool, timeout_s=DEADLINE_S) as conn:
            await conn.execute("SELECT 1")
    except UnavailableError:
        return False
    return True
