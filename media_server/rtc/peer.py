"""One participant's RTCPeerConnection: answered, watched, and closed within a deadline."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from media_server.errors import BadOfferError, MediaError
from media_server.events import MAX_MESSAGE_BYTES
from media_server.rtc import receiver, sender
from media_server.rtc.answers import asking_for_fec
from media_server.rtc.association import guard_association
from media_server.rtc.audio_input import AudioBlock
from media_server.rtc.closing import begin_nothing, closed, cut
from media_server.rtc.datagrams import DatagramGuard
from media_server.rtc.guard import checked_offer, has_data_section
from media_server.rtc.heartbeat import Heartbeat, transports
from media_server.rtc.intake import RtpIntake, Take
from media_server.rtc.outbox import Outbox
from media_server.rtc.packets import Sources, guard_packets
from media_server.rtc.receiver import AudioReceiver
from media_server.rtc.sender import AudioSender
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
        self.receiver = AudioReceiver(callbacks.on_audio, callbacks.is_heard, asyncio.get_running_loop())
        self.sender = AudioSender(asyncio.get_running_loop())
        """Takes what this participant hears, at any time."""
        self.outbox = Outbox(limits)
        self._tally = Tally(limits, self.leave)
        self.heartbeat = Heartbeat()
        self._pc.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str) -> str:
        """The SDP answer to `offer`.

        Raises:
            BadOfferError: aiortc cannot make anything of it, whatever its parser raised.
            NoPortError
        """
        sdp = checked_offer(offer, self._limits)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            takers = self._take_audio()
            self._send_audio()
            if has_data_section(sdp):
                self.outbox.open(self._pc, self._callbacks.on_message, self.leave)
            self.heartbeat.listen_to(self._pc)
            self._guard(takers)
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except MediaError:
            raise
        except Exception as error:
            log.info("offer refused kind=%s", type(error).__name__)
            raise BadOfferError from error
        return _with_message_size(asking_for_fec(str(self._pc.localDescription.sdp)))

    def cut_off(self, reason: str) -> None:
        """Make `run` return for what the peer sent."""
        self._tally.cut_off(reason)

    def _guard(self, takers: Mapping[RTCRtpReceiver, Take]) -> None:
        tally = self._tally
        senders, reporters = Sources(self._limits, tally), Sources(self._limits, tally)
        for transport in transports(self._pc):
            intake = RtpIntake(transport, senders, tally, self.heartbeat.beat, takers)
            DatagramGuard(transport, self._limits, tally, intake.take).install()
            guard_packets(transport, reporters, tally)
        if self._pc.sctp is not None:
            guard_association(self._pc.sctp, self._limits, tally)

    @property
    def cut_off_code(self) -> str | None:
        """Why the guards gave this peer up, if they did."""
        return self._tally.code

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
        """Close within the deadline; what hangs loses its sockets and its tasks."""
        self.leave()
        begin_nothing(self._pc)
        self.receiver.stop()
        self.sender.stop()
        try:
            async with asyncio.timeout(self._limits.close_s):
                await closed(self._pc)
        except Exception as error:  # noqa: BLE001 - aiortc's close raises anything, or waits for a task that died
            log.warning("close forced kind=%s", type(error).__name__)
            cut(self._pc)

    def _take_audio(self) -> dict[RTCRtpReceiver, Take]:
        """The first audio track is the participant's; whatever else is offered, video too, is answered `inactive`."""
        takers: dict[RTCRtpReceiver, Take] = {}
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind == "audio" and not takers:
                takers[transceiver.receiver] = receiver.take_over(transceiver.receiver, self.receiver.receive)
                receiver.keep_opus(transceiver)
            else:
                receiver.stand_still(transceiver.receiver)
                transceiver.direction = "inactive"
        return takers

    def _send_audio(self) -> None:
        """On the first audio section: the browser hears us where it speaks, as far as its offer allows."""
        first = next(one for one in self._pc.getTransceivers() if one.kind == "audio")
        first.direction = "sendrecv"
        sender.take_over(first.sender, self.sender)

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


def _with_message_size(sdp: str) -> str:
    """Announce what a client may send (RFC 8841 §6), so that an honest one is never cut off for more."""
    return re.sub(r"a=max-message-size:\d+", f"a=max-message-size:{MAX_MESSAGE_BYTES}", sdp)
