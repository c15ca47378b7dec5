"""May this member touch that? The one place that answers, for every route.

Rules:
- The query carries the member's organization and row level security holds it too; a foreign id, a deleted one and an
  id that never was are the same NotFound.
- Every active member of the organization reads its sessions. Its creator and the organization's owner and admins
  change it. Only its creator is its host.
- What concerns an organization itself is asked of the one in the address, whichever somebody works in at the moment.
- A member's `permissions` say what they may do beyond reading. An empty list is all of `PERMISSIONS`; one that is not
  empty is exactly what it names. Owners and admins may everything that their role allows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal, get_args
from uuid import UUID

from aiohttp import web

from control_api import idempotency
from control_api.auth import member, person
from control_api.errors import ForbiddenError
from control_api.state import state
from db import members, session_changes, sessions
from db.members import Standing
from db.pool import Connection, transaction
from db.records import Member, Session

MANAGERS = frozenset({"owner", "admin"})
Permission = Literal[
    "sessions.read", "sessions.create", "sessions.share", "guests.invite", "templates.create", "calls.moderate"
]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
"""`sessions.read` is everybody's: a list that names it alone allows nothing else."""


def as_member(request: web.Request) -> AbstractAsyncContextManager[Connection]:
    """A transaction that sees what the signed-in member may see."""
    return _once(request, member(request).user_id)


def as_person(request: web.Request) -> AbstractAsyncContextManager[Connection]:
    """A transaction for what is the signed-in person's own."""
    return _once(request, person(request).user_id)


@asynccontextmanager
async def _once(request: web.Request, user_id: UUID) -> AsyncIterator[Connection]:
    """The first transaction of a request claims its Idempotency-Key."""
    is_claimed_here = False
    try:
        async with as_user(request, user_id) as conn:
            is_claimed_here = await idempotency.claim(request, conn)
            yield conn
    except BaseException:
        if is_claimed_here:
            idempotency.give_back(request)
        raise


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


async def own_session(conn: Connection, who: Member, session_id: UUID) -> Session:
    """For what only a session's creator writes."""
    session = await readable_session(conn, who, session_id)
    if session.user_id != who.user_id:
        raise ForbiddenError("Only the session's creator does this.")
    return session


async def locked_session(conn: Connection, who: Member, session_id: UUID) -> Session:
    """One that they may change, and that nobody else changes meanwhile."""
    await changeable_session(conn, who, session_id)
    return await session_changes.lock_session(conn, who.organization_id, session_id)


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


async def member_of(conn: Connection, who: Member, organization_id: UUID) -> Standing:
    """What the one who asks is in that organization.

    Raises:
        db.errors.NotFoundError: nothing, so that for them it is not there.
    """
    return await members.get_standing(conn, organization_id, who.user_id)


async def manager_of(conn: Connection, who: Member, organization_id: UUID) -> Standing:
    """The same, for owners and admins."""
    standing = await member_of(conn, who, organization_id)
    if standing.role not in MANAGERS:
        raise ForbiddenError
    return standing


async def owner_of(conn: Connection, who: Member, organization_id: UUID) -> Standing:
    standing = await member_of(conn, who, organization_id)
    if standing.role != "owner":
        raise ForbiddenError
    return standing


async def check_permission(conn: Connection, who: Member, permission: Permission) -> None:
    """In the organization that they work in.

    Raises:
        ForbiddenError: their list names others.
    """
    if who.role in MANAGERS:
        return
    allowed = (await member_of(conn, who, who.organization_id)).permissions
    if allowed and permission not in allowed:
        raise ForbiddenError(f"Your permissions do not include {permission}.")
