"""Figures of this node for Prometheus, and its log format: one line, a static message, values as fields."""

from __future__ import annotations

import logging
import sys

from prometheus_client import Counter, Gauge, Histogram

JOINS = Counter("liveconvo_media_joins_total", "Offers answered and admitted")
CALLS_FAILED = Counter("liveconvo_media_calls_failed_total", "Calls that ended by an error of ours")
CALLS = Gauge("liveconvo_media_calls", "Live calls on this node")
PARTICIPANTS = Gauge("liveconvo_media_participants", "Participants in live calls on this node")
PACKETS_DROPPED = Counter(
    "liveconvo_media_packets_dropped_total", "Packets of the network that were not handled", ["reason"]
)
PEERS_CUT_OFF = Counter("liveconvo_media_peers_cut_off_total", "Peers that were closed for what they sent", ["reason"])
ENTRIES_REFUSED = Counter(
    "liveconvo_media_entries_refused_total", "Entries that Postgres would not take, set aside in the spool", ["reason"]
)
SPOOL_ENTRIES = Gauge("liveconvo_media_spool_entries", "Entries on this node's disk that are not in Postgres yet")
SPOOL_BYTES = Gauge("liveconvo_media_spool_bytes", "What they take of the disk")
ENTRIES_LOST = Counter(
    "liveconvo_media_entries_lost_total", "Entries that could not be made durable, and were not shown"
)
SPOOLS_DAMAGED = Counter(
    "liveconvo_media_spools_damaged_total", "Spools that were set aside because the disk altered them"
)
LOOP_LATE = Histogram(
    "liveconvo_media_loop_late_seconds",
    "How late the event loop came to something",
    buckets=(0.005, 0.02, 0.05, 0.2, 1),
)
REFUSED = Counter("liveconvo_media_refused_total", "Joins that were refused because the node was full or late")
LAG_MS = Gauge("liveconvo_media_transcription_lag_ms", "Age of the oldest speech that waits for its final")


def log_to_stderr(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(levelname)s %(name)s %(message)s",
        force=True,
    )
    for chatty in ("aiortc", "aioice", "aiohttp.access", "faster_whisper"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
