"""How often somebody may knock: every rate limit of the API is a line here.

Counted in this process always and in Redis when it answers; the stricter of the two decides. So losing Redis never
opens a door, it only makes each process count for itself. Windows are fixed, aligned to the clock.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from control_api.errors import TooManyRequestsError
from db.live import Live

KEPT_KEYS = 10_000
"""Beyond this many counters the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    name: str
    count: int
    period_s: int
    by: Literal["address", "member"]


SIGN_IN = RateLimit("sign_in", 30, 60, by="address")
SIGN_IN_ACCOUNT = RateLimit("sign_in_account", 10, 300, by="address")
"""Counted for address and e-mail together: guessing one account is slow, locking its owner out is not possible."""
REDEEM_LINK = RateLimit("redeem_link", 20, 60, by="address")
SIGN_UP = RateLimit("sign_up", 20, 3600, by="address")
FORGOT_PASSWORD = RateLimit("forgot_password", 20, 3600, by="address")
MAILS_TO_ADDRESS = RateLimit("mails_to_address", 5, 3600, by="address")
"""Counted for the e-mail alone: whoever asks, nobody's mailbox is flooded. Known or not, it is the same answer."""
OPEN_LINK = RateLimit("open_link", 30, 60, by="address")
GOOGLE = RateLimit("google", 60, 60, by="address")
VERIFICATION = RateLimit("verification", 5, 3600, by="member")
DELETION = RateLimit("deletion", 10, 300, by="member")
EXPORT = RateLimit("export", 5, 3600, by="member")
API_KEYS = RateLimit("api_keys", 30, 3600, by="member")
WEBHOOKS = RateLimit("webhooks", 120, 3600, by="member")
"""Each may be a request to somebody else's server."""
SET_PASSWORD = RateLimit("set_password", 10, 300, by="member")
JOIN = RateLimit("join", 600, 60, by="member")
INVITE = RateLimit("invite", 60, 60, by="member")
READ_INVITE = RateLimit("read_invite", 120, 60, by="address")
INVITE_MEMBER = RateLimit("invite_member", 60, 3600, by="member")
"""Each is a mail to an address that somebody typed."""
INVITATIONS_TO_ADDRESS = RateLimit("invitations_to_address", 10, 3600, by="address")
"""Counted for the e-mail alone, whoever invites; apart from what its owner asks for, which nobody else uses up."""
READ_INVITATION = RateLimit("read_invitation", 60, 60, by="address")
ANSWER_INVITATION = RateLimit("answer_invitation", 30, 60, by="address")
CREATE_ORGANIZATION = RateLimit("create_organization", 10, 3600, by="member")
SHARE = RateLimit("share", 120, 3600, by="member")
OPEN_SHARED = RateLimit("open_shared", 120, 60, by="address")
EXPORT_SESSION = RateLimit("export_session", 60, 60, by="member")
FOLLOW = RateLimit("follow", 600, 60, by="member")
COMMAND = RateLimit("command", 120, 60, by="member")
SUGGEST = RateLimit("suggest", 30, 3600, by="member")
RECORDING = RateLimit("recording", 600, 60, by="member")
"""Players ask for many parts."""
SEARCH = RateLimit("search", 300, 60, by="member")
UPLOAD = RateLimit("upload", 120, 600, by="member")
UPLOAD_RECORDING = RateLimit("upload_recording", 30, 3600, by="member")
"""Each costs minutes of computing."""
DOWNLOAD = RateLimit("download", 300, 60, by="member")
FIND_PASSAGES = RateLimit("find_passages", 120, 60, by="member")
BULK = RateLimit("bulk", 30, 60, by="member")
JOIN_WAITLIST = RateLimit("join_waitlist", 10, 3600, by="address")
ADMIN = RateLimit("admin", 600, 60, by="member")
ADMIN_MAIL = RateLimit("admin_mail", 60, 3600, by="member")
"""Each is a mail to an address that somebody else typed."""
ADMIN_DOOR = RateLimit("admin_door", 30, 3600, by="member")
ADMIN_FIGURES = RateLimit("admin_figures", 30, 60, by="member")
"""They look at everything."""
JOIN_BY_INVITE = RateLimit("join_by_invite", 60, 60, by="address")


class RateLimiter:
    """Counts knocks per key and window."""

    def __init__(self, live: Live, now: Callable[[], float] = time.time) -> None:
        self._live = live
        self._now = now
        self._counts: dict[str, int] = {}

    async def check(self, limit: RateLimit, *key: str) -> None:
        """One more knock.

        Raises:
            TooManyRequestsError: with the seconds until the window ends.
        """
        now_s = self._now()
        window = int(now_s // limit.period_s)
        name = f"{limit.name}:{_digest(key)}:{window}"
        here = self._count(name)
        everywhere = await self._live.hit_rate_limit(name, limit.period_s)
        if max(here, everywhere or 0) > limit.count:
            raise TooManyRequestsError(retry_after_s=max(1, int((window + 1) * limit.period_s - now_s) + 1))

    def _count(self, name: str) -> int:
        if name not in self._counts and len(self._counts) >= KEPT_KEYS:
            del self._counts[next(iter(self._counts))]
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name]


def _digest(key: tuple[str, ...]) -> str:
    """E-mails and addresses do not lie about in Redis."""
    return hashlib.sha256("\x1f".join(key).encode()).hexdigest()[:32]
