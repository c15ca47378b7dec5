"""A media node in the test's own loop, for real peers: scripted ears instead of models, a spool as small as one likes.

What `media_server.app` makes of settings is made here of parts that a test can reach: the spool, the recorder, and the
recorder's Postgres, which can be taken away.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import numpy as np

from db import participants, tickets
from db.live import Live
from db.pool import Pool, transaction
from db.records import NewParticipant, Session
from deploy.ports import free_port
from media_server import app
from media_server.call import CallParts
from media_server.calls import Calls, hash_token
from media_server.engines.protocols import Recognizer
from media_server.engines.rule_coach import RuleCoach
from media_server.lease import LeaseKeeper
from media_server.pipeline.advise import Advisor
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Transcriber
from media_server.recorder import Recorder
from media_server.rtc.addresses import offer_addresses
from media_server.settings import Limits, read_settings
from media_server.spool import MAX_BYTES, Spool
from tests.away_postgres import AwayPostgres
from tests.conftest import Database
from tests.peer_audio import Samples
from tests.people import Person, connected, in_a_minute
from tests.recognizers import LoudnessVad, ScriptedRecognizer

RATE_HZ = 16_000
LIMITS = Limits()
NODE = "host-0"


@dataclass(frozen=True, slots=True)
class SmallNode:
    api: Pool
    media: Pool
    postgres: AwayPostgres
    """What the recorder has of Postgres: while it is away everything stays in the spool."""
    spool: Spool
    recorder: Recorder
    register: Callable[[Live], Coroutine[Any, Any, None]]
    """Tells whoever asks this Redis that the node is there, until cancelled."""
    url: str
    calls: Calls
    leases: LeaseKeeper

    def media_url(self, session: Session) -> str:
        return f"{self.url}/whip/{session.id}"

    async def speaker(
        self,
        person: Person,
        session: Session,
        name: str = "Host",
        role: str = "host",
        *,
        consents: bool = True,
        coached: bool | None = None,
    ) -> UUID:
        """Somebody who agreed to be heard, or who only listens."""
        participant = NewParticipant(
            id=uuid4(),
            session_id=session.id,
            organization_id=session.organization_id,
            name=name,
            role=role,
            coached=role == "host" if coached is None else coached,
            consent_version="test" if consents else None,
            consented_at=datetime.now(UTC) if consents else None,
        )
        async with transaction(self.api, user_id=person.user_id) as conn:
            await participants.insert_participant(conn, participant)
        return participant.id

    async def ticket(self, person: Person, session: Session, participant_id: UUID, node: str = NODE) -> str:
        token = secrets.token_urlsafe(16)
        async with transaction(self.api, user_id=person.user_id) as conn:
            await tickets.insert_ticket(
                conn,
                token_hash=hash_token(token),
                session_id=session.id,
                organization_id=session.organization_id,
                participant_id=participant_id,
                node=node,
                media_url=self.url,
                expires_at=in_a_minute(),
            )
        return token

    async def ready(self) -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/readyz") as response:
            return response.status, await response.json()


@asynccontextmanager
async def small_node(
    database: Database,
    folder: Path,
    *,
    spool_bytes: int = MAX_BYTES,
    environ: Mapping[str, str] = MappingProxyType({}),
    limits: Limits = LIMITS,
    recognizer: Recognizer | None = None,
) -> AsyncIterator[SmallNode]:
    port = free_port()
    settings = read_settings(
        {
            "DATABASE_URL": database.media_url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "LIVECONVO_DATA_DIR": str(folder),
            "LIVECONVO_NODE": NODE,
            "LIVECONVO_MEDIA_PORT": str(port),
            **environ,
        }
    )
    settings = replace(settings, limits=limits)
    offer_addresses((settings.host,))
    live = Live(settings.redis_url)
    async with (
        opened_spool(folder / "spool" / settings.node, spool_bytes) as spool,
        connected(database.api_url) as api,
        connected(database.media_url) as media,
    ):
        postgres = AwayPostgres(media, is_away=False)
        leases = LeaseKeeper(media, settings.node, settings.public_url)
        listener, transcriber = Listener(LoudnessVad()), Transcriber([recognizer or ScriptedRecognizer()])
        recorder = Recorder(spool, postgres, live)  # type: ignore[arg-type]
        parts = CallParts(
            settings,
            listener,
            transcriber,
            partial(app._history, media),
            partial(Advisor, RuleCoach()),
            partial(app._hand_over, recorder, leases, limits.hand_over_s),
        )
        calls = Calls(parts, media, spool, leases, live)
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(part) for part in (listener.run(), transcriber.run(), leases.run(), recorder.run())
            ]
            hosting = tasks.create_task(calls.run())
            async with app._serving(settings, calls, media, spool, live):
                yield SmallNode(
                    api,
                    media,
                    postgres,
                    spool,
                    recorder,
                    lambda live: app._register(settings, media, live, calls, spool),
                    f"http://{settings.host}:{port}",
                    calls,
                    leases,
                )
            calls.stop()
            await hosting
            for task in background:
                task.cancel()
    await live.aclose()


@asynccontextmanager
async def opened_spool(folder: Path, max_bytes: int) -> AsyncIterator[Spool]:
    spool = Spool(folder, max_bytes=max_bytes)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.aclose()


def tone(seconds: float) -> Samples:
    """What `LoudnessVad` takes for speech, and Opus lets through."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.8 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE_HZ), np.float32)
