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
EVENTS_TOO_LARGE = Counter("liveconvo_media_events_too_large_total", "Events that one reader could not be sent whole")
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
LINES = Gauge(
    "liveconvo_media_lines", "Participants here now, by how well their line carries speech (E-model)", ["rating"]
)
PACKETS_EXPECTED = Counter("liveconvo_media_audio_packets_expected_total", "Audio packets that participants sent us")
PACKETS_LOST = Counter("liveconvo_media_audio_packets_lost_total", "Of those, the ones that were given up")
PACKETS_LATE = Counter("liveconvo_media_audio_packets_late_total", "Of those given up, the ones that came after all")
_SHARES = (0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_TIMES_S = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
LOSS = Histogram(
    "liveconvo_media_line_loss_ratio",
    "Share of a participant's packets that was lost, every two seconds",
    buckets=_SHARES,
)
CONCEALED = Histogram(
    "liveconvo_media_line_concealed_ratio", "Share of a participant's audio that had to be concealed", buckets=_SHARES
)
HEARS_LOST = Histogram(
    "liveconvo_media_line_heard_loss_ratio", "Share of our packets that a participant missed (RTCP)", buckets=_SHARES
)
CLIPPED = Histogram(
    "liveconvo_media_line_clipped_ratio", "Share of a participant's samples at full scale", buckets=_SHARES
)
JITTER = Histogram("liveconvo_media_line_jitter_seconds", "Interarrival jitter (RFC 3550)", buckets=_TIMES_S)
RTT = Histogram("liveconvo_media_line_round_trip_seconds", "Round trip to a participant (RTCP)", buckets=_TIMES_S)
LEVEL = Histogram(
    "liveconvo_media_line_level_dbfs",
    "RMS level of a participant's talk",
    buckets=(-48, -42, -36, -30, -24, -18, -12, -6, 0),
)
REFUSED = Counter(
    "liveconvo_media_refused_total", "Joins that were refused: the node was full, late or short of memory"
)
RECOGNIZER_BUSY = Counter(
    "liveconvo_media_recognizer_busy_seconds_total", "What recognizers worked, all together", ["kind"]
)
RECOGNIZED = Counter("liveconvo_media_recognized_speech_seconds_total", "Audio that was recognized", ["kind"])
RECOGNITIONS_FAILED = Counter("liveconvo_media_recognitions_failed_total", "Recognitions without an answer", ["code"])
FINALS_DROPPED = Counter(
    "liveconvo_media_finals_dropped_total", "Utterances whose recognized text was not believed", ["reason"]
)
RECOGNIZER_RESTARTS = Counter("liveconvo_media_recognizer_restarts_total", "Recognizers that had to be begun again")
RECOGNIZERS_READY = Gauge("liveconvo_media_recognizers_ready", "Recognizers that can be given work")
BATCH = Histogram("liveconvo_media_recognizer_batch_size", "Excerpts recognized at a time", buckets=(1, 2, 4, 8, 16))
RECOGNITIONS_WAITING = Gauge("liveconvo_media_recognitions_waiting", "Excerpts that wait for a recognizer", ["kind"])
RECOGNITION_AGE = Gauge("liveconvo_media_recognition_queue_age_seconds", "How long the oldest of them waits", ["kind"])
COMPUTE_RATIO = Gauge(
    "liveconvo_media_recognizer_compute_ratio", "Share of the last two seconds in which recognizers worked, 0 to 1"
)
MEMORY_FREE = Gauge("liveconvo_media_memory_free_bytes", "Memory that is left, of the machine or of its control group")
LAG_MS = Gauge("liveconvo_media_transcription_lag_ms", "Age of the oldest speech that waits for its final")
TRANSCRIPTION_LEVEL = Gauge(
    "liveconvo_media_transcription_level",
    "What is left out: 0 nothing, 1 some partials, 2 all partials, 3 finals as well, marked",
)
PARTIALS_LEFT_OUT = Counter("liveconvo_media_partials_left_out_total", "Partials that were due and not made")
NOTES_DROPPED = Counter("liveconvo_media_system_logs_dropped_total", "Notes that are on stderr alone")
GAPS = Counter("liveconvo_media_transcript_gaps_total", "Utterances that were marked as not transcribed", ["reason"])


def log_to_stderr(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format="%(levelname)s %(name)s %(message)s",
        force=True,
    )
    for chatty in ("aiortc", "aioice", "aiohttp.access", "faster_whisper"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
