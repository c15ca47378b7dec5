"""One track's RTP packets in order, each at its place on the track's own line, and holes given up in time (RFC 3550).

Rules:
- A packet that is next leaves at once: who listens places audio by position and need not wait for what may come late.
  What people hear is evened out by the mixer's playout.
- A hole is waited for until its packet should have been here, plus the worst lateness of the last 500 packets and
  10 ms; that is 30 ms on a quiet line and 200 ms at most, and shrinks again by itself. On a line that is not known yet,
  a second long, it is 80 ms at least.
- Of a hole the first packets are concealed and the last one recovered from its successor; the rest is a gap. Audio
  after a hole is never moved.
- A position follows the sender's timestamps, unless they go back, or differ from the arrival by over 2 s: then the
  arrival decides. So do a new source and a sender that began to count anew.
- After a packet that says "silence from here on" (DTX), silence leaves until the next packet, a second at most: who
  waits for the end of a sentence hears it at once.
- What comes twice, or after it was given up, is dropped. A sequence number far away counts only when its successor
  follows (RFC 3550 A.1).

All times and positions are samples of 48 kHz. Algorithmic latency: none without loss.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

RATE_HZ = 48_000


def _ms(ms: int) -> int:
    return ms * RATE_HZ // 1000


LEAST_WAIT = _ms(30)
FIRST_WAIT = _ms(80)
KNOWN_PACKETS = 50
"""So many tell how late the next ones may be."""
MOST_WAIT = _ms(200)
MARGIN = _ms(10)
JUMP = _ms(2_000)
LATENESS_PACKETS = 500
"""Ten seconds: what happens to one packet in a hundred is in it."""
MOST_HELD = 64
"""Packets behind a hole; with more of them it is given up."""
CONCEALED = 4
"""Of a hole's first packets; libopus fades to silence within 100 ms."""
LATE_SEQUENCE, FAR_SEQUENCE = 100, 3_000
DTX_BYTES = 2
"""A packet that is no longer says that its sender rests (RFC 6716 §2.1.9)."""
REST_STEP = _ms(20)
LONGEST_REST = _ms(1_000)
"""A sender that rests says so every 400 ms."""


class Packet(NamedTuple):
    ssrc: int
    sequence_number: int
    """16 bits."""
    timestamp: int
    """32 bits, 48 kHz."""
    samples: int
    """How long it is."""
    payload: bytes


class Piece(NamedTuple):
    """A packet's worth of audio, in order."""

    position: int
    samples: int
    packet: Packet | None
    """None: it was lost, or there was none."""
    after: Packet | None = None
    """The packet right behind a lost one."""
    is_silence: bool = False
    """The sender rests."""


@dataclass(slots=True)
class Counts:
    received: int = 0
    """Without duplicates."""
    lost: int = 0
    """Given up; one that comes after all counts as late as well."""
    lost_samples: int = 0
    """What they would have held, taking each for as long as the packet behind it."""
    late: int = 0
    duplicate: int = 0
    restarts: int = 0
    """New sources, and senders that began to count anew."""


class JitterBuffer:
    """States: empty → in order ⇄ behind a hole."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.jitter = 0.0
        """Interarrival jitter (RFC 3550 §6.4.1 and A.8), in samples."""
        self._ssrc: int | None = None
        self._next = 0
        """Extended sequence number of what leaves next."""
        self._held: dict[int, tuple[Packet, int]] = {}
        """By extended sequence number, with the arrival."""
        self._probation: int | None = None
        """The sequence number that would prove a jump."""
        self._transits: deque[int] = deque(maxlen=LATENESS_PACKETS)
        """Arrival less timestamp of the last packets."""
        self._newest = (0, 0)
        """Extended timestamp and arrival of the packet that came last."""
        self._last: tuple[Packet, int, int] | None = None
        """What left last, with its arrival and its position."""
        self._end = 0
        """Of the line so far."""
        self._is_new_line = True
        """The sender's timestamps say nothing of what was before."""
        self._is_resting = False

    def put(self, packet: Packet, arrival: int) -> list[Piece]:
        """What leaves now that this packet is here."""
        pieces = []
        if packet.ssrc != self._ssrc or self._is_restart(packet):
            pieces = self._release_all()
            self._restart(packet)
        number = self._extended(packet.sequence_number)
        if number < self._next or number in self._held:
            self._drop(number, packet, arrival)
        elif number - self._next > FAR_SEQUENCE:
            self._probation = _following(packet)
        else:
            self._probation = None
            self.counts.received += 1
            self._note_transit(packet, arrival)
            self._held[number] = (packet, arrival)
            pieces += self.take(arrival)
        return pieces

    def take(self, now: int) -> list[Piece]:
        """What leaves by now."""
        pieces = []
        while self._held:
            if self._next not in self._held:
                if now < self._deadline() and len(self._held) < MOST_HELD:
                    break
                pieces += self._give_up()
            pieces.append(self._release())
        return pieces + self._rest(now)

    def due(self) -> int | None:
        """When something leaves though no packet comes; None: nothing will."""
        if self._held:
            return self._deadline()
        if self._last is None or not self._is_resting:
            return None
        _, arrival, position = self._last
        return arrival + self._end - position + LEAST_WAIT + REST_STEP

    def wait(self) -> int:
        """How long after its time a packet is still waited for."""
        least = LEAST_WAIT if len(self._transits) >= KNOWN_PACKETS else FIRST_WAIT
        return min(MOST_WAIT, max(least, max(self._transits, default=0) - min(self._transits, default=0) + MARGIN))

    # what comes

    def _is_restart(self, packet: Packet) -> bool:
        """The second of two packets in a row whose numbers are far from what is expected."""
        if packet.sequence_number == self._probation:
            return True
        if self._next - self._extended(packet.sequence_number) > LATE_SEQUENCE:
            self._probation = _following(packet)
        return False

    def _restart(self, packet: Packet) -> None:
        if self._ssrc is not None:
            self.counts.restarts += 1
        self._ssrc = packet.ssrc
        self._next = packet.sequence_number
        self._probation = None
        self._transits.clear()
        self._is_new_line = True

    def _extended(self, sequence_number: int) -> int:
        return self._next + _signed(sequence_number - self._next, 16)

    def _extended_timestamp(self, packet: Packet) -> int:
        newest, _ = self._newest
        return newest + _signed(packet.timestamp - newest, 32)

    def _drop(self, number: int, packet: Packet, arrival: int) -> None:
        if number in self._held or number == self._next - 1:
            self.counts.duplicate += 1
        elif self._next - number <= LATE_SEQUENCE:
            self.counts.late += 1
            self._note_transit(packet, arrival)  # the next one that comes so late is waited for

    def _note_transit(self, packet: Packet, arrival: int) -> None:
        newest, newest_arrival = self._newest
        timestamp = self._extended_timestamp(packet)
        moved = abs((timestamp - newest) - (arrival - newest_arrival))
        if moved > JUMP:
            self._transits.clear()
        elif self._transits:
            self.jitter += (moved - self.jitter) / 16
        self._newest = (timestamp, arrival)
        self._transits.append(arrival - timestamp)

    # what leaves

    def _deadline(self) -> int:
        """When the packet in front of the first one that waits should have been here at the latest."""
        first, arrival = self._held[min(self._held)]
        timestamp = self._extended_timestamp(first)
        return timestamp - first.samples + min(self._transits, default=arrival - timestamp) + self.wait()

    def _release_all(self) -> list[Piece]:
        pieces = []
        while self._held:
            if self._next not in self._held:
                pieces += self._give_up()
            pieces.append(self._release())
        return pieces

    def _release(self) -> Piece:
        packet, arrival = self._held.pop(self._next)
        self._next += 1
        position = self._position(packet, arrival, self._end)
        self._last = (packet, arrival, position)
        self._is_new_line = False
        self._is_resting = len(packet.payload) <= DTX_BYTES
        self._end = position + packet.samples
        return Piece(position, packet.samples, packet)

    def _rest(self, now: int) -> list[Piece]:
        """The silence up to now, less what a packet on its way may still fill."""
        if self._last is None or not self._is_resting or self._held:
            return []
        _, arrival, position = self._last
        if now - arrival > LONGEST_REST:
            self._is_resting = False
            return []
        begin, silent = self._end, position + now - arrival - LEAST_WAIT - self._end
        if silent < REST_STEP:
            return []
        self._end += silent // REST_STEP * REST_STEP
        return [Piece(begin, self._end - begin, None, is_silence=True)]

    def _give_up(self) -> list[Piece]:
        """The hole in front of the first packet that waits."""
        number = min(self._held)
        missing, self._next = number - self._next, number
        self.counts.lost += missing
        follower, arrival = self._held[number]
        self.counts.lost_samples += missing * follower.samples
        if self._last is None:
            return []
        size, start = follower.samples, self._end
        self._end = self._position(follower, arrival, start + missing * size)
        concealed = [Piece(start + place * size, size, None) for place in range(min(missing - 1, CONCEALED))]
        return [*concealed, Piece(self._end - size, size, None, after=follower)]

    def _position(self, packet: Packet, arrival: int, earliest: int) -> int:
        """Where a packet belongs, never before `earliest`."""
        if self._last is None:
            return 0
        last, last_arrival, last_position = self._last
        elapsed = arrival - last_arrival
        step = _signed(packet.timestamp - last.timestamp, 32)
        if self._is_new_line or step < 0 or abs(step - elapsed) > JUMP:
            step = elapsed
        return max(last_position + step, earliest)


def _following(packet: Packet) -> int:
    return (packet.sequence_number + 1) & 0xFFFF


def _signed(difference: int, bits: int) -> int:
    """The difference of two counters of `bits` bits, taken the short way round."""
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half
