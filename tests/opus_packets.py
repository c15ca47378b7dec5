"""What an Opus packet says of itself, and the product need not know."""

from __future__ import annotations

from media_server.rtc.opus import library


def carries_fec(packet: bytes) -> bool:
    """Whether a packet says again what the one before it said."""
    return bool(library().opus_packet_has_lbrr(packet, len(packet)) == 1)
