"""Schemathesis finds nothing: what the description says is what the API does, whatever is sent and in whatever order.

It runs as a program of its own over HTTP. `make fuzz ONLY=schemathesis` sends many times more, and all phases to their
end; here it has a fixed seed and little time.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from db.pool import owner_connection
from tests.api import Api, MakeApi
from tests.fuzz import often

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]

SECONDS = often(10, 300)
"""For each of the two tests."""
EXAMPLES = often(2, 50)
ENDS_THE_SIGN_IN = "/v1/auth/sign-out|/v1/me/(password|deletion|devices/)"
"""Whoever is signed in would not be afterwards."""
SETTINGS = """
[checks.positive_data_acceptance]
# Beside what is refused for the state that things are in, what JSON Schema cannot say: 412 and 428 are about versions,
# 415 about files, which are known by their content, 422 about cursors, used keys, and text that is no address or holds
# what nobody sees.
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "415", "422", "428", "429"]
"""


async def run_schemathesis(api: Api, folder: Path, *arguments: str) -> tuple[int, str]:
    (folder / "schemathesis.toml").write_text(SETTINGS)
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "run", str(api.client.make_url("/openapi.json"))),
        *("--header", f"Authorization: Bearer {api.tokens['alice']}"),
        *("--seed", "1", "--max-examples", str(EXAMPLES), "--max-time", str(SECONDS)),
        *("--generation-allow-x00", "false"),  # refused everywhere, which no schema of ours says
        *("--exclude-path-regex", ENDS_THE_SIGN_IN, "--no-color", "--generation-database", "none"),
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, said.decode()


async def _unlimited(*_: object) -> None:
    """Rate limits are tried elsewhere."""


@pytest.mark.parametrize("phases", ["examples,coverage,fuzzing", "stateful"])
async def test_what_is_described_is_what_is_done(
    make_api: MakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phases: str
) -> None:
    async with make_api() as api:
        monkeypatch.setattr(type(api.state.limiter), "check", lambda *_: _unlimited())
        await api.add_node()
        async with owner_connection(api.database.owner_url) as conn:  # it will not touch its row
            await conn.execute("UPDATE media_nodes SET seen_at = now() + interval '1 day'")
        await api.new_session()
        code, said = await run_schemathesis(api, tmp_path, "--phases", phases)
    print(said)  # noqa: T201
    assert code == 0, said[-20_000:]
