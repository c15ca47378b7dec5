"""The first account of an installation, and one-time links that sign somebody in without a password."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from control_api.tokens import new_token, token_hash
from db import accounts
from db.pool import Connection, owner_connection
from deploy.errors import DeployError

_LINK_LIFETIME = timedelta(hours=24)


async def owner_sign_in_token(owner_url: str, environment: Mapping[str, str]) -> str | None:
    """Make the owner's account on the first run; a token as long as the owner has no password, None afterwards."""
    email = owner_email(environment)
    async with owner_connection(owner_url) as conn, conn.transaction():
        if await accounts.count_users(conn) == 0:
            account = await accounts.create_owner(
                conn,
                email=email,
                full_name=environment.get("LIVECONVO_OWNER_NAME") or "Owner",
                organization_name=environment.get("LIVECONVO_ORGANIZATION") or "My organization",
            )
            return await new_sign_in_token(conn, account.user_id)
        credentials = await accounts.find_credentials(conn, email)
        if credentials is None or credentials.password_hash is not None:
            return None
        return await new_sign_in_token(conn, credentials.user_id)


async def owner_session_token(owner_url: str, environment: Mapping[str, str]) -> str:
    """A token that is signed in as the owner already, for programs that start a stack of their own."""
    token = new_token()
    async with owner_connection(owner_url) as conn, conn.transaction():
        credentials = await accounts.find_credentials(conn, owner_email(environment))
        if credentials is None:
            raise DeployError("the database has accounts, but not the owner's")
        await accounts.create_app_session(conn, credentials.user_id, token_hash(token), None, "liveconvo")
    return token


def owner_email(environment: Mapping[str, str]) -> str:
    """The address of the first account."""
    return (environment.get("LIVECONVO_OWNER_EMAIL") or "owner@localhost").strip().lower()


async def new_sign_in_token(conn: Connection, user_id: UUID) -> str:
    """A token that signs `user_id` in once, within a day."""
    token = new_token()
    await accounts.create_sign_in_link(conn, user_id, token_hash(token), datetime.now(UTC) + _LINK_LIFETIME)
    return token
