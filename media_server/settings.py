"""Every setting of a media node, read once from the environment into a frozen value."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from media_server.errors import SettingError

COMPUTE_TYPES = ("int8", "int8_float32", "int8_float16", "int8_bfloat16", "float16", "bfloat16", "float32")
"""That CTranslate2 has; which of them a machine has is seen when a model is loaded."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the media node; each has a test from both sides."""

    offer_bytes: int = 64 * 1024
    offer_lines: int = 1_000
    offer_sections: int = 4
    offer_candidates: int = 20
    offer_ssrc_lines: int = 64
    offer_line_chars: int = 2_048
    body_s: float = 5.0
    """How long a request's body may take."""
    connect_s: float = 15.0
    """A peer that is not connected by then is closed."""
    close_s: float = 3.0
    """Closing a peer; after that its sockets are closed by force."""
    alive_s: float = 6.0
    """A peer that nothing authenticated was heard of for so long is gone."""
    datagram_bytes: int = 1_500
    """The largest datagram that anybody sends; aiortc's buffers are no larger."""
    receive_queue: int = 512
    """Datagrams of one transport that wait for aiortc; the newest is dropped."""
    proved_addresses: int = 32
    """Addresses of one peer that passed an ICE check."""
    stun_per_s: int = 50
    stun_burst: int = 100
    """STUN of one source."""
    stun_sources: int = 256
    """Sources whose rate is remembered; the oldest is forgotten."""
    stun_errors_per_s: int = 10
    """Errors in answer to strangers, for one transport."""
    media_packets_per_s: int = 200
    """RTP and RTCP of one transport; audio in packets of 10 ms is half of it."""
    media_packets_burst: int = 1_000
    """What may come at once after a stall: ten seconds of such audio."""
    dtls_records_per_s: int = 500
    """Handshake and data channels of one transport."""
    dtls_records_burst: int = 2_000
    """A client that comes back acknowledges `events_buffered_bytes` at once, every second packet of it."""
    flood_packets_per_s: int = 2_000
    flood_s: float = 2.0
    """A peer that sends more than that for so long is closed."""
    broken_packets: int = 100
    """Packets on which aiortc raised; with the last of them the peer is closed."""
    ssrcs: int = 4
    """Sources of one peer's RTP, and of its RTCP; packets of further ones are dropped."""
    ssrcs_seen: int = 16
    """A peer that sends on more than that is closed."""
    data_channels: int = 4
    """Two are agreed on; with one more than this the peer is closed."""
    reassembly_bytes: int = 64 * 1024
    """Parts of messages that wait for the rest; beyond it the peer is closed."""
    reassembly_chunks: int = 512
    """The same, in SCTP chunks."""
    sack_span: int = 4_096
    """TSNs that one SACK may report as gaps."""
    audio_ahead_s: float = 2.0
    """Audio that would lie so far after its arrival, because it comes faster than real time, is dropped."""
    audio_dropped_s: float = 20.0
    """Who had more than that dropped is closed; a tenth of real time is forgiven."""
    messages_per_s: int = 20
    """Of one client, and as many at once; what is beyond it is dropped."""
    flood_messages_per_s: int = 200
    flood_messages_s: int = 5
    """A client of whom more than that is dropped in so many seconds in a row is closed."""
    participants: int = 50
    """In one call."""
    loop_late_s: float = 0.05
    """A node whose event loop is later begins no new call."""
    spare_bytes: int = 128 * 1024 * 1024
    """Memory that must be left for those who are here; with less nobody new comes."""
    spare_files: int = 64
    """The same for files and sockets that may still be opened."""
    events_buffered_bytes: int = 4 * 1024 * 1024
    """A reader that is so far behind is closed; it can come back with its last_seq."""
    live_buffered_bytes: int = 8 * 1024
    """Live messages wait, and newer ones replace them, for a reader that is further behind; so does a replay."""
    live_places: int = 64
    """Live messages that wait for one reader; the oldest goes."""
    reader_stalled_s: float = 10.0
    """A reader that is replayed to and takes nothing for so long is closed."""
    drain_s: float = 8.0
    """Waiting for the last finals when a call ends."""
    settle_s: float = 3.0
    """The same when the call is moved: its people come back elsewhere."""
    ending_warning_s: float = 300.0
    """How long before the end of the longest call its people are told."""
    hand_over_s: float = 1.0
    """Until Postgres has what a moved call said; later, its next node may not know all of it at first."""


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str
    redis_url: str
    data_dir: Path
    node: str
    host: str
    port: int
    public_url: str
    """What clients reach this node by, without a trailing slash."""
    public_origin: str
    """The only origin that CORS answers."""
    ice_addresses: tuple[str, ...]
    """Host candidates; empty: every address of the machine, and 127.0.0.1."""
    udp_ports: range | None
    """What calls may use of the machine's ports; None: any."""
    whisper_model: str
    """`tiny.en` (bundled), a name faster-whisper knows, or a folder."""
    whisper_device: str
    whisper_compute_type: str
    """What CTranslate2 computes with; empty: int8 on a CPU, int8_float16 on a GPU."""
    language: str | None
    """That is expected to be spoken, ISO 639-1; None: whatever is heard."""
    asr_workers: int
    """0: one per core, at most two; one on a GPU."""
    asr_batch: int
    """Excerpts that are recognized together; 0: four on a CPU, sixteen on a GPU."""
    asr_processes: bool
    """Each recognizer in a process of its own, or all in threads of the node."""
    spool_bytes: int
    """What entries that are not in Postgres yet may take of the disk."""
    lease_s: float
    empty_call_s: float
    """A call that everybody left ends after this."""
    max_call_s: float
    """A call that lasts so long is ended; 0: it may last."""
    reconnect_s: float
    """How long the place of somebody whose connection is lost is kept."""
    drain_s: float
    """How long calls go on when the node is told to stop; then they are moved."""
    node_participants: int
    """How many people this node takes, in all its calls."""
    log_level: str
    limits: Limits = Limits()


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environ`.

    Raises:
        SettingError: one is missing or no number; the message names it.
    """
    port = _number(environ, "LIVECONVO_MEDIA_PORT", 8081)
    return Settings(
        database_url=_required(environ, "DATABASE_URL"),
        redis_url=environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
        data_dir=Path(_required(environ, "LIVECONVO_DATA_DIR")),
        node=environ.get("LIVECONVO_NODE", f"{socket.gethostname()}-{port}"),
        host=environ.get("LIVECONVO_MEDIA_HOST", "127.0.0.1"),
        port=int(port),
        public_url=environ.get("LIVECONVO_MEDIA_URL", f"http://localhost:{int(port)}").rstrip("/"),
        public_origin=environ.get("LIVECONVO_PUBLIC_ORIGIN", "http://localhost:8080").rstrip("/"),
        ice_addresses=_words(environ.get("LIVECONVO_ICE_ADDRESSES", "")),
        udp_ports=read_udp_ports(environ),
        whisper_model=environ.get("LIVECONVO_WHISPER_MODEL", "tiny.en"),
        whisper_device=_device(environ),
        whisper_compute_type=_compute_type(environ),
        language=_language(environ),
        asr_workers=int(_number(environ, "LIVECONVO_ASR_WORKERS", 0)),
        asr_batch=int(_number(environ, "LIVECONVO_ASR_BATCH", 0)),
        asr_processes=_number(environ, "LIVECONVO_ASR_PROCESSES", 1) != 0,
        spool_bytes=_spool_bytes(environ),
        lease_s=_number(environ, "LIVECONVO_LEASE_S", 6),
        empty_call_s=_number(environ, "LIVECONVO_EMPTY_CALL_S", 120),
        max_call_s=_number(environ, "LIVECONVO_MAX_CALL_S", 8 * 3600),
        reconnect_s=_number(environ, "LIVECONVO_RECONNECT_S", 15),
        drain_s=_number(environ, "LIVECONVO_DRAIN_S", 30),
        node_participants=_node_participants(environ),
        log_level=environ.get("LIVECONVO_LOG_LEVEL", "INFO"),
    )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingError(f"{name} is not set; `liveconvo up` sets it for every process it starts")
    return value


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "") or str(default)
    try:
        value = float(text)
    except ValueError as error:
        raise SettingError(f"{name} must be a number, not {text!r}") from error
    if value < 0:
        raise SettingError(f"{name} must not be negative, it is {text}")
    return value


def _language(environ: Mapping[str, str]) -> str | None:
    language = environ.get("LIVECONVO_LANGUAGE", "")
    if language in ("", "detect"):
        return None
    if not re.fullmatch("[a-z]{2,3}", language):
        raise SettingError(f"LIVECONVO_LANGUAGE must be a code like en or de, or detect, not {language!r}")
    model = environ.get("LIVECONVO_WHISPER_MODEL", "tiny.en")
    if model.endswith(".en") and language != "en":
        raise SettingError(
            f"LIVECONVO_LANGUAGE={language}, but the model {model} knows English only; set LIVECONVO_WHISPER_MODEL to "
            f"one that knows more, {model.removesuffix('.en')} for example"
        )
    return language


def read_udp_ports(environ: Mapping[str, str]) -> range | None:
    """What calls may use of the machine's ports; None: any.

    Raises:
        SettingError
    """
    text = environ.get("LIVECONVO_UDP_PORTS", "")
    if not text:
        return None
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
        raise SettingError(f"LIVECONVO_UDP_PORTS must be a range like 20000-20999, from 1024 on, not {text!r}")
    return range(int(first), int(last) + 1)


def _device(environ: Mapping[str, str]) -> str:
    device = environ.get("LIVECONVO_WHISPER_DEVICE", "") or "cpu"
    if device not in {"cpu", "cuda"}:
        raise SettingError(f"LIVECONVO_WHISPER_DEVICE must be cpu or cuda, not {device!r}")
    return device


def _compute_type(environ: Mapping[str, str]) -> str:
    chosen = environ.get("LIVECONVO_WHISPER_COMPUTE_TYPE", "")
    if chosen and chosen not in COMPUTE_TYPES:
        raise SettingError(f"LIVECONVO_WHISPER_COMPUTE_TYPE must be one of {', '.join(COMPUTE_TYPES)}, not {chosen!r}")
    return chosen


def _node_participants(environ: Mapping[str, str]) -> int:
    participants = int(_number(environ, "LIVECONVO_NODE_PARTICIPANTS", 100))
    if participants < 1:
        raise SettingError("LIVECONVO_NODE_PARTICIPANTS must be at least 1")
    return participants


def _spool_bytes(environ: Mapping[str, str]) -> int:
    size_mb = _number(environ, "LIVECONVO_SPOOL_MB", 1024)
    if size_mb < 1:
        raise SettingError(f"LIVECONVO_SPOOL_MB must be at least 1, it is {size_mb:g}")
    return int(size_mb * 1024**2)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
