"""Which packets of a call are not sent, so that every contestant loses the same ones.

The first packets are spared: a receiver counts from the first one that it gets.
"""

from __future__ import annotations

import random

SPARED = 25
"""Packets at the start that are never lost."""
BURST = 3


def independent(count: int, share: float, seed: int) -> frozenset[int]:
    """Each packet by itself."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    return frozenset(number for number in range(SPARED, count) if chance.random() < share)


def bursts(count: int, share: float, seed: int) -> frozenset[int]:
    """`share` of all packets, three in a row and never six."""
    chance = random.Random(seed)  # noqa: S311
    begins = share / BURST / (1 - share)
    lost: set[int] = set()
    number = SPARED
    while number <= count - BURST:
        if chance.random() < begins:
            lost.update(range(number, number + BURST))
            number += BURST
        number += 1
    return frozenset(lost)


def exactly(losses: int, share: float, seed: int, first: int) -> frozenset[int]:
    """`losses` packets from number `first` on, each by itself."""
    chance = random.Random(seed)  # noqa: S311
    lost: set[int] = set()
    number = first
    while len(lost) < losses:
        if chance.random() < share:
            lost.add(number)
        number += 1
    return frozenset(lost)
