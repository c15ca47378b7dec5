"""Mail: queued with what causes it, sent by the worker once, through a mail server or into the outbox folder."""

from __future__ import annotations

import asyncio
import email
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from control_api.mail import queue
from control_api.mail.message import build_message
from control_api.mail.queue import Mail, Mailer
from control_api.mail.senders import NotSentError, Outbox, RefusedError, Sender, Smtp, sender_of
from control_api.mail.texts import render
from control_api.metrics import Metrics
from control_api.sealing import Sealer
from control_api.settings import MailSettings, Settings
from control_api.worker import mail_handlers, make_mailer
from db import jobs
from db.pool import Pool, owner_connection, transaction
from tests.conftest import Database
from tests.mail_server import MailServer, mail_server
from tests.people import connected

LINK = "https://convo.example.org/#/reset/0123456789abcdef"
PARAMS = {"link": LINK, "minutes": "60"}
SEALER = Sealer("a secret")


@pytest_asyncio.fixture
async def smtp() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture(params=["smtp", "outbox"])
def way(
    request: pytest.FixtureRequest, smtp: MailServer, tmp_path: Path
) -> tuple[Sender, Callable[[], list[EmailMessage]]]:
    """A sender, and what it sent: the contract holds for both."""
    if request.param == "smtp":
        return sender_of(smtp.url, None), lambda: smtp.got
    return Outbox(tmp_path / "outbox"), lambda: _files(tmp_path / "outbox")


def _files(folder: Path) -> list[EmailMessage]:
    return [
        cast("EmailMessage", email.message_from_bytes(file.read_bytes(), policy=default))
        for file in sorted(folder.glob("*.eml"))
    ]


def _message(mail_id: UUID, to: str = "ada@example.org") -> EmailMessage:
    return build_message(mail_id, "no-reply@example.org", to, render("reset_password", PARAMS, "https://x.example"))


async def test_a_mail_arrives_as_it_was_written(way: tuple[Sender, Callable[[], list[EmailMessage]]]) -> None:
    sender, sent = way
    mail_id = uuid4()
    await sender.send(mail_id, "ada@example.org", _message(mail_id))
    (got,) = sent()
    assert got["To"] == "ada@example.org"
    assert got["From"] == "LiveConvo <no-reply@example.org>"
    assert got["Message-ID"] == f"<{mail_id}@example.org>"
    plain, page = (cast("EmailMessage", got.get_body((kind,))).get_content() for kind in ("plain", "html"))
    assert LINK in plain
    assert f'href="{LINK}"' in page


async def test_words_of_every_alphabet_arrive(way: tuple[Sender, Callable[[], list[EmailMessage]]]) -> None:
    sender, sent = way
    mail_id, title = uuid4(), "Gespräch über Preise — 商談 🎧 " + "lang " * 30
    words = render("summary_ready", {"title": title, "link": LINK}, "https://x.example")
    await sender.send(
        mail_id, "ada@example.org", build_message(mail_id, "no-reply@example.org", "ada@example.org", words)
    )
    (got,) = sent()
    assert "商談 🎧" in got["Subject"]
    assert "商談 🎧" in cast("EmailMessage", got.get_body(("plain",))).get_content()


async def test_files_of_the_outbox_are_the_owners_alone_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_api.mail.senders.KEPT_FILES", 3)
    ids = [uuid4() for _ in range(5)]
    for mail_id in ids:
        await Outbox(tmp_path / "outbox").send(mail_id, "ada@example.org", _message(mail_id))
    files = list((tmp_path / "outbox").iterdir())
    assert {file.stem for file in files} == {str(mail_id) for mail_id in ids[2:]}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"recipients": "550 no such mailbox"}, RefusedError),
        ({"recipients": "450 try again"}, NotSentError),
        ({"data": "554 spam"}, RefusedError),
        ({"data": "451 later"}, NotSentError),
    ],
)
async def test_a_server_refuses_for_good_or_for_now(
    smtp: MailServer, reply: dict[str, str], error: type[Exception]
) -> None:
    for name, value in reply.items():
        setattr(smtp, name, value)
    mail_id = uuid4()
    with pytest.raises(error):
        await sender_of(smtp.url, None).send(mail_id, "ada@example.org", _message(mail_id))
    assert smtp.got == []


async def test_a_server_that_is_away_or_silent_is_tried_again(smtp: MailServer) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        away = Smtp("127.0.0.1", held.getsockname()[1], None, None, is_tls=False)
        with pytest.raises(NotSentError):
            await away.send(uuid4(), "ada@example.org", _message(uuid4()))
    smtp.is_silent = True
    silent = Smtp("127.0.0.1", int(smtp.url.rpartition(":")[2]), None, None, is_tls=False, timeout_s=0.2)
    with pytest.raises(NotSentError):
        await silent.send(uuid4(), "ada@example.org", _message(uuid4()))


async def test_a_password_is_not_sent_in_the_clear(smtp: MailServer) -> None:
    sender = sender_of(smtp.url.replace("smtp://", "smtp://user:password@"), None)
    with pytest.raises(NotSentError):  # the server offers no STARTTLS
        await sender.send(uuid4(), "ada@example.org", _message(uuid4()))
    assert smtp.got == []


# the queue ----------------------------------------------------------------------------------------------------------


def _mailer(pool: Pool, sender: Sender) -> Mailer:
    return Mailer(partial(transaction, pool), SEALER, sender, "no-reply@example.org", "https://x.example")


@asynccontextmanager
async def _working(database: Database, mailer: Mailer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(jobs.run_worker(database.jobs_url, mail_handlers(mailer), stop))
        yield
        stop.set()


async def _notes(database: Database) -> list[tuple[str, str, str]]:
    async with owner_connection(database.owner_url) as conn:
        rows = await conn.fetch("SELECT message, request_id, endpoint FROM system_logs ORDER BY created_at")
    return [(row["message"], row["request_id"], row["endpoint"]) for row in rows]


async def _until_noted(database: Database, count: int = 1) -> list[tuple[str, str, str]]:
    async with asyncio.timeout(30):
        while len(found := await _notes(database)) < count:
            await asyncio.sleep(0.02)
    return found


async def _payloads(database: Database) -> list[bytes]:
    async with owner_connection(database.owner_url) as conn:
        return [row["payload"] for row in await conn.fetch("SELECT payload FROM pgqueuer")]


async def test_a_mail_leaves_with_its_transaction_or_not_at_all(database: Database, smtp: MailServer) -> None:
    mail = Mail(SEALER)
    async with connected(database.api_url) as api, connected(database.jobs_url) as pool:

        async def change_ones_mind() -> None:
            async with transaction(api) as conn:
                await mail.enqueue(conn, "reset_password", "eve@example.org", PARAMS)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await change_ones_mind()
        async with transaction(api) as conn:
            mail_id = await mail.enqueue(conn, "reset_password", "ada@example.org", PARAMS)
        async with _working(database, _mailer(pool, sender_of(smtp.url, None))):
            notes = await _until_noted(database)
    assert notes == [("mail sent", str(mail_id), "mail:reset_password")]
    assert [got["To"] for got in smtp.got] == ["ada@example.org"]


async def test_what_waits_says_nothing_to_whoever_copies_the_database(database: Database) -> None:
    async with connected(database.api_url) as api, transaction(api) as conn:
        await Mail(SEALER).enqueue(conn, "reset_password", "ada@example.org", PARAMS)
    (payload,) = await _payloads(database)
    assert b"ada" not in payload
    assert b"0123456789abcdef" not in payload


async def test_the_same_cause_is_one_mail(database: Database, smtp: MailServer) -> None:
    mail = Mail(SEALER)
    async with connected(database.api_url) as api, connected(database.jobs_url) as pool:

        async def cause() -> UUID:
            async with transaction(api) as conn:
                return await mail.enqueue(conn, "reset_password", "ada@example.org", PARAMS, key="order 1")

        ids = await asyncio.gather(*(cause() for _ in range(4)))
        async with _working(database, _mailer(pool, sender_of(smtp.url, None))):
            await _until_noted(database)
            again = await cause()
            async with transaction(api) as conn:
                await mail.enqueue(conn, "password_changed", "bob@example.org", {"link": LINK}, key="order 1")
            await _until_noted(database, 2)
            async with asyncio.timeout(30):
                while await _payloads(database):
                    await asyncio.sleep(0.02)
    assert {*ids, again} == {ids[0]}
    assert [got["To"] for got in smtp.got] == ["ada@example.org", "bob@example.org"]


async def test_a_mail_that_was_sent_is_not_sent_again_by_a_second_run(database: Database, smtp: MailServer) -> None:
    async with connected(database.api_url) as api, connected(database.jobs_url) as pool:
        async with transaction(api) as conn:
            await Mail(SEALER).enqueue(conn, "reset_password", "ada@example.org", PARAMS)
        (payload,) = await _payloads(database)
        mailer = _mailer(pool, sender_of(smtp.url, None))
        await mailer.deliver(payload)
        await mailer.deliver(payload)
    assert len(smtp.got) == 1
    assert len(await _notes(database)) == 1


async def test_a_mail_waits_for_a_server_that_comes_back_and_is_given_up_in_the_end(
    database: Database, smtp: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("control_api.worker.RETRY_DELAYS_S", (0.01, 0.01))
    monkeypatch.setattr(jobs, "POLL_INTERVAL", timedelta(seconds=0.05))
    tries: list[str] = []

    class Counting:
        async def send(self, mail_id: UUID, to: str, message: EmailMessage) -> None:
            tries.append(to)
            if to == "ada@example.org" and tries.count(to) == 2:
                smtp.recipients = ""
            await sender_of(smtp.url, None).send(mail_id, to, message)

    smtp.recipients = "451 greylisted"
    async with connected(database.api_url) as api, connected(database.jobs_url) as pool:
        async with transaction(api) as conn:
            await Mail(SEALER).enqueue(conn, "reset_password", "ada@example.org", PARAMS)
        async with _working(database, _mailer(pool, Counting())):
            await _until_noted(database)
            smtp.recipients = "451 greylisted"
            async with transaction(api) as conn:
                await Mail(SEALER).enqueue(conn, "reset_password", "bob@example.org", PARAMS)
            notes = await _until_noted(database, 2)
    assert [message for message, _, _ in notes] == ["mail sent", "mail given up"]
    assert tries == ["ada@example.org"] * 2 + ["bob@example.org"] * 3
    assert "@example.org" not in caplog.text
    assert "0123456789abcdef" not in caplog.text


async def test_a_refused_mail_is_noted_and_not_tried_again(database: Database, smtp: MailServer) -> None:
    smtp.recipients = "550 no such mailbox"
    async with connected(database.api_url) as api, connected(database.jobs_url) as pool:
        async with transaction(api) as conn:
            await Mail(SEALER).enqueue(conn, "reset_password", "ada@example.org", PARAMS)
        async with _working(database, _mailer(pool, sender_of(smtp.url, None))):
            notes = await _until_noted(database)
            async with asyncio.timeout(30):
                while await _payloads(database):
                    await asyncio.sleep(0.02)
    assert [message for message, _, _ in notes] == ["mail refused"]


async def test_a_mail_that_was_sealed_with_another_key_is_noted(database: Database, smtp: MailServer) -> None:
    async with connected(database.jobs_url) as pool:
        await _mailer(pool, sender_of(smtp.url, None)).deliver(Sealer("another").seal(b"{}"))
    assert [message for message, _, _ in await _notes(database)] == ["mail unreadable"]


async def test_the_server_takes_the_senders_from_its_settings(
    database: Database, smtp: MailServer, tmp_path: Path
) -> None:
    addresses = {"database_url": database.api_url, "jobs_database_url": database.jobs_url}
    common: dict[str, Any] = {**addresses, "public_origin": "https://convo.example.org"}
    by_server = Settings(**common, mail=MailSettings(smtp.url, tmp_path, "team@example.org"))
    by_folder = Settings(**common, mail=MailSettings("", tmp_path / "outbox"))
    async with connected(database.jobs_url) as pool, connected(database.api_url) as api:
        for number, settings in enumerate((by_server, by_folder)):
            async with transaction(api) as conn:
                sealer = Sealer(settings.sealing_secret)
                await Mail(sealer).enqueue(conn, "reset_password", "ada@example.org", PARAMS)
            await make_mailer(settings, pool, Metrics()).deliver((await _payloads(database))[number])
    assert [got["From"] for got in smtp.got] == ["LiveConvo <team@example.org>"]
    assert [got["From"] for got in _files(tmp_path / "outbox")] == ["LiveConvo <no-reply@convo.example.org>"]


def test_the_note_is_found_by_the_name_it_is_written_under() -> None:
    assert queue.__name__ == "control_api.mail.queue"  # as the index, and `logs.was_mailed`, have it
