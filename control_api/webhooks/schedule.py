"""When a delivery is tried again, and when nobody is tried any more.

The schedule is the one that Standard Webhooks gives as its example: ten attempts in three days. A bit is added to each
pause, so that what failed together does not come back together.
"""

from __future__ import annotations

from datetime import timedelta

DELAYS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Before the second attempt and each further one: 5 s, 5 min, 30 min, then 2, 5, 10, 14, 20 and 24 hours."""
JITTER = 0.2
MAX_RETRY_AFTER_S = 3_600
"""A receiver may ask for more time (`Retry-After`), up to this."""
LASTING = timedelta(days=3)
"""An endpoint that nothing reached for so long is switched off. The schedule is longer: one event suffices."""
GONE = 410
"""By this status a receiver says that it wants to be told nothing more."""


def retry_delay(attempts: int, random: float, retry_after_s: int | None = None) -> timedelta | None:
    """The pause after `attempts` failed ones; None: that was the last.

    Args:
        random: in [0, 1).
    """
    if attempts > len(DELAYS_S):
        return None
    delay_s = DELAYS_S[attempts - 1] * (1 + JITTER * random)
    return timedelta(seconds=max(delay_s, min(retry_after_s or 0, MAX_RETRY_AFTER_S)))


def reason_to_disable(status: int | None, error: str | None, lasting: timedelta) -> str | None:
    """Why an endpoint is told nothing more after this failure; None: it is.

    Args:
        lasting: for how long nothing has reached it.
    """
    if status == GONE:
        return "gone"
    if error == "secret_unreadable":
        return error
    return "failing" if lasting >= LASTING else None
