"""People and how they sign in.

Rules:
- Tokens and links arrive here as sha256; e-mail addresses lower-cased.
- `create_owner`, `count_users` and `create_sign_in_link` run on the owner's connection (`pool.owner_connection`): no
  server's role may make accounts or links out of nothing.
- Everything else is for the api role. What happens before anybody is known goes through SECURITY DEFINER functions.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from db import audit
from db.pool import Connection
from db.records import Account, Credentials, Member, Person
from db.slugs import MAX_SLUG, slug

__all__ = ["Account", "Credentials", "Member", "Person"]


async def create_owner(conn: Connection, *, email: str, full_name: str, organization_name: str) -> Account:
    """A person, their organization on the unlimited plan, and their ownership of it, in one statement.

    Raises:
        ConflictError: the address has an account.
    """
    row = await conn.fetchrow(
        """
        WITH organization AS (
            INSERT INTO organizations (name, display_name, slug, contact_email, max_members)
            SELECT $3, $3, CASE WHEN EXISTS (SELECT FROM organizations WHERE slug = $4) THEN $5 ELSE $4 END, $1, NULL
            RETURNING id, name, slug
        ),
        person AS (
            INSERT INTO users (
                email, full_name, current_organization_id, has_completed_onboarding, has_completed_organization_setup
            )
            SELECT $1, $2, id, true, true
            FROM organization
            RETURNING id, email, full_name
        ),
        membership AS (
            INSERT INTO organization_members (organization_id, user_id, role)
            SELECT organization.id, person.id, 'owner'
            FROM organization, person
        ),
        subscription AS (
            INSERT INTO subscriptions (organization_id, plan_id, plan_type, status, current_period_start)
            SELECT organization.id, plans.id, 'lifetime', 'active', now()
            FROM organization, plans
            WHERE plans.name = 'org_enterprise'
        )
        SELECT
            person.id AS user_id,
            person.email,
            person.full_name,
            organization.id AS organization_id,
            organization.name AS organization_name,
            organization.slug AS organization_slug
        FROM person, organization
        """,
        email,
        full_name,
        organization_name,
        plain := slug(organization_name),
        f"{plain[: MAX_SLUG - 9]}-{secrets.token_hex(4)}",
    )
    assert row is not None  # noqa: S101  an INSERT of one row returns one row
    return Account(**row)


async def count_users(conn: Connection) -> int:
    count: int = await conn.fetchval("SELECT count(*) FROM users WHERE deleted_at IS NULL")
    return count


async def create_sign_in_link(conn: Connection, user_id: UUID, token_hash: bytes, expires_at: datetime) -> None:
    await conn.execute(
        "INSERT INTO sign_in_links (token_hash, user_id, expires_at) VALUES ($1, $2, $3)",
        token_hash,
        user_id,
        expires_at,
    )


async def redeem_sign_in_link(conn: Connection, token_hash: bytes) -> UUID | None:
    """Whose link it was, once; None for any other, used or expired one."""
    user_id: UUID | None = await conn.fetchval("SELECT redeem_sign_in_link($1)", token_hash)
    return user_id


async def find_credentials(conn: Connection, email: str) -> Credentials | None:
    row = await conn.fetchrow("SELECT user_id, password_hash FROM find_credentials($1)", email)
    return Credentials(**row) if row else None


async def address_of(conn: Connection, user_id: UUID) -> str:
    """In that person's own transaction."""
    email: str = await conn.fetchval("SELECT email FROM users WHERE id = $1", user_id)
    return email


async def set_password(conn: Connection, user_id: UUID, password_hash: str) -> bool:
    """In that person's own transaction (`pool.act_as`)."""
    status = await conn.execute("UPDATE users SET password_hash = $2 WHERE id = $1", user_id, password_hash)
    return status == "UPDATE 1"


async def create_app_session(
    conn: Connection,
    user_id: UUID,
    token_hash: bytes,
    ip: str | None,
    user_agent: str | None,
    *,
    device_type: str | None = None,
    browser: str | None = None,
    os: str | None = None,
) -> None:
    """A sign-in, in that person's own transaction (`pool.act_as`)."""
    await conn.execute(
        """
        INSERT INTO user_app_sessions (user_id, session_token, ip_address, user_agent, device_type, browser, os)
        VALUES ($1, $2, $3, left($4, 500), $5, $6, $7)
        """,
        user_id,
        token_hash.hex(),
        ip,
        user_agent,
        device_type,
        browser,
        os,
    )


async def authenticate(conn: Connection, token_hash: bytes) -> Member | None:
    """Who is signed in by this token, in their current organization."""
    row = await conn.fetchrow(
        """
        SELECT
            user_id, email, full_name, has_password, organization_id, organization_name, organization_slug, role
        FROM authenticate($1)
        """,
        token_hash,
    )
    return Member(**row) if row else None


async def authenticate_person(conn: Connection, token_hash: bytes) -> Person | None:
    """Who is signed in by this token, also without an organization."""
    row = await conn.fetchrow(
        """
        SELECT
            user_id, email, email_verified, full_name, has_password, app_session_id, deletion_due_at,
            organization_id, organization_name, organization_slug, role
        FROM authenticate_person($1)
        """,
        token_hash,
    )
    return Person(**row) if row else None


async def make_admin(conn: Connection, email: str) -> bool:
    """Let somebody administrate the whole installation; False if there is no such account. For the owner."""
    user_id = await conn.fetchval(
        "UPDATE users SET is_admin = true WHERE email = $1 AND deleted_at IS NULL RETURNING id", email
    )
    if user_id is not None:
        await audit.write(conn, None, "users.made_admin", user_id)
    return user_id is not None


async def is_administrator(conn: Connection) -> bool:
    """Whether the one who acts administrates the whole installation."""
    answer: bool = await conn.fetchval("SELECT is_platform_admin()")
    return answer


async def end_app_session(conn: Connection, token_hash: bytes) -> bool:
    """Sign out; False if nobody was signed in by this token."""
    ended: bool = await conn.fetchval("SELECT end_app_session($1)", token_hash)
    return ended
