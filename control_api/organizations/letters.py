"""The mail that an invitation is: in the transaction that makes the invitation, so that neither goes without the
other."""

from __future__ import annotations

from aiohttp import web

from control_api import limits
from control_api.auth import member
from control_api.state import state
from db.invitations import LIFETIME, Invitation
from db.pool import Connection


async def send_invitation(
    request: web.Request, conn: Connection, invitation: Invitation, organization_name: str, url: str
) -> None:
    """
    Raises:
        TooManyRequestsError: the address was sent enough of them.
    """
    st, who = state(request), member(request)
    await st.limiter.check(limits.INVITATIONS_TO_ADDRESS, invitation.email)
    params = {
        "inviter": who.full_name or who.email,
        "organization": organization_name,
        "message": invitation.personal_message or "",
        "days": str(LIFETIME.days),
        "link": url,
    }
    await st.mail.enqueue(conn, "invitation", invitation.email, params)
