"""A mail to whoever made a session: its summary is ready. The summary itself stays here, behind a sign-in."""

from __future__ import annotations

from dataclasses import dataclass

from control_api.mail.queue import Mail
from db import summaries
from db.pool import Connection
from db.records import Session


@dataclass(frozen=True, slots=True)
class SummaryMail:
    mail: Mail
    origin: str

    async def tell(self, conn: Connection, session: Session) -> None:
        """Once for each session, however often its summary is written."""
        email = await summaries.reader_to_tell(conn, session.id)
        if email is None:
            return
        params = {"title": session.title, "link": f"{self.origin}/#/session/{session.id}"}
        await self.mail.enqueue(conn, "summary_ready", email, params, key=str(session.id))
