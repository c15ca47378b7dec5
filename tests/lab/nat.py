"""A network address translator for UDP, endpoint-independent in mapping, address- and port-dependent in filtering.

Rules (RFC 4787):
- An inner address has one outer port, whomever it sends to.
- From outside passes only what comes from where the inner address has sent to through this mapping.
- `rebind` forgets every mapping, as a router does that restarts or runs out of memory: the next packet of the same
  inner address has another outer port, and what is sent to the one before is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.lab.ip_packets import Address, Ends, ends_of, with_ends

FIRST_PORT = 40_000


@dataclass(slots=True)
class Mapping:
    inner: Address
    outer: Address
    known: set[Address] = field(default_factory=set)


class Nat:
    def __init__(self, outer_host: str) -> None:
        self._host = outer_host
        self._next_port = FIRST_PORT
        self._by_inner: dict[Address, Mapping] = {}
        self._by_outer: dict[Address, Mapping] = {}

    def out(self, packet: bytes) -> bytes:
        """A UDP packet as the outside sees it."""
        ends = ends_of(packet)
        mapping = self._by_inner.get(ends.source)
        if mapping is None:
            mapping = Mapping(ends.source, (self._host, self._next_port))
            self._next_port += 1
            self._by_inner[mapping.inner] = self._by_outer[mapping.outer] = mapping
        mapping.known.add(ends.target)
        return with_ends(packet, Ends(mapping.outer, ends.target))

    def back(self, packet: bytes) -> bytes | None:
        """A UDP packet as the inside sees it; None: nobody asked for it."""
        ends = ends_of(packet)
        mapping = self._by_outer.get(ends.target)
        if mapping is None or ends.source not in mapping.known:
            return None
        return with_ends(packet, Ends(ends.source, mapping.inner))

    def rebind(self) -> None:
        self._by_inner.clear()
        self._by_outer.clear()
