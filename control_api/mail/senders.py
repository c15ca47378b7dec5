"""How a mail leaves: through an SMTP server, or as a file in the outbox folder."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib

from control_api.errors import SettingsError

SMTP_TIMEOUT_S = 20.0
"""For each of: connecting, a command, the message."""
KEPT_FILES = 1000
"""Beyond this many mails in the outbox folder the oldest is removed."""


class RefusedError(Exception):
    """The server takes this mail neither now nor later."""


class NotSentError(Exception):
    """Trying again later may help."""


class Sender(Protocol):
    async def send(self, mail_id: UUID, to: str, message: EmailMessage) -> None:
        """
        Raises:
            RefusedError, NotSentError
        """


@dataclass(frozen=True, slots=True)
class Outbox:
    """One file for each mail, `<id>.eml`, whole or not at all; the same mail twice is one file."""

    folder: Path

    async def send(self, mail_id: UUID, to: str, message: EmailMessage) -> None:
        try:
            await asyncio.to_thread(self._write, mail_id, message.as_bytes())
        except OSError as error:
            raise NotSentError(f"errno {error.errno}") from error

    def _write(self, mail_id: UUID, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.folder / f".{mail_id}.new"
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
        unfinished.replace(self.folder / f"{mail_id}.eml")
        files = sorted(self.folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        for oldest in files[:-KEPT_FILES]:
            oldest.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Smtp:
    """`smtp://`: STARTTLS where the server offers it, and always before a password. `smtps://`: TLS from the start."""

    host: str
    port: int
    username: str | None
    password: str | None
    is_tls: bool
    timeout_s: float = SMTP_TIMEOUT_S

    async def send(self, mail_id: UUID, to: str, message: EmailMessage) -> None:
        try:
            await aiosmtplib.send(
                message,
                recipients=[to],
                hostname=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                use_tls=self.is_tls,
                start_tls=True if self.username and not self.is_tls else None,
                timeout=self.timeout_s,
            )
        # `from None`: the library's own errors quote the address, and the queue keeps what a job failed with.
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refused.code for refused in error.recipients}
            raise (RefusedError if min(codes) >= 500 else NotSentError)(_codes(codes)) from None
        except aiosmtplib.SMTPDataError as error:
            raise (RefusedError if error.code >= 500 else NotSentError)(str(error.code)) from None
        except aiosmtplib.SMTPNotSupported:
            raise RefusedError("the address needs SMTPUTF8") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSentError(type(error).__name__) from None


def _codes(codes: set[int]) -> str:
    return ",".join(str(code) for code in sorted(codes))


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Neither a server nor a folder was set."""

    async def send(self, mail_id: UUID, to: str, message: EmailMessage) -> None:
        raise NotSentError("neither LIVECONVO_SMTP_URL nor LIVECONVO_DATA_DIR is set")


def sender_of(smtp_url: str, outbox_folder: Path | None) -> Sender:
    """
    Raises:
        SettingsError: `smtp_url` is none.
    """
    if smtp_url:
        return _smtp(smtp_url)
    return Outbox(outbox_folder) if outbox_folder is not None else Nowhere()


def _smtp(url: str) -> Smtp:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == -1 or parts.path.strip("/"):
        raise SettingsError(
            "LIVECONVO_SMTP_URL must be smtp://user:password@host:587 or smtps://user:password@host:465"
        )
    is_tls = parts.scheme == "smtps"
    return Smtp(
        parts.hostname,
        port or (465 if is_tls else 587),
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        is_tls,
    )
