"""Sounds that are no speech, and speech as bad lines and bad rooms make it: float32, 16 kHz mono."""

from __future__ import annotations

import numpy as np

from media_server.engines.protocols import Samples

RATE_HZ = 16_000
DTMF_LOW_HZ = (697, 770, 852, 941)
DTMF_HIGH_HZ = (1209, 1336, 1477)
SCALE_HZ = (262, 294, 330, 349, 392, 440, 494, 523)


def tones(frequencies_hz: tuple[float, ...], seconds: float, level: float = 0.3) -> Samples:
    at_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.mean([np.sin(2 * np.pi * hz * at_s) for hz in frequencies_hz], axis=0)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE_HZ), np.float32)


def noise(seconds: float, level: float = 0.1) -> Samples:
    return np.random.default_rng(0).normal(0, level, int(seconds * RATE_HZ)).astype(np.float32)


def hold_tone() -> Samples:
    """A ringing telephone as the caller hears it (ITU-T E.180, North America): 2 s on, 4 s off."""
    return np.concatenate([tones((440, 480), 2), silence(4), tones((440, 480), 2), silence(1)])


def dialled_digits() -> Samples:
    """A number in DTMF (ITU-T Q.23), 80 ms a digit."""
    digits = [(low, high) for low in DTMF_LOW_HZ for high in DTMF_HIGH_HZ]
    return np.concatenate([np.concatenate([tones(pair, 0.08), silence(0.08)]) for pair in digits])


def music() -> Samples:
    """A tune with overtones, a beat and a chord below it."""
    notes = [SCALE_HZ[number] for number in (0, 2, 4, 7, 4, 2, 0, 4, 5, 3, 1, 0)]
    parts = []
    for hz in notes:
        note = tones((hz, 2 * hz, 3 * hz, 4 * hz), 0.4, 0.5) * np.exp(-np.linspace(0, 3, int(0.4 * RATE_HZ)))
        parts.append(note + tones((131, 165, 196), 0.4, 0.15))
    tune = np.concatenate(parts)
    beat = noise(0.4, 0.2) * np.exp(-np.linspace(0, 30, int(0.4 * RATE_HZ)))
    return (tune + np.tile(beat, len(notes))).astype(np.float32)


def telephone(speech: Samples) -> Samples:
    """300 to 3400 Hz at 8 kHz with the 8 bits of µ-law (ITU-T G.711)."""
    spectrum = np.fft.rfft(speech)
    hz = np.fft.rfftfreq(len(speech), 1 / RATE_HZ)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    narrow = np.clip(np.fft.irfft(spectrum, len(speech)), -1, 1)
    companded = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    coded = np.round(companded * 127) / 127
    return (np.sign(coded) * (256 ** np.abs(coded) - 1) / 255).astype(np.float32)


def shouted(speech: Samples) -> Samples:
    """Ten times as loud as the converter takes."""
    return np.clip(10 * speech / np.abs(speech).max(), -1, 1).astype(np.float32)


def whispered(speech: Samples) -> Samples:
    """The same mouth without the voice: the envelope of each frame's spectrum (30 cepstral coefficients) on noise."""
    size, hop = 512, 128
    window = np.hanning(size)
    random = np.random.default_rng(1)
    out = np.zeros(len(speech) + size)
    for start in range(0, len(speech) - size, hop):
        power = np.log(np.abs(np.fft.rfft(speech[start : start + size] * window)) + 1e-6)
        cepstrum = np.fft.irfft(power)
        cepstrum[30:-29] = 0
        envelope = np.exp(np.fft.rfft(cepstrum).real)
        breath = np.fft.rfft(random.normal(0, 1, size) * window) / np.sqrt(size / 2)
        out[start : start + size] += np.fft.irfft(envelope * breath) * window
    scale = np.abs(speech).max() / np.abs(out).max()
    return (out[: len(speech)] * scale).astype(np.float32)
