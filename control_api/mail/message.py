"""One mail as a message (RFC 5322): multipart, with headers that nobody else writes a line of."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

from control_api.mail.texts import Rendered


def build_message(mail_id: UUID, sender: str, to: str, rendered: Rendered) -> EmailMessage:
    """The same for the same arguments but for its date; by its `Message-ID` a second copy is known.

    Raises:
        ValueError: `to` or `sender` is no address.
    """
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{mail_id}@{sender.rpartition('@')[2]}>"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["From"] = Address("LiveConvo", addr_spec=checked_address(sender))
    message["To"] = Address(addr_spec=checked_address(to))
    message["Subject"] = rendered.subject
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices in return
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")
    return message


def checked_address(address: str) -> str:
    """
    Raises:
        ValueError: it is no single plain address.
    """
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or any(c <= " " or c in ',;:<>()[]"\\\x7f' for c in address):
        raise ValueError("not an address")
    return address
