"""Debian's Chromium with a recording as its microphone."""

from __future__ import annotations

import shutil
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
MICROPHONE_RATE_HZ = 48_000


def require_chromium() -> None:
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not installed")


def write_microphone(path: Path, samples: npt.NDArray[np.int16], lead_s: float) -> None:
    """A 48 kHz mono WAV that is silent for `lead_s` first: the microphone runs as soon as a page opens it."""
    lead = np.zeros(int(lead_s * MICROPHONE_RATE_HZ), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MICROPHONE_RATE_HZ)
        file.writeframes(np.concatenate((lead, samples)).tobytes())


@asynccontextmanager
async def browser_page(
    microphone: Path, *, dark: bool = False, program: str = CHROMIUM, more_flags: Sequence[str] = ()
) -> AsyncIterator[Page]:
    """One page of a fresh browser. A script error or a broken content policy on it fails the test."""
    flags = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
        "--autoplay-policy=no-user-gesture-required",
        "--allow-loopback-in-peer-connection",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--no-first-run",
        *more_flags,
    ]
    problems: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=flags)
        try:
            page = await browser.new_page(
                viewport={"width": 1280, "height": 800}, color_scheme="dark" if dark else "light"
            )
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else 0)
            yield page
        finally:
            await browser.close()
    assert problems == []
