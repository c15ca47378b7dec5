"""Free TCP ports below the range that the system hands to outgoing connections."""

from __future__ import annotations

import random
import socket

_LOWEST, _HIGHEST = 20_000, 32_000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when nobody listens on `port`; a connection of the past that still lingers does not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that was free a moment ago."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that were free a moment ago."""
    for _ in range(200):
        first = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - nothing secret about a port
        if all(is_free(port) for port in range(first, first + count)):
            return first
    raise OSError(f"no {count} free ports in a row between {_LOWEST} and {_HIGHEST}")
