"""Every setting of the control API: read once from the environment, frozen afterwards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from control_api.errors import SettingsError


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """A coturn with `use-auth-secret`; without URLs there is no relay."""

    urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    credential_ttl_s: int = 300
    """A credential must outlive the ticket and the browser's allocation, nothing more."""


@dataclass(frozen=True, slots=True)
class LanguageModelSettings:
    """An OpenAI-compatible server; without key and URL the summary is extractive."""

    api_key: str = field(default="", repr=False)
    base_url: str = ""
    model: str = "gpt-4o-mini"
    deadline_s: float = 60.0
    attempts: int = 2

    @property
    def is_set(self) -> bool:
        return bool(self.api_key or self.base_url)


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str = field(repr=False)
    jobs_database_url: str = field(repr=False)
    redis_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    """Need not be reachable."""
    host: str = "127.0.0.1"
    port: int = 8080
    public_origin: str = "http://localhost:8080"
    log_level: str = "INFO"
    turn: TurnSettings = field(default_factory=TurnSettings)
    language_model: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    abandoned_after_s: float = 600.0
    """An active session whose lease ended this long ago is completed by the worker."""
    abandoned_sweep_s: float = 30.0
    retention_sweep_s: float = 3600.0
    files_folder: Path | None = None
    """Where recordings and documents lie, by the keys that rows name them with; None: this installation keeps none."""

    body_bytes: int = 64 * 1024
    body_timeout_s: float = 5.0
    transaction_timeout_s: float = 5.0
    pool_size: int = 8
    sign_in_lifetime_s: int = 30 * 24 * 3600
    ticket_lifetime_s: int = 60
    invite_lifetime_s: int = 7 * 24 * 3600
    shutdown_timeout_s: float = 3.0

    @property
    def is_https(self) -> bool:
        return self.public_origin.startswith("https://")


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; a missing or unreadable value names itself."""
    values = os.environ if environment is None else environment
    database_url = _required(values, "DATABASE_URL")
    return Settings(
        database_url=database_url,
        jobs_database_url=_required(values, "LIVECONVO_JOBS_DATABASE_URL"),
        redis_url=values.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
        host=values.get("LIVECONVO_API_HOST", "127.0.0.1"),
        port=_whole_number(values, "LIVECONVO_API_PORT", 8080),
        public_origin=_origin(values, "LIVECONVO_PUBLIC_ORIGIN", "http://localhost:8080"),
        log_level=values.get("LIVECONVO_LOG_LEVEL", "INFO").upper(),
        turn=TurnSettings(urls=_list(values, "LIVECONVO_TURN_URLS"), secret=values.get("LIVECONVO_TURN_SECRET", "")),
        language_model=LanguageModelSettings(
            api_key=values.get("OPENAI_API_KEY", ""),
            base_url=values.get("OPENAI_BASE_URL", ""),
            model=values.get("LIVECONVO_LLM_MODEL", "gpt-4o-mini"),
        ),
        abandoned_after_s=_whole_number(values, "LIVECONVO_ABANDONED_AFTER_S", 600),
        files_folder=Path(files) if (files := values.get("LIVECONVO_FILES_DIR")) else None,
    )


def _required(values: Mapping[str, str], name: str) -> str:
    if value := values.get(name):
        return value
    raise SettingsError(f"{name} is not set")


def _whole_number(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name) or str(default)
    if not text.isdecimal():
        raise SettingsError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _origin(values: Mapping[str, str], name: str, default: str) -> str:
    text = (values.get(name) or default).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query or parts.fragment:
        raise SettingsError(f"{name} must be an origin such as https://convo.example.org, not {text!r}")
    return text


def _list(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in values.get(name, "").split(",") if part.strip())
