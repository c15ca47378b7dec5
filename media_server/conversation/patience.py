"""How long an ended utterance may wait until it is given up, and marked as not transcribed.

Rules:
- What is late is worth less than what is fresh, and time spent on it makes the next one late. So whatever cannot be out
  `PATIENCE_S` after its end was certain is given up as soon as that is known; with the hangover before it, text is six
  seconds old at most when it comes.
- When some must be given up anyway (the level `metrics_only`), they are given up sooner: as many are recognized, since
  the workers never rest, and what comes is half as old.
- What would be late even if it was begun at once is given up if something waits that would not. Else it has `FRESH_S`
  to find a worker: late text is better than an idle worker.
- Who is next is for the queue to say: calls take turns, so each gets its share, and each call's oldest goes first.
"""

from __future__ import annotations

from media_server.conversation.ladder import Level

PATIENCE_S = 5.0
PATIENCE_UNDER_OVERLOAD_S = 2.5
FRESH_S = 0.5


def is_hopeless(work_s: float) -> bool:
    """Whether what takes so long is late whenever it is begun."""
    return work_s > PATIENCE_S


def is_too_late(age_s: float, work_s: float, level: Level) -> bool:
    """Args: age_s, since its end was certain; work_s, how long recognizing it takes."""
    patience_s = PATIENCE_UNDER_OVERLOAD_S if level == "metrics_only" else PATIENCE_S
    return age_s > max(FRESH_S, patience_s - work_s)
