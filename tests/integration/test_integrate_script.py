"""docs/integrate.sh, as a new integrator runs it against an installation."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from deploy.call.audio_file import SENT_RATE_HZ, read_recording
from deploy.ports import free_port
from deploy.stack import throwaway_stack
from tests.integration.test_call_command import DEMO, write_wav

SCRIPT = Path(__file__).parents[2] / "docs" / "integrate.sh"


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_script_runs_from_sign_up_to_the_accounts_end(tmp_path: Path) -> None:
    if shutil.which("jq") is None or shutil.which("curl") is None:
        pytest.skip("curl or jq is not installed")
    spoken = write_wav(tmp_path / "spoken.wav", read_recording(DEMO / "host.opus").samples[: 6 * SENT_RATE_HZ])
    async with throwaway_stack(settings={"LIVECONVO_WEBHOOK_NETWORKS": "127.0.0.1"}) as stack:
        environment = {
            "URL": stack.url,
            "OUTBOX": str(stack.data_folder / "outbox"),
            "HOOK_PORT": str(free_port()),
            "AUDIO": str(spoken),
            "LIVECONVO": str(Path(sys.executable).with_name("liveconvo")),
        }
        script = await asyncio.create_subprocess_exec(
            "bash",
            str(SCRIPT),
            env=os.environ | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(150):
            out, _ = await script.communicate()
    said = out.decode()
    assert script.returncode == 0, said
    assert "taking the time" in said
    assert '"type":"summary.ready"' in said
    assert "every signature is right" in said
    assert "due_at" in said
    assert said.endswith("── done\n")
