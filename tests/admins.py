"""Ada, who administrates the installation of a test and belongs to no organization."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from control_api.tokens import new_token, token_hash
from db import accounts
from db.pool import owner_connection
from tests.api import Api


async def add_admin(api: Api, name: str = "ada") -> UUID:
    """Signed in under her name."""
    api.tokens[name] = new_token()
    async with owner_connection(api.database.owner_url) as conn, conn.transaction():
        user_id: UUID = await conn.fetchval(
            "INSERT INTO users (email, full_name, is_admin, email_verified) VALUES ($1, $2, true, true) RETURNING id",
            f"{name}@installation.example",
            name.title(),
        )
        await accounts.create_app_session(conn, user_id, token_hash(api.tokens[name]), None, None)
    return user_id


async def ask_owner(api: Api, statement: str, *values: object) -> Any:
    """One value, as the database's owner."""
    async with owner_connection(api.database.owner_url) as conn:
        return await conn.fetchval(statement, *values)
