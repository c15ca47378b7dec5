"""Which entries of a session somebody may read, by the audience each was for: in the call, following it, afterwards.

Rules:
- `everyone` reads what is for everyone; `coached` and `role:supervisor` are also the session's creator and the
  organization's owner and admins, who may supervise; `role:host` is also the creator.
- Whoever had a place in a call reads what was for that participant and, if guidance was granted to it, what was for the
  coached and for its role.
- A colleague who is none of these reads what a participant to whom nothing is granted reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from control_api.access import MANAGERS
from db import sessions
from db.pool import Connection
from db.records import Member, Session


@dataclass(frozen=True, slots=True)
class Rights:
    role: str
    """In the organization."""
    is_own: bool
    """They made the session."""

    @classmethod
    def of(cls, user_id: UUID, role: str, session: Session) -> Self:
        return cls(role, session.user_id == user_id)

    @property
    def may_supervise(self) -> bool:
        return self.is_own or self.role in MANAGERS


async def my_audiences(conn: Connection, who: Member, session: Session) -> frozenset[str]:
    return await audiences(conn, who.user_id, Rights.of(who.user_id, who.role, session), session)


async def audiences(conn: Connection, user_id: UUID, rights: Rights, session: Session) -> frozenset[str]:
    """Those that a member of the session's organization belongs to."""
    found = {"everyone"}
    if rights.may_supervise:
        found |= {"coached", "role:supervisor"}
    if rights.is_own:
        found.add("role:host")
    for place in await sessions.list_participants(conn, session.id):
        if place.user_id != user_id:
            continue
        found.add(f"participant:{place.id}")
        if place.coached:
            found |= {"coached", f"role:{place.role}"}
    return frozenset(found)
