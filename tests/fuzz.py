"""Mutated inputs for every parser that the network reaches: some in `make test`, many in `make fuzz`, which this runs.

A test takes part when it is marked `fuzz`: it takes its inputs from `cases`, and what broke something goes to `keep`.
Rules:
- The seed is fixed and printed; `LIVECONVO_FUZZ_SEED=n make fuzz` tries others.
- tests/corpus/ holds inputs that once broke something, one folder a parser; they come first, every time.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
_SWITCH = "LIVECONVO_FUZZ"
_SEED = "LIVECONVO_FUZZ_SEED"
_TEST_TIMEOUT_S = 1_200

IS_FUZZ = os.environ.get(_SWITCH) == "1"
SIZES = (1_200, 1_500, 1_501, 9_000, 16_384, 70_000)
EXTREMES = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFE, 0xFF)


def often(ci: int, fuzz: int) -> int:
    """`fuzz` times in `make fuzz`, else `ci` times."""
    return fuzz if IS_FUZZ else ci


def cases(parser: str, originals: Sequence[bytes], count: int) -> Iterator[bytes]:
    """What is kept for this parser, then the originals, then `count` mutations of them: one in 25 grown to a size that
    some limit is near, one in 25 what came before once more.
    """
    seed = f"{parser} {os.environ.get(_SEED, '1')}"
    print(f"fuzz seed {seed!r}, {count} cases")  # noqa: T201
    yield from kept(parser)
    yield from originals
    chance = random.Random(seed)
    before = b""
    for number in range(count):
        case = mutated(chance.choice(originals), chance)
        match number % 25:
            case 7:
                case = grown(case, SIZES[number // 25 % len(SIZES)])
            case 8:
                case = before
        yield case
        before = case


def grown(case: bytes, size: int) -> bytes:
    """Repeated up to this size."""
    return (case * (size // max(1, len(case)) + 1))[:size]


def kept(parser: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / parser).glob("*.bin"))]


def keep(parser: str, case: bytes) -> Path:
    """Write an input that broke something to the corpus, so that it comes again."""
    path = CORPUS / parser / f"{hashlib.sha256(case).hexdigest()[:12]}.bin"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(case)
    return path


def mutated(original: bytes, chance: random.Random) -> bytes:
    data = bytearray(original)
    for _ in range(chance.randint(1, 4)):
        _mutate(data, chance)
    return bytes(data)


def _mutate(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 2, 4, 20)))
    match chance.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 1 if at < len(data):
            data[at] = chance.choice(EXTREMES)
        case 2:  # a length of 16 bits, perhaps
            data[at : at + 2] = chance.choice((0, 1, 3, 0x7FFF, 0xFFFF, len(data))).to_bytes(2, "big")
        case 3:
            del data[at:end]
        case 4:
            data[at:at] = data[at:end] * chance.choice((1, 2, 10))
        case 5:
            data[at:at] = chance.randbytes(end - at)
        case 6 if chance.random() < 0.3:
            del data[at:]
        case _:
            data[at:end] = chance.randbytes(end - at)


def main(arguments: list[str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "fuzz", "-s", "-o", f"timeout={_TEST_TIMEOUT_S}", *arguments],
        env=os.environ | {_SWITCH: "1"},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
