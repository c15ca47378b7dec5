"""libopus by itself: decoding at any of its rates, error correction, concealment, encoding (RFC 6716, RFC 7587).

FFmpeg's wrapper, which PyAV offers, always decodes at 48 kHz and can neither recover a packet from the next one nor
conceal one. The library is the one that PyAV's wheel carries, or the system's. Algorithmic latency: none of the
decoder's own; the encoder looks 6.5 ms ahead. One instance for each stream: both keep state.
"""

from __future__ import annotations

import copy
import ctypes
import ctypes.util
import functools
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from media_server.errors import OpusError

Pcm = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

RTP_RATE_HZ = 48_000
"""Of Opus' RTP timestamps, whatever it is decoded at (RFC 7587 §4.1)."""
LONGEST_PACKET_MS = 120

_APPLICATION_VOIP = 2048
_SIGNAL_VOICE = 3001
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS, _SET_DTX, _SET_SIGNAL = (
    4002, 4010, 4012, 4014, 4016, 4024,
)  # fmt: skip
_LARGEST_PACKET = 1_275


class Decoder:
    """One stream's decoder at 8, 12, 16, 24 or 48 kHz, mono."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._lib = library()
        self._state = ctypes.create_string_buffer(self._lib.opus_decoder_get_size(1))
        _check(self._lib.opus_decoder_init(self._state, rate_hz, 1))
        self._longest = rate_hz * LONGEST_PACKET_MS // 1000
        self._floats = np.empty(self._longest, np.float32)
        self._pcm = np.empty(self._longest, np.int16)
        # Asking numpy for an address takes as long as the rest of the call.
        self._floats_address, self._pcm_address = self._floats.ctypes.data, self._pcm.ctypes.data

    def decode(self, packet: bytes) -> Floats:
        """One packet, not empty: float32, shape (n,), -1 … 1.

        Raises:
            OpusError: it is no Opus packet.
        """
        return self._decode_floats(packet, self._longest, is_fec=False)

    def decode_pcm(self, packet: bytes) -> Pcm:
        """The same as int16."""
        return self._decode_pcm(packet, self._longest, is_fec=False)

    def recover(self, packet_after: bytes, samples: int) -> Floats:
        """`samples` of the lost packet before `packet_after`, from what that one says of it, else concealed."""
        return self._decode_floats(packet_after, samples, is_fec=True)

    def recover_pcm(self, packet_after: bytes, samples: int) -> Pcm:
        return self._decode_pcm(packet_after, samples, is_fec=True)

    def conceal(self, samples: int) -> Floats:
        """What might have been said, fading to silence; `samples` is a multiple of 2.5 ms."""
        return self._decode_floats(None, samples, is_fec=False)

    def conceal_pcm(self, samples: int) -> Pcm:
        return self._decode_pcm(None, samples, is_fec=False)

    def _decode_floats(self, packet: bytes | None, most: int, *, is_fec: bool) -> Floats:
        size = 0 if packet is None else len(packet)
        n = _check(self._lib.opus_decode_float(self._state, packet, size, self._floats_address, most, is_fec))
        return self._floats[:n].copy()

    def _decode_pcm(self, packet: bytes | None, most: int, *, is_fec: bool) -> Pcm:
        size = 0 if packet is None else len(packet)
        n = _check(self._lib.opus_decode(self._state, packet, size, self._pcm_address, most, is_fec))
        return self._pcm[:n].copy()


class Encoder:
    """One stream's encoder: 48 kHz mono voice with in-band FEC, and DTX unless it is switched off."""

    def __init__(self, bitrate: int, complexity: int, *, loss_percent: int = 5, has_dtx: bool = True) -> None:
        self._lib = library()
        self._state = ctypes.create_string_buffer(self._lib.opus_encoder_get_size(1))
        _check(self._lib.opus_encoder_init(self._state, RTP_RATE_HZ, 1, _APPLICATION_VOIP))
        self._take_memory()
        for request, value in (
            (_SET_BITRATE, bitrate),
            (_SET_COMPLEXITY, complexity),
            (_SET_SIGNAL, _SIGNAL_VOICE),
            (_SET_INBAND_FEC, 1),
            (_SET_PACKET_LOSS, loss_percent),
            (_SET_DTX, int(has_dtx)),
        ):
            _check(self._lib.opus_encoder_ctl(self._state, request, ctypes.c_int(value)))

    def expect_loss(self, percent: int) -> None:
        """From now on; above 5 a packet says again what the one before it said, at the cost of the highest pitches."""
        _check(self._lib.opus_encoder_ctl(self._state, _SET_PACKET_LOSS, ctypes.c_int(percent)))

    def encode(self, pcm: Pcm) -> bytes:
        """One packet of 2.5 to 60 ms. One or two bytes: silence that need not be sent (RFC 6716 §2.1.9).

        Args:
            pcm: int16, shape (n,), 48 kHz.
        """
        self._pcm[: len(pcm)] = pcm
        n = _check(self._lib.opus_encode(self._state, self._pcm_address, len(pcm), self._packet, _LARGEST_PACKET))
        return self._packet.raw[:n]

    def fork(self) -> Encoder:
        """Another one that goes on from here: a decoder that changes over to it notices nothing."""
        twin = copy.copy(self)
        # opus.h: the state is contiguous, a shallow copy suffices.
        twin._state = ctypes.create_string_buffer(self._state.raw, len(self._state))
        twin._take_memory()
        return twin

    def _take_memory(self) -> None:
        """What libopus reads from and writes to; asking numpy for an address takes longer than a copy."""
        self._pcm = np.empty(RTP_RATE_HZ * LONGEST_PACKET_MS // 1000, np.int16)
        self._pcm_address = self._pcm.ctypes.data
        self._packet = ctypes.create_string_buffer(_LARGEST_PACKET)


def packet_samples(packet: bytes) -> int:
    """How long a packet is, at 48 kHz; 0 for what is no Opus packet."""
    return _samples(packet[:2])


@functools.lru_cache(maxsize=1 << 10)
def _samples(begin: bytes) -> int:
    """Its first two bytes say it (RFC 6716 §3.1, §3.2.5)."""
    return max(0, int(library().opus_packet_get_nb_samples(begin, len(begin), RTP_RATE_HZ)))


def carries_fec(packet: bytes) -> bool:
    """Whether a packet says again what the one before it said."""
    return bool(library().opus_packet_has_lbrr(packet, len(packet)) == 1)


@functools.cache
def library() -> Any:
    """libopus, loaded once.

    Raises:
        OpusError: there is none.
    """
    bundled = [path for folder in _wheel_folders() for path in sorted(folder.glob("libopus*"))]
    name = str(bundled[0]) if bundled else ctypes.util.find_library("opus")
    if name is None:
        raise OpusError("libopus was not found: neither in PyAV's wheel nor on this system.")
    lib = ctypes.CDLL(name)
    address, size = ctypes.c_void_p, ctypes.c_int
    lib.opus_decoder_init.argtypes = [address, size, size]
    lib.opus_decode_float.argtypes = lib.opus_decode.argtypes = [
        address, ctypes.c_char_p, size, address, size, size,
    ]  # fmt: skip
    lib.opus_encoder_init.argtypes = [address, size, size, size]
    lib.opus_encode.argtypes = [address, address, size, address, size]
    lib.opus_packet_get_nb_samples.argtypes = [ctypes.c_char_p, size, size]
    lib.opus_strerror.restype = ctypes.c_char_p
    return lib


def _wheel_folders() -> list[Path]:
    """Where wheels keep the libraries they bring: beside the package on Linux, in it on macOS."""
    package = Path(av.__file__).parent
    return [folder for folder in (package.parent / "av.libs", package / ".dylibs") if folder.is_dir()]


def _check(result: int) -> int:
    if result < 0:
        raise OpusError(library().opus_strerror(result).decode())
    return result
