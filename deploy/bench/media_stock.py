"""The contestant: aiortc as it comes, the way its documentation shows.

It receives with `track.recv()` and resamples every frame to 16 kHz mono; or it mixes with numpy and sends frames
through tracks, which aiortc encodes. A mixing one does less than ours, for it does not make the 16 kHz samples.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from deploy.bench.media_node import OnAudio, stay_on_loopback
from media_server.conversation.types import SAMPLE_RATE_HZ

SENT_RATE_HZ = 48_000
FRAME_SAMPLES = 960
_TICK_S = FRAME_SAMPLES / SENT_RATE_HZ
_QUEUED = 10
_CLOSE_S = 3.0


class StockVoice(MediaStreamTrack):
    """What one participant hears."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.frames: asyncio.Queue[av.AudioFrame] = asyncio.Queue(maxsize=_QUEUED)
        self._pts = 0

    def send(self, samples: npt.NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = SENT_RATE_HZ, Fraction(1, SENT_RATE_HZ), self._pts
        self._pts += FRAME_SAMPLES
        if self.frames.full():
            self.frames.get_nowait()
        self.frames.put_nowait(frame)

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        return await self.frames.get()


class StockNode:
    def __init__(self, tasks: asyncio.TaskGroup, *, mixes: bool) -> None:
        self._tasks = tasks
        self._mixes = mixes
        self._pcs: list[RTCPeerConnection] = []
        self._ends: list[tuple[deque[npt.NDArray[np.int16]], StockVoice]] = []

    async def answer(self, offer: str, on_audio: OnAudio) -> str:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._pcs.append(pc)
        heard: deque[npt.NDArray[np.int16]] = deque(maxlen=_QUEUED)
        voice = StockVoice()
        receive = _hear(heard) if self._mixes else _listen(on_audio)
        pc.on("track", lambda track: self._tasks.create_task(_drain(track, receive)))
        await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        if self._mixes:
            self._ends.append((heard, voice))
            pc.addTrack(voice)
        await pc.setLocalDescription(await pc.createAnswer())
        return str(pc.localDescription.sdp)

    async def leave(self, number: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._pcs[number].close()

    async def close(self) -> None:
        await asyncio.gather(*(self.leave(number) for number in range(len(self._pcs))))

    async def mix(self) -> None:
        """Tick until cancelled."""
        due_s = asyncio.get_running_loop().time()
        while True:
            self._tick()
            due_s += _TICK_S
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())

    def _tick(self) -> None:
        frames = [heard.popleft() if heard else None for heard, _ in self._ends]
        total = np.zeros(FRAME_SAMPLES, np.int32)
        for frame in frames:
            if frame is not None:
                total += frame
        for (_, voice), own in zip(self._ends, frames, strict=True):
            others = total if own is None else total - own
            voice.send(np.clip(others, -32_768, 32_767).astype(np.int16))


Receive = Callable[[av.AudioFrame], None]


def _listen(on_audio: OnAudio) -> Receive:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)

    def receive(frame: av.AudioFrame) -> None:
        pts, frame.pts = int((frame.pts or 0) * SAMPLE_RATE_HZ // frame.sample_rate), None
        for part in resampler.resample(frame):
            on_audio(pts, part.to_ndarray().reshape(-1).astype(np.float32, copy=False))

    return receive


def _hear(heard: deque[npt.NDArray[np.int16]]) -> Receive:
    def receive(frame: av.AudioFrame) -> None:
        left = frame.to_ndarray().reshape(-1)[::2]
        heard.append(left.astype(np.int16, copy=False))

    return receive


async def _drain(track: MediaStreamTrack, receive: Receive) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if isinstance(frame, av.AudioFrame):
                receive(frame)


@asynccontextmanager
async def stock_node(mixes: bool) -> AsyncIterator[StockNode]:
    """Without a mix the offers must be `sendonly`."""
    stay_on_loopback()
    async with asyncio.TaskGroup() as tasks:
        node = StockNode(tasks, mixes=mixes)
        mixing = tasks.create_task(node.mix()) if mixes else None
        try:
            yield node
        finally:
            await node.close()
            if mixing is not None:
                mixing.cancel()
