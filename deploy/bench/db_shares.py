"""How a whole is shared out when some get much more than others, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """`total` in whole parts as the weights say; the parts always sum up to it."""
    whole = sum(weights)
    ends = [round(total * end / whole) for end in accumulate(weights)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def uneven(parts: int) -> list[float]:
    """The largest part is four times the eighth: a few big organizations, many small ones."""
    return [rank**-0.667 for rank in range(1, parts + 1)]
