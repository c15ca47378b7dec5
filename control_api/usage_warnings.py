"""Whoever comes near the end of their month's minutes is told by mail, and their organization's other systems are, too.

At 80 % and at 100 %, once each in a month. The claim, the mail and the event are one transaction: nobody is told twice,
and nobody is left out.
"""

from __future__ import annotations

from control_api.mail.queue import Mail
from db import webhook_deliveries
from db.pool import Connection
from db.usage_warnings import UsageWarning, claim_warnings

BATCH = 100


async def warn_of_usage(conn: Connection, mail: Mail, origin: str) -> int:
    """Some of those who are to be told; how many. For the jobs role."""
    warnings = await claim_warnings(conn, BATCH)
    for warning in warnings:
        await _tell(conn, mail, origin, warning)
    return len(warnings)


async def _tell(conn: Connection, mail: Mail, origin: str, warning: UsageWarning) -> None:
    if warning.email is not None:
        params = {
            "organization": warning.organization_name,
            "used": str(warning.minutes_used),
            "limit": str(warning.minutes_limit),
            "link": f"{origin}/",
        }
        key = f"{warning.organization_id} {warning.user_id} {warning.month} {warning.percent}"
        await mail.enqueue(conn, "usage_warning", warning.email, params, key=key)
    event = {
        "user_id": str(warning.user_id),
        "month": warning.month,
        "percent": warning.percent,
        "minutes_used": warning.minutes_used,
        "minutes_limit": warning.minutes_limit,
    }
    await webhook_deliveries.tell(conn, warning.organization_id, "usage.warning", event)
