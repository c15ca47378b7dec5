"""`liveconvo admin`: accounts, for whoever owns the machine."""

from __future__ import annotations

import argparse
import asyncio
import os

from db import accounts
from db.pool import owner_connection
from deploy.errors import DeployError
from deploy.owner_account import new_sign_in_token
from deploy.owner_database import owner_database
from deploy.paths import data_folder_of


def create_user(args: argparse.Namespace) -> int:
    """Make an account with an organization of its own, and print a link that signs it in once."""
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        print(asyncio.run(_create_user(owner_url, args.email, args.name, args.organization)))
    return 0


def sign_in_link(args: argparse.Namespace) -> int:
    """Print a link that signs an existing account in once."""
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        print(asyncio.run(_sign_in_link(owner_url, args.email)))
    return 0


def make_admin(args: argparse.Namespace) -> int:
    """Let an existing account administrate the whole installation."""
    with owner_database(data_folder_of(args.data_dir)) as owner_url:
        asyncio.run(_make_admin(owner_url, args.email))
    print(f"{args.email} administrates this installation")
    return 0


async def _make_admin(owner_url: str, email: str) -> None:
    async with owner_connection(owner_url) as conn, conn.transaction():
        if not await accounts.make_admin(conn, email.lower()):
            raise DeployError(f"there is no account {email}")


async def _create_user(owner_url: str, email: str, name: str, organization: str) -> str:
    async with owner_connection(owner_url) as conn, conn.transaction():
        if await accounts.find_credentials(conn, email.lower()) is not None:
            raise DeployError(f"there is an account {email} already")
        account = await accounts.create_owner(conn, email=email.lower(), full_name=name, organization_name=organization)
        return _link(await new_sign_in_token(conn, account.user_id))


async def _sign_in_link(owner_url: str, email: str) -> str:
    async with owner_connection(owner_url) as conn, conn.transaction():
        credentials = await accounts.find_credentials(conn, email.lower())
        if credentials is None:
            raise DeployError(f"there is no account {email}")
        return _link(await new_sign_in_token(conn, credentials.user_id))


def _link(token: str) -> str:
    origin = os.environ.get("LIVECONVO_PUBLIC_ORIGIN", "").rstrip("/") or "http://localhost:8080"
    return f"{origin}/#/link/{token}"
