"""The parts of `liveconvo bench media` that need no network: what is lost, what is said, what is counted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest
from aiortc import RTCDtlsFingerprint, RTCIceCandidate, RTCIceParameters
from aiortc.rtp import RtpPacket
from aiortc.sdp import SessionDescription

from deploy.bench.media import MEASURED
from deploy.bench.media_audio import clicks, encode, onsets_s, placed
from deploy.bench.media_delays import click_delays_ms, delays_ms, within
from deploy.bench.media_loss import BURST, SPARED, bursts, exactly, independent
from deploy.bench.media_rtp import offer, read_answer, rtp_packet, rtp_payload
from deploy.cli import main, parser
from media_server.rtc.guard import checked_offer, has_data_section
from media_server.rtc.opus import carries_fec, packet_samples
from media_server.settings import Limits

COUNT = 100_000


@pytest.mark.parametrize("losing", [independent, bursts])
def test_the_share_that_was_asked_for_is_lost(losing: Callable[[int, float, int], frozenset[int]]) -> None:
    assert len(losing(COUNT, 0.05, 1)) / COUNT == pytest.approx(0.05, abs=0.003)


def test_the_same_seed_loses_the_same_packets() -> None:
    assert independent(COUNT, 0.1, seed=3) == independent(COUNT, 0.1, seed=3) != independent(COUNT, 0.1, seed=4)


def test_the_first_packets_are_never_lost() -> None:
    assert min(independent(COUNT, 0.9, seed=1) | bursts(COUNT, 0.5, seed=1)) >= SPARED


def test_bursts_are_three_in_a_row() -> None:
    lost = sorted(bursts(COUNT, 0.1, seed=1))
    runs = [len(list(run)) for _, run in groupby(enumerate(lost), lambda pair: pair[1] - pair[0])]
    assert set(runs) == {BURST}


def test_exactly_as_many_are_lost_as_were_asked_for() -> None:
    lost = exactly(1_000, 0.25, seed=1, first=350)
    assert (len(lost), min(lost) >= 350) == (1_000, True)


def test_the_packets_are_rtp_and_their_timestamps_begin_at_the_first() -> None:
    packet = RtpPacket.parse(rtp_packet(70_000, 5, 77, b"opus"))
    assert (packet.sequence_number, packet.timestamp, packet.ssrc) == ((70_000 + 5) % 65_536, 70_000 * 960, 77)
    assert packet.payload == b"opus"


def test_the_payload_is_found_behind_sources_and_an_extension() -> None:
    plain = rtp_packet(0, 0, 1, b"")
    header = bytes([plain[0] | 0x10 | 2]) + plain[1:]
    assert rtp_payload(header + b"source01" + b"\xbe\xde\x00\x01" + b"word" + b"opus") == b"opus"


def test_the_offer_is_one_that_the_media_node_takes() -> None:
    sdp = _offer()
    assert checked_offer(sdp, Limits())
    assert not has_data_section(sdp)


def test_aiortc_reads_from_the_offer_what_was_put_into_it() -> None:
    [media] = SessionDescription.parse(_offer()).media
    assert (media.kind, media.direction, media.ice.usernameFragment) == ("audio", "sendonly", "some")
    assert [(codec.name, codec.payloadType) for codec in media.rtp.codecs] == [("opus", 111)]


def test_an_answer_that_refuses_the_audio_is_noticed() -> None:
    with pytest.raises(ValueError, match="refused"):
        read_answer(_offer().replace("m=audio 9", "m=audio 0"))


def test_packets_are_20_ms_with_error_correction() -> None:
    tone = (8_000 * np.sin(np.arange(48_000) / 20)).astype(np.int16)
    packets = encode(tone)
    assert {packet_samples(packet) for packet in packets} == {960}
    assert any(carries_fec(packet) for packet in packets)


def test_a_click_is_heard_once_and_where_it_is() -> None:
    heard = [(number * 0.02, packet) for number, packet in enumerate(clicks(100, [25, 75]))]
    assert onsets_s(heard) == pytest.approx([0.5, 1.5], abs=0.01)


def test_a_packet_has_the_delay_of_the_block_with_its_middle() -> None:
    sent_s = np.array([1.00, 1.02, 1.04])
    arrivals = [(0, 300, 1.10), (300, 340, 1.15), (640, 320, 1.20)]
    assert delays_ms(sent_s, arrivals) == pytest.approx({0: 100, 1: 130, 2: 160})


def test_one_block_may_bring_several_packets() -> None:
    assert delays_ms(np.array([1.00, 1.02]), [(0, 640, 1.10)]) == pytest.approx({0: 100, 1: 80})


def test_what_was_never_sent_has_no_delay_though_something_came_for_it() -> None:
    assert list(delays_ms(np.array([1.00, np.nan, 1.04]), [(0, 960, 1.10)])) == [0, 2]


def test_only_the_first_arrival_counts() -> None:
    assert delays_ms(np.array([1.0]), [(0, 320, 1.1), (0, 320, 1.2)]) == pytest.approx({0: 100})


def test_delays_are_taken_from_a_stretch_of_packets() -> None:
    assert within({0: 1.0, 5: 2.0, 9: 3.0}, 5, 9) == [2.0]


def test_a_click_that_nobody_heard_in_time_does_not_count() -> None:
    assert click_delays_ms([1.0, 2.0, 3.0], [1.1, 3.08], longest_s=0.5) == pytest.approx([100, 80])


def test_audio_is_put_at_its_place_and_holes_are_silence() -> None:
    block = np.ones(2, np.float32)
    assert placed([(0, block), (4, block), (7, block)], 8).tolist() == [1, 1, 0, 0, 1, 1, 0, 1]


def test_every_figure_can_be_chosen() -> None:
    for name in MEASURED:
        assert parser().parse_args(["bench", "media", "--only", name]).only == [name]


@pytest.mark.slow
def test_no_model_is_in_the_processes_that_are_measured() -> None:
    asked = "import sys, deploy.bench.media_stage; print(*{'torch', 'ctranslate2'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout.strip() == b""


def test_without_recordings_no_words_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "media", "--only", "wer_rise_points"]) == 2
    assert "--data DIR" in capsys.readouterr().err


def _offer() -> str:
    candidate = RTCIceCandidate(1, "1", "127.0.0.1", 40_000, 1, "udp", "host")
    fingerprint = RTCDtlsFingerprint("sha-256", ":".join(["AB"] * 32))
    return offer(RTCIceParameters("some", "password" * 3), [candidate], fingerprint, 77, "sendonly")
