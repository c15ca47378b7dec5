"""What we rely on in libopus."""

import numpy as np
import numpy.typing as npt
import pytest

from media_server.errors import OpusError
from media_server.rtc.opus import Decoder, Encoder, carries_fec, packet_samples
from tests.voice import FRAME, voice


def packets(samples: npt.NDArray[np.int16], **options: bool) -> list[bytes]:
    encoder = Encoder(32_000, 5, loss_percent=20, **options)
    return [encoder.encode(frame) for frame in samples.reshape(-1, FRAME)]


def rms(samples: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def likeness(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(np.corrcoef(one, other)[0, 1])


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_a_packet_decodes_at_the_rate_that_is_wanted(rate_hz: int) -> None:
    decoder = Decoder(rate_hz)
    decoded = [decoder.decode(packet) for packet in packets(voice(20))]
    assert {len(part) for part in decoded} == {rate_hz // 50}
    assert 0.05 < rms(np.concatenate(decoded[5:])) < 0.5


def test_floats_and_pcm_say_the_same() -> None:
    floats, pcm = Decoder(48_000), Decoder(48_000)
    for packet in packets(voice(10)):
        assert np.allclose(floats.decode(packet), pcm.decode_pcm(packet) / 32_768, atol=2e-4)


def test_a_lost_packet_is_recovered_from_the_next_one() -> None:
    sent = packets(voice(60))
    whole = Decoder(16_000)
    intact = [whole.decode(packet) for packet in sent]
    said_again = [place for place in range(10, 59) if carries_fec(sent[place + 1])]
    assert len(said_again) > 20
    for lost in said_again:
        torn = Decoder(16_000)
        for packet in sent[:lost]:
            torn.decode(packet)
        assert likeness(torn.recover(sent[lost + 1], 320), intact[lost]) > 0.95
        assert likeness(torn.decode(sent[lost + 1]), intact[lost + 1]) > 0.95


def test_what_cannot_be_recovered_is_concealed_and_fades() -> None:
    decoder = Decoder(16_000)
    for packet in packets(voice(20)):
        last = decoder.decode(packet)
    concealed = [decoder.conceal(320) for _ in range(20)]
    assert {len(part) for part in concealed} == {320}
    assert rms(concealed[0]) > rms(last) / 2
    assert rms(concealed[-1]) < rms(last) / 10


def test_silence_need_not_be_sent() -> None:
    quiet = np.zeros(50 * FRAME, np.int16)
    assert min(len(packet) for packet in packets(quiet)[20:]) <= 2
    assert min(len(packet) for packet in packets(quiet, has_dtx=False)[20:]) > 2


@pytest.mark.parametrize("packet", [b"", b"\xff", bytes([0xFB, 0xFF]) + bytes(10)])
def test_what_is_no_packet_says_so(packet: bytes) -> None:
    assert packet_samples(packet) == 0
    if packet:
        with pytest.raises(OpusError):
            Decoder(16_000).decode(packet)


def test_a_packet_knows_its_length() -> None:
    assert packet_samples(packets(voice(1))[0]) == FRAME
