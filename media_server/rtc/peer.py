"""One participant's RTCPeerConnection: answered, watched, and closed within a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

from media_server.errors import BadOfferError, MediaError
from media_server.rtc.association import guard_association
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.datagrams import DatagramGuard
from media_server.rtc.guard import checked_offer, has_data_section
from media_server.rtc.heartbeat import Heartbeat, transports
from media_server.rtc.mix_track import MixTrack
from media_server.rtc.outbox import Outbox
from media_server.rtc.packets import Sources, guard_packets
from media_server.rtc.receiver import AudioReceiver, take_over
from media_server.rtc.tally import Tally
from media_server.settings import Limits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeerCallbacks:
    """What a peer tells its call; none of them may block."""

    on_audio: Callable[[AudioBlock], None]
    on_message: Callable[[str | bytes], None]
    is_heard: Callable[[], bool] = lambda: True
    """Whether anybody may hear this participant now."""


class Peer:
    """Answers one offer; `run` lasts as long as the peer does.

    States: new → connecting (answered) → connected → gone. Whether it is alive says `heartbeat`, never aiortc's state.
    """

    def __init__(self, limits: Limits, callbacks: PeerCallbacks) -> None:
        self._limits = limits
        self._callbacks = callbacks
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._gone = asyncio.Event()
        self._settled = asyncio.Event()
        self._is_connected = False
        self._receiver = AudioReceiver(callbacks.on_audio, callbacks.is_heard, asyncio.get_running_loop())
        self.outbox = Outbox(limits)
        self.heartbeat = Heartbeat()
        self._pc.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str, mix: MixTrack) -> str:
        """The SDP answer to `offer`.

        Raises:
            BadOfferError: aiortc cannot make anything of it, whatever its parser raised.
            NoPortError
        """
        sdp = checked_offer(offer, self._limits)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            self._refuse_video()
            self._take_audio()
            self._pc.addTrack(mix)
            if has_data_section(sdp):
                self.outbox.open(self._pc, self._callbacks.on_message, self.leave)
            self.heartbeat.listen_to(self._pc)
            self._guard()
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except MediaError:
            raise
        except Exception as error:
            log.info("offer refused kind=%s", type(error).__name__)
            raise BadOfferError from error
        return str(self._pc.localDescription.sdp)

    def _guard(self) -> None:
        tally = Tally(self._limits, self.leave)
        senders, reporters = Sources(self._limits, tally), Sources(self._limits, tally)
        for transport in transports(self._pc):
            DatagramGuard(transport, self._limits, tally).install()
            guard_packets(transport, senders, reporters, tally)
        if self._pc.sctp is not None:
            guard_association(self._pc.sctp, self._limits, tally)

    def leave(self) -> None:
        """Make `run` return."""
        self._gone.set()
        self._settled.set()

    async def connected(self) -> bool:
        """Wait for the connection; False when the peer went before it was there."""
        await self._settled.wait()
        return self._is_connected

    async def run(self) -> None:
        """Until the peer has left, was not connected in time, or fell silent. Closing is the caller's."""
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch())
            await self._gone.wait()
            watching.cancel()

    async def close(self) -> None:
        """Close within the deadline; what hangs loses its sockets."""
        self.leave()
        self._receiver.stop()
        try:
            async with asyncio.timeout(self._limits.close_s):
                await self._pc.close()
        except Exception as error:  # noqa: BLE001 - aiortc's close raises anything, or waits for a task that died
            log.warning("close forced kind=%s", type(error).__name__)
            self._close_sockets()

    def _close_sockets(self) -> None:
        for transport in transports(self._pc):
            for protocol in transport.transport._connection._protocols:
                with contextlib.suppress(Exception):
                    protocol.transport.abort()

    def _refuse_video(self) -> None:
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind == "video":
                transceiver.direction = "inactive"

    def _take_audio(self) -> None:
        """The first audio track is the participant's; whatever else comes is dropped."""
        take: Callable[[RtpPacket], None] | None = self._receiver.receive
        for transceiver in self._pc.getTransceivers():
            is_audio = transceiver.kind == "audio"
            take_over(transceiver.receiver, take if is_audio else None)
            if is_audio:
                take = None

    def _on_state(self) -> None:
        if self._pc.connectionState == "connected":
            self._is_connected = True
            self._settled.set()
        elif self._pc.connectionState in ("closed", "failed"):
            self.leave()

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self._settled.wait()
        except TimeoutError:
            log.info("peer never connected")
            self.leave()
            return
        while True:
            left_s = self._limits.alive_s - self.heartbeat.silent_s()
            if left_s <= 0:
                break
            await asyncio.sleep(left_s)
        log.info("peer fell silent")
        self.leave()
