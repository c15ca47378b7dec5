"""A guard in front of aioice: which datagrams of the network a connection gets to see.

Rules:
- A datagram has 1 … `datagram_bytes`; its first byte says what it is (RFC 7983 §7): STUN, DTLS or SRTP. Others are
  dropped.
- Anything but STUN passes only from an address that an ICE check has proved: theirs, which had our password, or ours,
  which had an answer with theirs. So a stranger who knows the port reaches neither the handshake nor the call.
- STUN is limited for each source, and errors in answer to strangers for the connection, so that it is no reflector.
- An alert in plain text is dropped even from a proved address, whose sender may be forged (RFC 6347 §4.1.2.7), and so
  is a ClientHello when the other side is to be the server. A handshake that is broken off ends at `connect_s`.
- The receive queue has a bound, and drops the newest.
- Media and DTLS have a rate each; whoever sends ten times as much for long is cut off.
- RTP goes straight on to its receiver: aiortc's queue and task would add a fifth to what a packet costs.

aioice has no setting for any of it: the methods are replaced on this connection's own objects, the protocols once they
were gathered. Contract tests fail when a version no longer has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pylibsrtp
from aioice.ice import CandidatePair
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import is_rtcp

from media_server.rtc.tally import Tally
from media_server.rtc.token_bucket import TokenBucket
from media_server.settings import Limits

Address = tuple[str, int]

STUN_BYTES = range(4)
DTLS_BYTES = range(20, 64)
MEDIA_BYTES = range(128, 192)

DTLS_ALERT = 21
DTLS_HANDSHAKE = 22
CLIENT_HELLO = 1
RECORD_HEADER_BYTES = 13


class DatagramGuard:
    """Stands in front of one transport; install it before its candidates are gathered."""

    def __init__(
        self, transport: RTCDtlsTransport, limits: Limits, tally: Tally, on_rtp: Callable[[bytes], None]
    ) -> None:
        self._transport = transport
        self._on_rtp = on_rtp
        """Takes an RTP packet that was decrypted."""
        self._connection: Any = transport.transport._connection
        self._limits = limits
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._proved: set[Address] = set()
        self._stun_of: dict[Address, TokenBucket] = {}
        now_s = self._loop.time()
        self._stun_errors = TokenBucket(limits.stun_errors_per_s, limits.stun_errors_per_s, now_s)
        self._media = TokenBucket(limits.media_packets_per_s, limits.media_packets_burst, now_s)
        self._dtls = TokenBucket(limits.dtls_records_per_s, limits.dtls_records_burst, now_s)
        self._flood = TokenBucket(limits.flood_packets_per_s, limits.flood_packets_per_s * limits.flood_s, now_s)
        self._deliver: Callable[[bytes, int], None] = self._connection.data_received

    def install(self) -> None:
        connection = self._connection
        gather, check_incoming = connection.gather_candidates, connection.check_incoming
        check_state, respond_error = connection.check_state, connection.respond_error

        async def gather_candidates() -> None:
            await gather()
            for protocol in connection._protocols:
                self._stand_before(protocol)
            # Sockets were open meanwhile, and nobody can have known them yet.
            while not connection._queue.empty():
                connection._queue.get_nowait()

        def check_incoming_proved(message: Any, source: Address, protocol: Any) -> None:
            if self._prove(source):
                check_incoming(message, source, protocol)

        def check_state_proved(pair: CandidatePair, state: CandidatePair.State) -> None:
            check_state(pair, state)
            if state is CandidatePair.State.SUCCEEDED:
                self._prove(pair.remote_addr)

        def respond_error_seldom(request: Any, source: Address, protocol: Any, code: tuple[int, str]) -> None:
            # 487 answers a request that was authenticated, and the other side needs it.
            if code[0] in (400, 401) and not self._stun_errors.take(self._loop.time()):
                self._tally.drop("stun_error_rate")
            else:
                respond_error(request, source, protocol, code)

        async def take_rtp(data: bytes, arrival_time_ms: int) -> None:
            self._take(data)

        # What came before there were keys and waited in the queue.
        self._transport._handle_rtp_data = take_rtp  # type: ignore[method-assign]
        connection.gather_candidates = gather_candidates
        connection.check_incoming = check_incoming_proved
        connection.check_state = check_state_proved
        connection.respond_error = respond_error_seldom
        # Only STUN goes through aioice's parser; what it cannot read it would take for data.
        connection.data_received = lambda data, component: self._tally.drop("stun_unreadable")

    def _stand_before(self, protocol: Any) -> None:
        parse = protocol.datagram_received

        def datagram_received(data: bytes, addr: tuple[Any, ...]) -> None:
            source = (addr[0], addr[1])
            if not 0 < len(data) <= self._limits.datagram_bytes:
                self._tally.drop("length")
            elif data[0] not in STUN_BYTES:
                self._take_data(data, source, protocol.local_candidate.component)
            elif not self._stun_bucket(source).take(self._loop.time()):
                self._tally.drop("stun_rate")
            else:
                try:
                    parse(data, addr)
                except Exception:  # noqa: BLE001 - attributes of the wrong size or missing raise anything
                    self._tally.drop("stun_unreadable")

        protocol.datagram_received = datagram_received

    def _take_data(self, data: bytes, source: Address, component: int) -> None:
        if source not in self._proved:
            self._tally.drop("source")
            return
        now_s = self._loop.time()
        if not self._flood.take(now_s):
            self._tally.cut_off("flood")
        if reason := self._refusal(data, now_s):
            self._tally.drop(reason)
        elif data[0] in MEDIA_BYTES and not is_rtcp(data) and self._transport._rx_srtp is not None:
            self._hand_over(data)
        elif self._connection._queue.qsize() >= self._limits.receive_queue:
            self._tally.drop("queue")
        else:
            self._deliver(data, component)

    def _hand_over(self, data: bytes) -> None:
        try:
            packet = self._transport._rx_srtp.unprotect(data)
        except pylibsrtp.Error:
            self._tally.drop("srtp")
            return
        self._take(packet)

    def _take(self, packet: bytes) -> None:
        try:
            self._on_rtp(packet)
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything
            self._tally.fail(error)

    def _refusal(self, data: bytes, now_s: float) -> str | None:
        if self._tally.is_cut_off:
            return "cut_off"
        if data[0] in MEDIA_BYTES:
            bucket, reason = self._media, "media_rate"
        elif data[0] not in DTLS_BYTES:
            return "kind"
        elif is_forgeable(data, self._transport._role):
            return "dtls_forgeable"
        else:
            bucket, reason = self._dtls, "dtls_rate"
        return None if bucket.take(now_s) else reason

    def _prove(self, source: Address) -> bool:
        """Data may come from there; False when there are too many such addresses."""
        if source not in self._proved and len(self._proved) >= self._limits.proved_addresses:
            self._tally.drop("addresses")
            return False
        self._proved.add(source)
        return True

    def _stun_bucket(self, source: Address) -> TokenBucket:
        bucket = self._stun_of.get(source)
        if bucket is None:
            if len(self._stun_of) >= self._limits.stun_sources:
                self._stun_of.pop(next(iter(self._stun_of)))
            bucket = TokenBucket(self._limits.stun_per_s, self._limits.stun_burst, self._loop.time())
            self._stun_of[source] = bucket
        return bucket


def is_forgeable(record: bytes, role: str) -> bool:
    """Would this DTLS record, which needs no key, end a handshake of ours in `role`?"""
    if len(record) <= RECORD_HEADER_BYTES or record[3:5] != b"\0\0":
        return False
    if record[0] == DTLS_ALERT:
        return True
    return role == "client" and record[0] == DTLS_HANDSHAKE and record[RECORD_HEADER_BYTES] == CLIENT_HELLO
