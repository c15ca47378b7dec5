"""Addresses that a TURN server is asked to relay to."""

from __future__ import annotations

RELAY = "11.22.33.44"
"""Of the server itself, where it needs a public one; a namespace of its own has it, the world's is not touched."""
MEDIA_SERVER = "10.0.0.20"
"""In a private network, and named."""
PUBLIC_PEER = "9.9.9.9"
PUBLIC_PEERS = ["8.8.8.8", "151.101.1.69"]
PRIVATE_PEERS = [
    "0.0.0.0",  # noqa: S104 - a peer address to be refused, nothing binds to it
    "0.0.0.1",
    "10.0.0.5",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
]
IPV6_PEERS = [
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "::10.0.0.5",
    "64:ff9b::a00:5",
    "2001::1",
    "2002:a00:5::1",
    "2606:4700:4700::1111",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
]
