"""Every setting of the control API: read once from the environment, frozen afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from control_api.errors import SettingsError
from control_api.webhooks.destinations import Network, read_networks


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
class GoogleSettings:
    """Sign-in with Google (OpenID Connect); without a client id it is not offered."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    issuer: str = "https://accounts.google.com"
    deadline_s: float = 10.0


@dataclass(frozen=True, slots=True)
class MailSettings:
    """An SMTP server, or else a folder."""

    smtp_url: str = field(default="", repr=False)
    outbox_folder: Path | None = None
    address: str = ""
    """Whom mails are from; "": no-reply at the public host."""


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """A bucket that speaks S3; without a URL files lie in a folder, or nowhere."""

    url: str = ""
    """s3://bucket/prefix"""
    endpoint: str = ""
    """"": Amazon's."""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    region: str = ""

    @property
    def options(self) -> dict[str, str]:
        """In the words of the S3 client."""
        return {
            "endpoint": self.endpoint,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "region": self.region,
        }


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """A virus scanner; without an address or a command nothing is scanned."""

    clamd: str = ""
    """host:port, or the path of a socket."""
    command: str = ""
    """Reads a file from standard input and ends with 0 if it is clean, 1 if it is infected."""
    deadline_s: float = 60.0


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """How much may be uploaded, beside what the plan says; how fast it must come."""

    file_mb: int = 100
    """Of one file, for plans that limit nothing as well."""
    files_per_organization: int = 10_000
    mb_per_organization: int = 10_240
    deadline_s: float = 600.0
    idle_s: float = 10.0
    """Without a byte."""


TRANSCRIBING = (
    "PATH", "HOME", "LANG", "HF_HOME", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES", "LIVECONVO_WHISPER_MODEL", "LIVECONVO_WHISPER_DEVICE", "LIVECONVO_WHISPER_COMPUTE_TYPE",
)  # fmt: skip
"""All that the program that writes recordings down is told of our environment: no secret is among it."""


@dataclass(frozen=True, slots=True)
class TranscribeSettings:
    """How given recordings are written down: by `liveconvo transcribe`, in a process of its own."""

    command: tuple[str, ...] = (sys.executable, *(("-P",) if sys.flags.safe_path else ()), "-m", "deploy")
    environment: Mapping[str, str] = field(default_factory=dict)
    language: str = ""
    """That is expected; empty: it is detected, or the model knows one only."""
    minutes: int = 240
    """Of one recording, at most; it may take as long to write it down, and ten minutes more."""
    memory_mb: int = 4096
    """Of each of its processes, at most; 0: no limit."""
    mb_per_organization: int = 102_400


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
    mail: MailSettings = field(default_factory=MailSettings)
    google: GoogleSettings = field(default_factory=GoogleSettings)
    beta_gate: bool = False
    """Accounts only for the waiting list's approved and invited, and for whom a colleague invited."""
    sign_up_lifetime_s: int = 24 * 3600
    reset_lifetime_s: int = 3600
    deletion_grace_days: int = 14
    secret_key: str = field(default="", repr=False)
    """Seals what waits in the database; "": the job worker's login does."""
    abandoned_after_s: float = 600.0
    """An active session whose lease ended this long ago is completed by the worker."""
    abandoned_sweep_s: float = 30.0
    retention_sweep_s: float = 3600.0
    files_folder: Path | None = None
    """Where recordings and documents lie, by the keys that rows name them with; None: in the bucket, or nowhere."""
    bucket: BucketSettings = field(default_factory=BucketSettings)
    scanner: ScannerSettings = field(default_factory=ScannerSettings)
    uploads: UploadSettings = field(default_factory=UploadSettings)
    transcribe: TranscribeSettings = field(default_factory=TranscribeSettings)

    webhook_networks: tuple[Network, ...] = ()
    """Addresses of one's own that webhooks may go to, over plain http as well; none: public ones alone."""

    trusted_proxies: tuple[Network, ...] = ()
    """Whose X-Forwarded-For says whom a request is from; none: nobody's."""

    body_bytes: int = 64 * 1024
    body_timeout_s: float = 5.0
    transaction_timeout_s: float = 5.0
    pool_size: int = 8
    sign_in_lifetime_s: int = 30 * 24 * 3600
    ticket_lifetime_s: int = 60
    invite_lifetime_s: int = 7 * 24 * 3600
    shutdown_timeout_s: float = 3.0
    followers: int = 2000
    """Streams of session logs at the same time, in this process."""
    followers_per_session: int = 500
    followers_per_person: int = 100
    command_wait_s: float = 2.5
    """For so long the answer of a command waits for the node's."""

    @property
    def is_https(self) -> bool:
        return self.public_origin.startswith("https://")

    @property
    def sealing_secret(self) -> str:
        return self.secret_key or self.jobs_database_url

    @property
    def mail_address(self) -> str:
        return self.mail.address or f"no-reply@{urlsplit(self.public_origin).hostname}"


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
        mail=MailSettings(
            smtp_url=values.get("LIVECONVO_SMTP_URL", ""),
            outbox_folder=Path(folder) / "outbox" if (folder := values.get("LIVECONVO_DATA_DIR")) else None,
            address=values.get("LIVECONVO_MAIL_FROM", ""),
        ),
        google=GoogleSettings(
            client_id=values.get("LIVECONVO_GOOGLE_CLIENT_ID", ""),
            client_secret=values.get("LIVECONVO_GOOGLE_CLIENT_SECRET", ""),
            issuer=(values.get("LIVECONVO_GOOGLE_ISSUER") or "https://accounts.google.com").rstrip("/"),
        ),
        beta_gate=_switch(values, "LIVECONVO_BETA_GATE"),
        secret_key=values.get("LIVECONVO_SECRET_KEY", ""),
        followers=_whole_number(values, "LIVECONVO_FOLLOWERS", 2000),
        abandoned_after_s=_whole_number(values, "LIVECONVO_ABANDONED_AFTER_S", 600),
        files_folder=Path(files) if (files := values.get("LIVECONVO_FILES_DIR")) else None,
        bucket=_bucket(values),
        webhook_networks=_networks(values, "LIVECONVO_WEBHOOK_NETWORKS"),
        trusted_proxies=_networks(values, "LIVECONVO_TRUSTED_PROXIES"),
        scanner=_scanner(values),
        uploads=UploadSettings(
            file_mb=_whole_number(values, "LIVECONVO_UPLOAD_MB", 100),
            files_per_organization=_whole_number(values, "LIVECONVO_ORGANIZATION_DOCUMENTS", 10_000),
            mb_per_organization=_whole_number(values, "LIVECONVO_ORGANIZATION_DOCUMENTS_MB", 10_240),
        ),
        transcribe=TranscribeSettings(
            environment={name: values[name] for name in TRANSCRIBING if values.get(name)},
            language=_language(values),
            minutes=_whole_number(values, "LIVECONVO_RECORDING_MINUTES", 240),
            memory_mb=_whole_number(values, "LIVECONVO_TRANSCRIBE_MB", 4096),
            mb_per_organization=_whole_number(values, "LIVECONVO_ORGANIZATION_RECORDINGS_MB", 102_400),
        ),
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


def _switch(values: Mapping[str, str], name: str) -> bool:
    text = values.get(name) or "0"
    if text not in {"0", "1"}:
        raise SettingsError(f"{name} must be 0 or 1, not {text!r}")
    return text == "1"


def _bucket(values: Mapping[str, str]) -> BucketSettings:
    url = values.get("LIVECONVO_FILES_S3", "")
    if not url:
        return BucketSettings()
    if values.get("LIVECONVO_FILES_DIR"):
        raise SettingsError("LIVECONVO_FILES_DIR and LIVECONVO_FILES_S3 are both set: files lie in one place")
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise SettingsError("LIVECONVO_FILES_S3 must be s3://bucket or s3://bucket/prefix")
    return BucketSettings(
        url=url,
        endpoint=values.get("LIVECONVO_S3_ENDPOINT", ""),
        access_key_id=values.get("AWS_ACCESS_KEY_ID", ""),
        secret_access_key=values.get("AWS_SECRET_ACCESS_KEY", ""),
        region=values.get("AWS_REGION", ""),
    )


def _scanner(values: Mapping[str, str]) -> ScannerSettings:
    clamd, command = values.get("LIVECONVO_CLAMD", ""), values.get("LIVECONVO_SCAN_COMMAND", "")
    if clamd and command:
        raise SettingsError("LIVECONVO_CLAMD and LIVECONVO_SCAN_COMMAND are both set: one scanner decides")
    if clamd and not (clamd.startswith("/") or clamd.rpartition(":")[2].isdecimal()):
        raise SettingsError(f"LIVECONVO_CLAMD must be host:port or the path of a socket, not {clamd!r}")
    return ScannerSettings(clamd, command)


def _language(values: Mapping[str, str]) -> str:
    """A model of one language (`.en`, which is the default) is not told another."""
    language = values.get("LIVECONVO_LANGUAGE", "")
    is_free = not (values.get("LIVECONVO_WHISPER_MODEL") or ".en").endswith(".en")
    return language if is_free and language != "detect" else ""


def _origin(values: Mapping[str, str], name: str, default: str) -> str:
    text = (values.get(name) or default).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query or parts.fragment:
        raise SettingsError(f"{name} must be an origin such as https://convo.example.org, not {text!r}")
    return text


def _networks(values: Mapping[str, str], name: str) -> tuple[Network, ...]:
    text = values.get(name, "")
    try:
        return read_networks(text)
    except ValueError:
        raise SettingsError(f"{name} must be networks such as 127.0.0.1/32,10.0.0.0/8, not {text!r}") from None


def _list(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in values.get(name, "").split(",") if part.strip())
