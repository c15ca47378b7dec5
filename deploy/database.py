"""The database made ready for the servers: migrated, and each server's login with a password of its own."""

from __future__ import annotations

import secrets
from pathlib import Path

from db.migrate import migrate, set_role_passwords
from deploy.plan import ROLES, Services, role_url
from deploy.private_file import read_json, write_private_json


async def prepare_database(data_folder: Path, owner_url: str, database_url: str, redis_url: str) -> Services:
    """The addresses for the servers; the passwords are kept in secrets.json of the data folder."""
    await migrate(owner_url)
    passwords = role_passwords(data_folder / "secrets.json")
    await set_role_passwords(owner_url, passwords)
    urls = {name: role_url(database_url, role, passwords[role]) for name, role in ROLES.items()}
    return Services(urls["api"], urls["media"], urls["jobs"], redis_url)


def role_passwords(file: Path) -> dict[str, str]:
    """The servers' passwords, made on first use."""
    kept = read_json(file)
    passwords = {role: kept.get(role) or secrets.token_urlsafe(24) for role in ROLES.values()}
    if passwords.items() - kept.items():
        write_private_json(file, kept | passwords)
    return passwords
