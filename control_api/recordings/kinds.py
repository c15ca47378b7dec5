"""What kind of recording this is, by its first bytes; what it is called says nothing.

Each kind names what reads it (an FFmpeg demuxer), so that nothing else in FFmpeg, a playlist that opens other files
above all, is ever tried on a stranger's file.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    media_type: str
    suffix: str
    demuxer: str


OGG = Kind("audio/ogg", "ogg", "ogg")
WAV = Kind("audio/wav", "wav", "wav")
FLAC = Kind("audio/flac", "flac", "flac")
MP3 = Kind("audio/mpeg", "mp3", "mp3")
AAC = Kind("audio/aac", "aac", "aac")
M4A = Kind("audio/mp4", "m4a", "mov")
MP4 = Kind("video/mp4", "mp4", "mov")
QUICKTIME = Kind("video/quicktime", "mov", "mov")
WEBM = Kind("video/webm", "webm", "matroska")
WEBM_AUDIO = Kind("audio/webm", "webm", "matroska")
MATROSKA = Kind("video/x-matroska", "mkv", "matroska")
KINDS = {
    kind.media_type: kind
    for kind in (OGG, WAV, FLAC, MP3, AAC, M4A, MP4, QUICKTIME, WEBM, WEBM_AUDIO, MATROSKA)
}  # fmt: skip

_SIGNATURES = ((b"OggS", OGG), (b"fLaC", FLAC), (b"ID3", MP3))
_EBML = b"\x1aE\xdf\xa3"
_BRANDS = {b"M4A ": M4A, b"M4B ": M4A, b"qt  ": QUICKTIME}
_OLD_QUICKTIME = frozenset({b"moov", b"mdat", b"wide"})


def kind_of(head: bytes) -> Kind | None:
    """None: none that is taken. `head` is the file's beginning, or all of it."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF"):
        return WAV if head[8:12] == b"WAVE" else None
    if head.startswith(_EBML):
        return WEBM if b"webm" in head[:64] else MATROSKA
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], MP4)
    if head[4:8] in _OLD_QUICKTIME:
        return QUICKTIME
    return _frames(head)


def _frames(head: bytes) -> Kind | None:
    """A bare stream begins with a frame's header (ISO 11172-3 §2.4.1.3, ISO 14496-3 §1.A.2.2)."""
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0 and head[2] & 0x3C != 0x3C:
        return AAC
    is_layer_3 = head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08
    return MP3 if is_layer_3 and head[2] >> 4 not in {0, 15} and head[2] & 0x0C != 0x0C else None
