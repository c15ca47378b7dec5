"""Three people in three browsers hear each other, and nobody hears themselves."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from deploy.call.api import Api
from deploy.call.audio_file import read_recording
from deploy.stack import throwaway_stack
from media_server.conversation.types import SAMPLE_RATE_HZ
from tests.e2e.browser import MICROPHONE_RATE_HZ, browser_page, require_chromium, write_microphone
from tests.likeness import likeness, share_of
from tests.peer_audio import Samples

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
NAMES = ("Ann", "Bob", "Eve")
SPEECH_S, APART_S = 4.0, 5.5
JOIN_S = 20.0
"""Until the first one speaks: by then all three are in the call."""
PLAIN_MICROPHONE = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = () => open({
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
});
"""
"""What improves a voice makes it another signal."""
LISTEN = """
() => {
  const context = new AudioContext({ sampleRate: 16000 });
  const tap = context.createScriptProcessor(4096, 1, 1);
  window.heard = [];
  tap.onaudioprocess = (event) => window.heard.push(event.inputBuffer.getChannelData(0).slice());
  context.createMediaStreamSource(document.querySelector("audio").srcObject).connect(tap);
  tap.connect(context.destination);
}
"""
HEARD = """
() => {
  const bytes = new Uint8Array(window.heard.length * 4096 * 4);
  window.heard.forEach((part, place) => bytes.set(new Uint8Array(part.buffer), place * 4096 * 4));
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_three_browsers_hear_each_other_and_none_itself(tmp_path: Path) -> None:
    require_chromium()
    said = dict(zip(NAMES, speeches(), strict=True))
    async with throwaway_stack() as stack, Api(stack.url, stack.token) as api, AsyncExitStack() as browsers:
        session_id = await api.create_session("Three people", "meeting")
        began = asyncio.get_running_loop().time()
        pages, heard_since, speaks_at = {}, {}, {}
        for place, name in enumerate(NAMES):
            microphone = tmp_path / f"{name}.wav"
            pages[name] = await browsers.enter_async_context(browser_page(microphone))
            await pages[name].add_init_script(PLAIN_MICROPHONE)
            invite = await api.request("POST", f"/v1/sessions/{session_id}/invites", {"role": "participant"})
            speaks_at[name] = began + JOIN_S + place * APART_S
            write_microphone(microphone, said[name], speaks_at[name] - asyncio.get_running_loop().time())
            await join(pages[name], f"{stack.url}/#/invite/{invite['token']}", name)
            heard_since[name] = asyncio.get_running_loop().time()
        for page in pages.values():
            await expect(page.get_by_test_id("person")).to_have_count(3)
            await expect(page.get_by_test_id("connection")).to_have_count(1)  # one's own
        last_ends_at = began + JOIN_S + len(NAMES) * APART_S
        await asyncio.sleep(last_ends_at + 1.5 - asyncio.get_running_loop().time())
        heard = {name: await recording(page) for name, page in pages.items()}
    for listener in NAMES:
        for speaker in NAMES:
            begin = int((speaks_at[speaker] - heard_since[listener] - 0.5) * SAMPLE_RATE_HZ)
            meanwhile = heard[listener][begin : begin + int((SPEECH_S + 1.5) * SAMPLE_RATE_HZ)]
            if speaker == listener:
                assert share_of(meanwhile, listened(said[speaker])) < 0.1, speaker
            else:
                assert likeness(voiced(meanwhile), voiced(listened(said[speaker])), piece_s=0.25) > 0.8, speaker


def speeches() -> list[np.ndarray]:
    """48 kHz mono int16; three stretches of the demo in which one person speaks all the time."""
    host, guest = (read_recording(DEMO / f"{name}.opus").samples for name in ("host", "guest"))
    return [loudest(host, 0), loudest(guest, 0), loudest(host, 1)]


def loudest(samples: np.ndarray, rank: int) -> np.ndarray:
    """One of the loudest stretches."""
    size = int(SPEECH_S * MICROPHONE_RATE_HZ)
    pieces = samples[: len(samples) // size * size].reshape(-1, size)
    order = np.argsort(-np.square(pieces.astype(float)).mean(axis=1))
    return pieces[order[rank]]


def listened(samples: np.ndarray) -> Samples:
    """At 16 kHz, by leaving out what a voice has above 8 kHz."""
    spectrum = np.fft.rfft(samples / 32_768)
    size = len(samples) * SAMPLE_RATE_HZ // MICROPHONE_RATE_HZ
    return (np.fft.irfft(spectrum[: size // 2 + 1], size) * size / len(samples)).astype(np.float32)


def voiced(samples: Samples) -> Samples:
    """100 to 1 500 Hz: there Opus keeps the wave itself, above it only its colour, and this voice was coded twice."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    return np.fft.irfft(np.where((hz > 100) & (hz < 1_500), spectrum, 0), len(samples)).astype(np.float32)


async def join(page: Page, link: str, name: str) -> None:
    await page.goto(link)
    await page.get_by_test_id("guest-name").fill(name)
    await page.get_by_test_id("consent").check()
    await page.get_by_test_id("join-button").click()
    await expect(page.get_by_test_id("status")).to_have_attribute("data-status", "connected", timeout=15_000)
    await page.evaluate(LISTEN)


async def recording(page: Page) -> Samples:
    return np.frombuffer(base64.b64decode(await page.evaluate(HEARD)), np.float32)
