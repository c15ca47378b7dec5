"""May this member touch that? The one place that answers, for every route.

Rules:
- The query carries the member's organization and row level security holds it too; a foreign id, a deleted one and an
  id that never was are the same NotFound.
- Every active member of the organization reads its sessions. Its creator and the organization's owner and admins
  change it. Only its creator is its host.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from uuid import UUID

from aiohttp import web

from control_api.auth import member
from control_api.errors import ForbiddenError
from control_api.state import state
from db import sessions
from db.pool import Connection, transaction
from db.records import Member, Session

MANAGERS = frozenset({"owner", "admin"})


def as_member(request: web.Request) -> AbstractAsyncContextManager[Connection]:
    """A transaction that sees what the signed-in member may see."""
    return as_user(request, member(request).user_id)


def as_user(request: web.Request, user_id: UUID) -> AbstractAsyncContextManager[Connection]:
    st = state(request)
    return transaction(st.pool, user_id=user_id, timeout_s=st.settings.transaction_timeout_s)


def as_nobody(request: web.Request) -> AbstractAsyncContextManager[Connection]:
    """A transaction that sees no tenant: for credentials that carry their own right."""
    st = state(request)
    return transaction(st.pool, timeout_s=st.settings.transaction_timeout_s)


async def readable_session(conn: Connection, who: Member, session_id: UUID) -> Session:
    return await sessions.get_session(conn, who.organization_id, session_id)


async def changeable_session(conn: Connection, who: Member, session_id: UUID) -> Session:
    session = await readable_session(conn, who, session_id)
    if session.user_id != who.user_id and who.role not in MANAGERS:
        raise ForbiddenError
    return session


def check_role(session: Session, who: Member, role: str) -> None:
    """The role somebody takes in a call, or gives to a guest.

    Raises:
        ForbiddenError: hosting is the creator's, supervising also the organization's owner's and admins'.
    """
    is_creator = session.user_id == who.user_id
    if role == "host" and not is_creator:
        raise ForbiddenError("Only the session's creator is its host.")
    if role == "supervisor" and not is_creator and who.role not in MANAGERS:
        raise ForbiddenError("Only the session's creator and the organization's owner and admins supervise.")
