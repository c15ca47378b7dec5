"""How the lines of one call do: read every two seconds, told to whom it concerns, counted for the node.

Rules:
- One's own line is told to oneself; everybody's to those who are coached.
- The node's figures have no label that grows with people or calls: distributions over participants, and counters.
- The last word on a line is one line of the log, with ids and figures only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from media_server import events, telemetry
from media_server.conversation.quality import EVERY_S, Quality, Reading, between
from media_server.journal import Journal
from media_server.participant import Participant
from media_server.rtc.peer import Peer

log = logging.getLogger(__name__)


class QualityWatch:
    """One per call; `participants` and `peers` are the call's own, by the same keys."""

    def __init__(
        self, journal: Journal, participants: Mapping[str, Participant], peers: Mapping[str, Peer], session: object
    ) -> None:
        self._journal = journal
        self._participants = participants
        self._peers = peers
        self._session = session
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.look()

    def look(self) -> None:
        """Read every line once, and tell."""
        told: list[tuple[Participant, events.ParticipantQuality]] = []
        for key, participant in list(self._participants.items()):
            peer = self._peers.get(key)
            if peer is None or participant.here_since is None or participant.is_replaced:
                continue
            quality = self._take(participant, _reading(peer, participant, self._loop.time()))
            if quality is not None:
                told.append((participant, _wire(participant, quality)))
        if not told:
            return
        self._journal.live(events.QualityUpdated([line for _, line in told]))
        for participant, line in told:
            if not participant.guest.is_coached:
                self._journal.live_to(participant.reader, events.QualityUpdated([line]))

    def part(self, participant: Participant, peer: Peer) -> None:
        """A participant's connection ends: its totals."""
        if participant.here_since is not None:
            telemetry.LINES.labels(participant.line.rating).dec()
            now_s = self._loop.time()
            total = between(Reading(participant.here_since), _reading(peer, participant, now_s))
            self._log(participant, now_s - participant.here_since, total)

    def arrive(self, participant: Participant) -> None:
        """A participant is connected."""
        participant.here_since = self._loop.time()
        telemetry.LINES.labels(participant.line.rating).inc()

    def _take(self, participant: Participant, reading: Reading) -> Quality | None:
        before = participant.line.rating
        quality = participant.line.take(reading)
        if quality is not None:
            telemetry.LINES.labels(before).dec()
            telemetry.LINES.labels(quality.rating).inc()
        if (interval := participant.line.newest()) is not None:
            _observe(interval)
        return quality

    def _log(self, participant: Participant, seconds: float, total: Quality) -> None:
        log.info(
            "line over session=%s participant=%s seconds=%.0f packets=%d lost=%s late=%d recovered=%s concealed=%s "
            "jitter_ms=%s rtt_ms=%s level_dbfs=%s clipped=%s rating=%s",
            self._session,
            participant.guest.id,
            seconds,
            total.expected,
            _figure(total.loss, 4),
            total.late,
            _figure(total.recovered, 3),
            _figure(total.concealed, 4),
            _figure(total.jitter_ms, 1),
            _figure(total.rtt_ms, 1),
            _figure(total.level_dbfs, 1),
            _figure(total.clipped, 4),
            total.rating,
        )


def _reading(peer: Peer, participant: Participant, now_s: float) -> Reading:
    counts, loudness, sent = peer.receiver.counts, participant.microphone.loudness, peer.sender.stats
    return Reading(
        at_s=now_s,
        received=counts.received,
        lost=counts.lost,
        late=counts.late,
        lost_ms=peer.receiver.lost_ms,
        recovered_ms=peer.receiver.recovered_ms,
        jitter_ms=peer.receiver.jitter_ms,
        rtt_ms=None if sent.rtt_s is None else sent.rtt_s * 1000,
        sent=sent.packets_sent,
        hears_lost=sent.fraction_lost,
        heard_samples=loudness.heard,
        clipped_samples=loudness.clipped,
        loud_samples=loudness.loud,
        loud_energy=loudness.energy,
    )


def _observe(interval: Quality) -> None:
    telemetry.PACKETS_EXPECTED.inc(interval.expected)
    telemetry.PACKETS_LOST.inc(interval.lost)
    telemetry.PACKETS_LATE.inc(interval.late)
    for figure, histogram in (
        (interval.loss, telemetry.LOSS),
        (interval.concealed, telemetry.CONCEALED),
        (interval.hears_lost, telemetry.HEARS_LOST),
        (interval.clipped, telemetry.CLIPPED),
    ):
        if figure is not None:
            histogram.observe(figure)
    if interval.jitter_ms is not None:
        telemetry.JITTER.observe(interval.jitter_ms / 1000)
    if interval.rtt_ms is not None:
        telemetry.RTT.observe(interval.rtt_ms / 1000)
    if interval.level_dbfs is not None:
        telemetry.LEVEL.observe(interval.level_dbfs)


def _wire(participant: Participant, quality: Quality) -> events.ParticipantQuality:
    return events.ParticipantQuality(
        participant_id=str(participant.guest.id),
        rating=quality.rating,
        loss_ratio=_rounded(quality.loss, 4),
        concealed_ratio=_rounded(quality.concealed, 4),
        concealed_ms_per_s=round(quality.concealed_ms_per_s, 1),
        recovered_ratio=_rounded(quality.recovered, 3),
        jitter_ms=_rounded(quality.jitter_ms, 1),
        rtt_ms=_rounded(quality.rtt_ms, 1),
        heard_loss_ratio=_rounded(quality.hears_lost, 4),
        level_dbfs=_rounded(quality.level_dbfs, 1),
        clipped_ratio=_rounded(quality.clipped, 4),
    )


def _rounded(figure: float | None, digits: int) -> float | None:
    return None if figure is None else round(figure, digits)


def _figure(figure: float | None, digits: int) -> str:
    return "-" if figure is None else f"{figure:.{digits}f}"
