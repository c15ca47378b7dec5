"""Whoever comes near the end of their minutes is told once, and once more when they are used up."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from email.message import EmailMessage
from uuid import UUID

import pytest

from control_api.usage_warnings import warn_of_usage
from db.pool import owner_connection, transaction
from tests.api import Api
from tests.mailbox import Mailbox, words_of

LIMIT = 600


class KilledError(Exception):
    """What a fault does before a commit."""


async def use(api: Api, who: str, minutes: int, limit_hours: int | None = LIMIT // 60) -> None:
    """So many minutes of this month, of so many that they have."""
    person = getattr(api.people, who)
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE users SET email_verified = true WHERE id = $1", person.user_id)
        await conn.execute(
            "UPDATE organization_members SET monthly_audio_hours_limit = $2 WHERE user_id = $1",
            person.user_id,
            limit_hours,
        )
        await conn.execute(
            """
            INSERT INTO monthly_usage_cache (organization_id, user_id, month_year, total_minutes_used)
            VALUES ($1, $2, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), $3)
            ON CONFLICT (organization_id, user_id, month_year) DO UPDATE SET total_minutes_used = $3
            """,
            person.organization_id,
            person.user_id,
            minutes,
        )


async def sweep(api: Api) -> int:
    async with transaction(api.jobs) as conn:
        return await warn_of_usage(conn, api.state.mail, "http://x.example")


async def letters(api: Api, mailbox: Mailbox) -> list[EmailMessage]:
    await sweep(api)
    return await mailbox.work()


@pytest.fixture(autouse=True)
async def unlimited(api: Api) -> None:
    """The plan's own limit is none, so that the member's is the smallest."""
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE plans SET monthly_audio_hours_limit = NULL, monthly_audio_minutes_limit = NULL")


async def test_each_is_told_at_eighty_percent_and_at_the_end_and_once_each(api: Api) -> None:
    mailbox = Mailbox(api)
    said = []
    for minutes in (479, 480, 481, 599, 600, 601):
        await use(api, "alice", minutes)
        for _ in range(2):
            said += [(minutes, str(letter["To"]), str(letter["Subject"])) for letter in await letters(api, mailbox)]
    to = api.people.alice.email
    assert said == [(480, to, "480 of your 600 minutes are used"), (600, to, "600 of your 600 minutes are used")]
    html = mailbox.letters[0].get_body(("html",))
    assert html is not None
    assert "480" in words_of(mailbox.letters[0])
    assert "480" in html.get_content()
    async with owner_connection(api.database.owner_url) as conn:
        assert await conn.fetchval("SELECT count(*) FROM system_logs WHERE endpoint = 'mail:usage_warning'") == 2


async def test_whoever_is_over_at_once_is_told_that_alone(api: Api) -> None:
    mailbox = Mailbox(api)
    await use(api, "alice", 700)
    assert [str(letter["Subject"]) for letter in await letters(api, mailbox)] == ["700 of your 600 minutes are used"]
    assert await letters(api, mailbox) == []


async def test_no_limit_and_none_at_all_warn_nobody(api: Api) -> None:
    await use(api, "alice", 100_000, None)
    await use(api, "bob", 0, 0)
    assert await sweep(api) == 0


@pytest.mark.parametrize(("column", "value"), [("monthly_audio_hours_limit", 10), ("monthly_audio_minutes_limit", 600)])
async def test_the_plans_limit_counts(api: Api, column: str, value: int) -> None:
    await use(api, "alice", 480, None)
    assert await sweep(api) == 0
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute(f"UPDATE plans SET {column} = $1", value)  # noqa: S608  a constant
    assert await sweep(api) == 1


async def test_workers_at_once_tell_each_once(api: Api) -> None:
    await use(api, "alice", 500)
    await use(api, "bob", 600)
    assert sum(await asyncio.gather(*(sweep(api) for _ in range(4)))) == 2
    assert len(await Mailbox(api).work()) == 2


async def test_webhooks_are_told_and_an_address_that_is_not_proven_is_not(api: Api) -> None:
    hook = {"url": "https://example.org/hook", "event_types": ["usage.warning"]}
    path = f"/v1/organizations/{api.people.alice.organization_id}/webhooks"
    made = (await api.post(path, hook)).body
    await use(api, "bob", 480)
    async with owner_connection(api.database.owner_url) as conn:
        await conn.execute("UPDATE users SET email_verified = false WHERE id = $1", api.people.bob.user_id)
    assert await letters(api, Mailbox(api)) == []
    [told] = (await api.get(f"{path}/{made['id']}/deliveries")).body["items"]
    month = told["data"].pop("month")
    assert UUID(told["data"].pop("user_id")) == api.people.bob.user_id
    assert (len(month), told["data"]) == (7, {"percent": 80, "minutes_used": 480, "minutes_limit": 600})


async def test_a_mail_that_could_not_be_queued_is_told_at_the_next_sweep(api: Api) -> None:
    """The claim goes with the transaction."""
    await use(api, "alice", 480)
    with suppress(KilledError):
        async with transaction(api.jobs) as conn:
            assert await warn_of_usage(conn, api.state.mail, "http://x.example") == 1
            raise KilledError
    assert await sweep(api) == 1
