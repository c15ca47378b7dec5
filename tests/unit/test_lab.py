"""The bad network of the tests does what it is told, and counts right."""

from __future__ import annotations

import pytest

from tests.lab.ip_packets import Ends, checksum, ends_of, kind_of, rtp_sequence_number, udp_packet
from tests.lab.line import DARK, LATE_S, Conditions, Line
from tests.lab.nat import Nat

SERVER = ("10.77.1.2", 9000)
CLIENT = ("10.77.0.2", 5000)


def carried(conditions: Conditions, packets: int = 5_000, *, seed: int = 1, size: int = 160) -> list[list[float]]:
    """A packet every 20 ms; the delays of each."""
    line = Line(seed)
    line.change(conditions, 0.0)
    return [[at - number * 0.02 for at in line.arrivals(size, number * 0.02)] for number in range(packets)]


def share(carried_packets: list[list[float]], copies: int) -> float:
    return sum(len(delays) == copies for delays in carried_packets) / len(carried_packets)


def test_a_good_line_changes_nothing() -> None:
    assert carried(Conditions()) == [[0.0]] * 5_000


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_packets_are_lost_at_the_rate_asked_for_and_the_same_ones_each_time(loss: float) -> None:
    first = carried(Conditions(loss=loss))
    assert share(first, 0) == pytest.approx(loss, abs=0.01)
    assert first == carried(Conditions(loss=loss))
    assert first != carried(Conditions(loss=loss), seed=2)


def test_delay_and_jitter_lie_in_their_bounds() -> None:
    delays = [delay for delays in carried(Conditions(delay_s=0.05, jitter_s=0.02)) for delay in delays]
    assert min(delays) == pytest.approx(0.03, abs=0.001)
    assert max(delays) == pytest.approx(0.07, abs=0.001)


def test_some_are_doubled_and_some_are_overtaken() -> None:
    packets = carried(Conditions(duplicate=0.01, reorder=0.02))
    assert share(packets, 2) == pytest.approx(0.01, abs=0.005)
    late = sum(delay == pytest.approx(LATE_S) for delays in packets for delay in delays)
    assert late / len(packets) == pytest.approx(0.02, abs=0.005)


def test_bursts_come_in_their_period_and_not_at_once() -> None:
    lost = [
        number for number, delays in enumerate(carried(Conditions(burst_s=0.29, burst_every_s=5), 600)) if not delays
    ]
    assert lost == [*range(250, 265), *range(500, 515)]


def test_in_the_dark_nothing_passes() -> None:
    assert share(carried(DARK), 0) == 1


def test_a_rate_delays_and_a_full_queue_drops_the_newest() -> None:
    fits = carried(Conditions(rate_bit_s=64_000), 50)
    assert all(delays[0] == pytest.approx(0.02) for delays in fits)  # 160 bytes take 20 ms
    too_much = carried(Conditions(rate_bit_s=32_000, queue_s=0.1), 200)
    assert max(delay for delays in too_much for delay in delays) <= 0.1 + 0.04 + 1e-9
    assert share(too_much[50:], 0) == pytest.approx(0.5, abs=0.05)


def test_each_flow_has_the_rate_of_its_own() -> None:
    line = Line(1)
    line.change(Conditions(rate_bit_s=8_000), 0.0)
    assert [line.arrivals(100, 0.0, flow)[0] for flow in ("a", "b", "a")] == pytest.approx([0.1, 0.1, 0.2])


def packet(payload: bytes) -> bytes:
    return udp_packet(Ends(CLIENT, SERVER), payload)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"\x80\x60\x12\x34", "rtp"),
        (b"\x80\xc8\0\0", "rtcp"),
        (b"\0\x01\0\0", "stun"),
        (b"\x16\xfe\xfd", "dtls"),
        (b"\xff\xff", "other"),
        (b"", "other"),
    ],
)
def test_packets_are_told_apart(payload: bytes, kind: str) -> None:
    assert kind_of(packet(payload)) == kind


def test_a_voice_packet_tells_its_number() -> None:
    assert rtp_sequence_number(packet(b"\x80\x60\x12\x34")) == 0x1234


def test_the_server_sees_one_outer_address_and_answers_come_back() -> None:
    nat = Nat("10.77.2.1")
    outside = nat.out(packet(b"hello"))
    seen = ends_of(outside)
    assert seen == Ends(("10.77.2.1", 40_000), SERVER)
    assert checksum(outside[:20]) == 0
    assert ends_of(nat.out(packet(b"again"))) == seen
    back = nat.back(udp_packet(Ends(SERVER, seen.source), b"answer"))
    assert back is not None
    assert ends_of(back) == Ends(SERVER, CLIENT)
    assert back.endswith(b"answer")


def test_strangers_do_not_come_in_through_the_nat() -> None:
    nat = Nat("10.77.2.1")
    seen = ends_of(nat.out(packet(b"hello")))
    assert nat.back(udp_packet(Ends(("10.77.1.2", 9001), seen.source), b"stranger")) is None
    assert nat.back(udp_packet(Ends(SERVER, ("10.77.2.1", 40_001)), b"wrong port")) is None


def test_after_rebinding_the_port_is_another_and_the_old_one_leads_nowhere() -> None:
    nat = Nat("10.77.2.1")
    before = ends_of(nat.out(packet(b"hello")))
    nat.rebind()
    assert nat.back(udp_packet(Ends(SERVER, before.source), b"answer")) is None
    assert ends_of(nat.out(packet(b"hello"))).source != before.source
