"""Just enough of IPv4 (RFC 791) and UDP (RFC 768) for a link that counts packets and a NAT that rewrites them."""

from __future__ import annotations

from dataclasses import dataclass
from socket import inet_aton, inet_ntoa
from struct import pack, pack_into, unpack_from

Address = tuple[str, int]

UDP, TCP = 17, 6
UDP_HEADER_BYTES = 8


def header_bytes(packet: bytes) -> int:
    return (packet[0] & 0x0F) * 4


def is_udp(packet: bytes) -> bool:
    """IPv4 with a whole UDP header in it."""
    return packet[:1] >= b"\x40" and packet[0] >> 4 == 4 and packet[9] == UDP and len(packet) >= 28


def kind_of(packet: bytes) -> str:
    """`rtp`, `rtcp`, `stun` or `dtls` (RFC 7983 §7, RFC 5761 §4); else `tcp` or `other`."""
    if packet[0] >> 4 == 4 and packet[9] == TCP:
        return "tcp"
    if not is_udp(packet):
        return "other"
    payload = packet[header_bytes(packet) + UDP_HEADER_BYTES :]
    if len(payload) < 2:
        return "other"
    if payload[0] in range(128, 192):
        return "rtcp" if payload[1] in range(192, 224) else "rtp"
    return "stun" if payload[0] in range(4) else "dtls" if payload[0] in range(20, 64) else "other"


def rtp_sequence_number(packet: bytes) -> int:
    """Of a packet of kind `rtp`; it is not encrypted (RFC 3711 §3.1)."""
    return int(unpack_from("!H", packet, header_bytes(packet) + UDP_HEADER_BYTES + 2)[0])


@dataclass(frozen=True, slots=True)
class Ends:
    source: Address
    target: Address


def ends_of(packet: bytes) -> Ends:
    """Of a UDP packet."""
    source_port, target_port = unpack_from("!HH", packet, header_bytes(packet))
    return Ends((inet_ntoa(packet[12:16]), source_port), (inet_ntoa(packet[16:20]), target_port))


def with_ends(packet: bytes, ends: Ends) -> bytes:
    """The same UDP packet between other addresses, without a UDP checksum, as IPv4 allows."""
    changed = bytearray(packet)
    changed[12:20] = inet_aton(ends.source[0]) + inet_aton(ends.target[0])
    pack_into("!HH", changed, header_bytes(packet), ends.source[1], ends.target[1])
    pack_into("!H", changed, header_bytes(packet) + 6, 0)
    pack_into("!H", changed, 10, 0)
    pack_into("!H", changed, 10, checksum(changed[: header_bytes(packet)]))
    return bytes(changed)


def udp_packet(ends: Ends, payload: bytes) -> bytes:
    header = pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), 0, 0, 64, UDP, 0)
    addresses = inet_aton(ends.source[0]) + inet_aton(ends.target[0])
    udp = pack("!HHHH", ends.source[1], ends.target[1], UDP_HEADER_BYTES + len(payload), 0)
    return with_ends(header + addresses + udp + payload, ends)


def checksum(header: bytes | bytearray) -> int:
    """RFC 1071."""
    total = sum(unpack_from(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
