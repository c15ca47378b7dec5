"""One way through the mixer: from a click that is spoken to the click that is heard, on a line without delay or loss.

Method: media time only, no clock. A click is spoken inside a 20 ms frame, which arrives when it is full; the listener
decodes a packet when it is sent and plays it at once. So it counts the sender's frame, the playout buffer, the tick and
the encoder; network, SRTP and the listener's own jitter buffer come on top. One figure for each of 20 phases that the
mixer's clock can have against the sender's.
"""

from __future__ import annotations

import numpy as np

from deploy.bench.rows import Row, percentile
from media_server.conversation.playout import FRAME_SAMPLES as TICK_SAMPLES
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.rtc.mix_stream import FRAME_SAMPLES
from media_server.rtc.mixer import Mixer
from media_server.rtc.opus import RTP_RATE_HZ, Decoder

CLICK_FRAME = 30
FRAMES = 40


def latency_rows() -> list[Row]:
    waits_ms = [_one_way_ms(phase) for phase in range(0, TICK_SAMPLES, TICK_SAMPLES // 20)]
    conditions = "click to click, no loss, no network, media time"
    return [
        Row("mixer_one_way_ms_p50", "ms", percentile(waits_ms, 50), len(waits_ms), conditions),
        Row("mixer_one_way_ms_max", "ms", max(waits_ms), len(waits_ms), conditions),
    ]


def _one_way_ms(phase: int) -> float:
    """With a mixer that ticks `phase` samples of 16 kHz after a frame came."""
    mixer, sent = Mixer(), list[bytes]()
    talker = mixer.add_talker("talker")
    mixer.add_listener("listener", lambda packet, pts: sent.append(packet))
    said = (300 * np.sin(2 * np.pi * 200 * np.arange(FRAMES * FRAME_SAMPLES) / RTP_RATE_HZ)).astype(np.int16)
    spoken_at = CLICK_FRAME * FRAME_SAMPLES + FRAME_SAMPLES // 2
    said[spoken_at : spoken_at + 48] = 20_000
    decoder, heard = Decoder(RTP_RATE_HZ), np.zeros((FRAMES + 3) * FRAME_SAMPLES)
    mixer.tick(phase)
    for number in range(FRAMES):
        arrival = (number + 1) * TICK_SAMPLES
        frame = said[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]
        talker.write(number * TICK_SAMPLES, frame, arrival / SAMPLE_RATE_HZ)
        mixer.tick(arrival + phase)
        played_at = (arrival + phase) * RTP_RATE_HZ // SAMPLE_RATE_HZ
        heard[played_at : played_at + FRAME_SAMPLES] = decoder.decode_pcm(sent[-1])
    return (int(np.abs(heard).argmax()) - spoken_at - 24) * 1000 / RTP_RATE_HZ
