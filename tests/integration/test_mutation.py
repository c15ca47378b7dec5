"""Whatever is taken away from the rules of the database, a probe of the matrix or of the rules notices."""

from __future__ import annotations

import pytest

from db.pool import Connection
from tests.attempts import rolled_back
from tests.catalog import read_grants
from tests.chaos import figures, often
from tests.mutants import Mutant, mutants
from tests.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


async def test_no_fault_in_policies_grants_constraints_and_triggers_survives(
    stage: Stage, superuser: Connection
) -> None:
    granted = await read_grants(superuser)
    made = list(mutants(stage, granted, columns_each=often(ci=1, chaos=1000)))
    survivors = [mutant.name for mutant in made if await _survives(superuser, stage, mutant)]
    figures("mutations", made=len(made), survived=len(survivors))
    assert survivors == []
    assert len(made) > 1000


async def _survives(conn: Connection, stage: Stage, mutant: Mutant) -> bool:
    async with rolled_back(conn):
        await conn.execute(mutant.sql)
        return not await mutant.probe(conn, stage)
