"""The doctor's look at model weights and at the processor that they run on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from importlib.util import find_spec

from deploy.checks import Finding, Subject
from media_server.engines.catalog import BUNDLED_MODEL, WeightsError, whisper_folder

_GPU_TIMEOUT_S = 10.0


async def models(subject: Subject) -> Finding:
    """The bundled weights are read whole and compared with their sum."""
    name = subject.environment.get("LIVECONVO_WHISPER_MODEL") or BUNDLED_MODEL
    if find_spec("silero_vad") is None:
        return Finding("models", "problem", "the package silero-vad is missing", "run: pip install silero-vad")
    try:
        folder = await asyncio.to_thread(whisper_folder, name)
    except WeightsError as error:
        return Finding("models", "problem", f"Whisper {name} cannot be used", str(error))
    return Finding("models", "ok", f"Whisper {name} in {folder}")


async def gpu(subject: Subject) -> Finding:
    """Needed only where the settings ask for it."""
    wanted = subject.environment.get("LIVECONVO_WHISPER_DEVICE", "cpu")
    found = await asyncio.to_thread(_nvidia_gpus)
    if found:
        return Finding("processor", "ok", f"{found[0]}; speech recognition uses {wanted}")
    if wanted == "cuda":
        fix = "install the driver, or set LIVECONVO_WHISPER_DEVICE=cpu"
        return Finding("processor", "problem", "LIVECONVO_WHISPER_DEVICE is cuda, but no GPU answers", fix)
    return Finding("processor", "ok", f"{os.cpu_count()} cores, no GPU; the bundled model needs none")


def _nvidia_gpus() -> list[str]:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_GPU_TIMEOUT_S, check=True
        )
        return listing.stdout.splitlines()
    return []
