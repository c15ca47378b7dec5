"""Recordings that are given after the fact, over HTTP, and the worker that writes them down with the real engine."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from control_api.documents.scanning import Program
from control_api.erasing import Eraser
from control_api.recordings.engine import CrashedError, Engine, Heard, Segment
from control_api.recordings.reasons import UnfitError
from control_api.recordings.transcribing import Transcriber
from control_api.settings import ScannerSettings, TranscribeSettings
from control_api.summaries.finalize import Finalizer
from control_api.webhooks.events import DESCRIPTIONS
from db import jobs, recordings, sessions, usage
from db.jobs import Patient
from db.pool import owner_connection, transaction
from tests.api import Answer, Api, MakeApi
from tests.integration.control_api.test_api_joining import JOINING
from tests.recorded_files import RATE_HZ, SAYS, speech, wav
from tests.recording_worker import begun_by

MEGABYTE = 1024 * 1024
OGG = b"OggS" + bytes(100)
"""Taken, and no recording."""


def transcriber_of(api: Api, **settings: Any) -> Transcriber:
    engine = Engine(replace(api.state.settings.transcribe, **{"environment": environment(), **settings}))
    return Transcriber(partial(transaction, api.jobs, timeout_s=30), api.state.storage, engine, live=api.state.live)


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}


async def give(api: Api, session_id: str, content: Any, who: str = "alice", **headers: str) -> Answer:
    body = io.BytesIO(content) if isinstance(content, bytes) else content
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.post(f"/v1/sessions/{session_id}/recordings?consent=1", who=who, data=body, headers=sent)


async def given(api: Api, session_id: str, content: Any = None) -> str:
    answer = await give(api, session_id, wav() if content is None else content)
    assert answer.status == 202, answer.body
    return str(answer.body["id"])


async def run_jobs(api: Api, transcriber: Transcriber | None = None) -> list[str]:
    """Whatever waits, once each; those for later too; their entry points."""
    eraser = Eraser(partial(transaction, api.jobs), storage=api.state.storage)
    used = transcriber or transcriber_of(api)
    handlers = {**used.handlers(), **used.chores(), **eraser.handlers()}
    ran: list[str] = []
    while True:
        async with owner_connection(api.database.owner_url) as conn:
            waiting = await conn.fetch("DELETE FROM pgqueuer WHERE entrypoint = ANY ($1) RETURNING *", list(handlers))
        if not waiting:
            return ran
        for job in waiting:
            handler = handlers[job["entrypoint"]]
            await (handler.handle if isinstance(handler, Patient) else handler)(job["payload"])
            ran.append(job["entrypoint"])


async def shown(api: Api, session_id: str) -> dict[str, Any]:
    [item] = (await api.get(f"/v1/sessions/{session_id}/recordings")).body["items"]
    return dict(item)


async def query(api: Api, sql: str, *arguments: Any) -> list[Any]:
    async with owner_connection(api.database.owner_url) as conn:
        return list(await conn.fetch(sql, *arguments))


def files_of(api: Api) -> list[Path]:
    folder = api.state.settings.files_folder
    assert folder is not None
    return [file for file in folder.rglob("*") if file.is_file()]


def bare(text: str) -> list[str]:
    return "".join(letter for letter in text.casefold() if letter.isalnum() or letter == " ").split()


# given and written down ---------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_given_recording_becomes_what_a_call_would_have_been(api: Api) -> None:
    """Words with their times, the log, the minutes, the end, the summary; all of it once, however often it is run."""
    session_id = await api.new_session()
    await query(
        api,
        "INSERT INTO webhook_endpoints (organization_id, url, signing_secret, event_types) VALUES ($1, $2, $3, $4)",
        api.people.alice.organization_id, "https://x.example", bytes(32), list(DESCRIPTIONS),
    )  # fmt: skip
    content = wav()
    answer = await give(api, session_id, content)
    assert (answer.status, answer.body["status"], answer.body["size_bytes"]) == (202, "processing", len(content))
    assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "draft"

    await run_jobs(api)

    recording_id = UUID(answer.body["id"])
    item = await shown(api, session_id)
    assert (item["status"], item["error_code"], item["media_type"]) == ("ready", None, "audio/wav")
    assert item["duration_ms"] == 7_000
    session = (await api.get(f"/v1/sessions/{session_id}")).body
    assert session["status"] == "completed"
    assert session["recording_duration_seconds"] == 7
    assert session["total_words_spoken"] == len(SAYS.split())

    lines = (await api.get(f"/v1/sessions/{session_id}/transcript")).body["items"]
    assert bare(" ".join(line["text"] for line in lines)) == bare(SAYS)
    [row] = await query(api, "SELECT words, speaker, stt_provider, sequence_number FROM transcripts")
    assert '"start_ms"' in row["words"]
    assert (row["speaker"], row["stt_provider"]) == ("unknown", "whisper:tiny.en")

    log = await query(api, "SELECT seq, type, payload FROM session_events ORDER BY seq")
    assert [entry["type"] for entry in log] == [
        "session.state", "participant.joined", "transcript.final", "participant.left", "session.state",
    ]  # fmt: skip
    assert log[2]["seq"] == row["sequence_number"]

    found = (await api.get("/v1/search?q=service")).body["items"]
    assert [each["session"]["id"] if "session" in each else each["session_id"] for each in found] == [session_id]
    captions = await api.get(f"/v1/sessions/{session_id}/export?format=webvtt")
    assert captions.status == 200
    assert await Finalizer(api.jobs, None).finalize(UUID(session_id)) == "completed"
    assert (await api.get(f"/v1/sessions/{session_id}/summary")).status == 200
    told = await query(api, "SELECT event_type FROM webhook_deliveries")
    assert {row["event_type"] for row in told} == {
        "session.started", "session.ended", "recording.ready", "summary.ready",
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {api.tokens['bob']}", "Last-Event-ID": "0"}
    async with api.client.get(f"/v1/sessions/{session_id}/events", headers=headers) as stream:
        followed = (await stream.read()).decode()
    assert all(f"id: {entry['seq']}" in followed for entry in log)

    # the job is taken again, after a worker died between storing and saying so
    await transcriber_of(api).transcribe(recording_id)
    assert len(await query(api, "SELECT FROM transcripts")) == len(lines)
    [charged] = await query(api, "SELECT sum(seconds_recorded) AS seconds FROM usage_tracking")
    assert charged["seconds"] == 7
    async with transaction(api.state.pool, user_id=api.people.alice.user_id) as conn:
        assert (await usage.session_minutes(conn, UUID(session_id)))[0] == 1
    actions = await query(api, "SELECT action FROM audit_log WHERE action LIKE 'recordings.%' ORDER BY id")
    assert [row["action"] for row in actions] == ["recordings.given", "recordings.transcribed"]
    consents = await query(api, "SELECT user_id, version FROM consents")
    assert [tuple(row) for row in consents] == [(api.people.alice.user_id, "1")]


@pytest.mark.slow
async def test_what_is_no_recording_or_too_long_is_told_and_the_session_stays_as_it_was(api: Api) -> None:
    session_id = await api.new_session()
    for content, minutes, code in ((OGG, 240, "unreadable"), (wav(speech()[: 2 * RATE_HZ]), 0, "too_long")):
        recording_id = await given(api, session_id, content)
        await run_jobs(api, transcriber_of(api, minutes=minutes))
        item = await shown(api, session_id)
        assert (item["status"], item["error_code"]) == ("failed", code)
        assert item["error"].endswith(".")
        assert await query(api, "SELECT FROM transcripts UNION ALL SELECT FROM usage_intervals") == []
        assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "draft"
        assert (await api.send("DELETE", f"/v1/sessions/{session_id}/recordings/{recording_id}")).status == 204
    await run_jobs(api)
    assert files_of(api) == []


async def test_what_takes_too_much_memory_is_tried_again_and_then_told(api: Api) -> None:
    """The limit is the kernel's; nothing is stored of what was begun."""
    recording_id = UUID(await given(api, session_id := await api.new_session()))
    transcriber = transcriber_of(api, memory_mb=1)
    job = transcriber.handlers()[recordings.TRANSCRIBE_RECORDING]
    assert isinstance(job, Patient)
    with pytest.raises(CrashedError):
        await job.handle(str(recording_id).encode())
    assert (await shown(api, session_id))["status"] == "processing"
    await job.give_up(str(recording_id).encode())
    assert (await shown(api, session_id))["error_code"] == "not_transcribed"


async def test_what_takes_too_long_is_ended_with_all_its_processes(api: Api) -> None:
    recording_id = UUID(await given(api, session_id := await api.new_session()))
    forks = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    engine = Engine(TranscribeSettings((sys.executable, "-c", forks), minutes=0, memory_mb=0), spare_s=1.0)
    await replace(transcriber_of(api), engine=engine).transcribe(recording_id)
    assert (await shown(api, session_id))["error_code"] == "too_slow"


@pytest.mark.slow
@pytest.mark.chaos
async def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_and_the_next_one_stores_it_once(api: Api) -> None:
    """kill -9: what it had begun ends with it, and its job is taken again once it has been silent."""
    session_id = await api.new_session()
    await given(api, session_id)
    folder = api.state.settings.files_folder
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.recording_worker", api.database.jobs_url, str(folder)
    )
    async with asyncio.timeout(60):
        while (engine := begun_by(worker.pid)) is None:
            await asyncio.sleep(0.02)
    worker.kill()
    await worker.wait()
    async with asyncio.timeout(10):
        while Path(f"/proc/{engine}").exists():
            await asyncio.sleep(0.01)
    [job] = await query(api, "SELECT id, status FROM pgqueuer WHERE entrypoint = $1", recordings.TRANSCRIBE_RECORDING)
    assert job["status"] == "picked"
    assert (await shown(api, session_id))["status"] == "processing"
    assert await query(api, "SELECT FROM transcripts") == []

    await query(api, "UPDATE pgqueuer SET heartbeat = now() - interval '1 minute' WHERE id = $1", job["id"])
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(60):
        tasks.create_task(jobs.run_worker(api.database.jobs_url, transcriber_of(api).handlers(), stop))
        while (await shown(api, session_id))["status"] == "processing":
            await asyncio.sleep(0.1)
        stop.set()
    assert (await shown(api, session_id))["status"] == "ready"
    assert len(await query(api, "SELECT FROM transcripts")) == 1
    assert len(await query(api, "SELECT FROM usage_intervals")) == 1


async def test_a_recording_that_is_away_infected_or_beaten_by_a_call_is_told_so(make_api: MakeApi) -> None:
    async with make_api(scanner=ScannerSettings(command="configured")) as api:
        infected, missing, withdrawn, called = [await api.new_session() for _ in range(4)]
        recording_id = await given(api, infected, OGG)
        waiting = await api.get(f"/v1/sessions/{infected}/recordings/{recording_id}")
        assert (waiting.status, waiting.code) == (409, "file_not_scanned")
        scanner = Program([sys.executable, "-c", "import sys; sys.exit(b'OggS' in sys.stdin.buffer.read())"], 30)
        await run_jobs(api, replace(transcriber_of(api), scanner=scanner))
        assert (await shown(api, infected))["error_code"] == "infected"
        assert (await api.get(f"/v1/sessions/{infected}/recordings/{recording_id}")).code == "recording_missing"
        assert files_of(api) == []

        await given(api, missing, OGG)
        for file in files_of(api):
            file.unlink()
        await run_jobs(api)
        assert (await shown(api, missing))["error_code"] == "file_missing"

        await given(api, withdrawn, OGG)
        await query(api, "UPDATE consents SET withdrawn_at = now() WHERE session_id = $1", UUID(withdrawn))
        await run_jobs(api)
        assert (await shown(api, withdrawn))["error_code"] == "consent_withdrawn"

        given_id = UUID(await given(api, called, OGG))
        await api.start_call(called)
        async with transaction(api.jobs) as conn:
            waits = await recordings.find_given(conn, given_id)
        assert waits is not None
        heard = Heard(model="tiny.en", duration_s=1.0, is_cut=False, segments=[])
        with pytest.raises(UnfitError, match="session_not_draft"):
            await transcriber_of(api).store(waits, heard)
        assert await query(api, "SELECT FROM usage_intervals") == []


# limits -------------------------------------------------------------------------------------------------------------


NOT_TAKEN: list[tuple[bytes, dict[str, str], tuple[int, str]]] = [
    (b"", {}, (422, "empty_file")),
    (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", {}, (415, "unsupported_recording")),
    (b"%PDF-1.7", {}, (415, "unsupported_recording")),
    (b"ffconcat version 1.0\nfile /etc/passwd\n", {}, (415, "unsupported_recording")),
    (b"--x\r\n\r\nOggS\r\n--x--", {"Content_Type": "multipart/form-data; boundary=x"}, (415, "unsupported_recording")),
    (OGG, {"Content_Encoding": "gzip"}, (415, "unsupported_recording")),
]


async def test_what_is_not_taken_leaves_nothing(api: Api) -> None:
    session_id = await api.new_session()
    for content, headers, refused in NOT_TAKEN:
        answer = await give(api, session_id, content, **headers)
        assert (answer.status, answer.code) == refused, content
    answer = await api.post(f"/v1/sessions/{session_id}/recordings", data=OGG)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert files_of(api) == []
    assert (await api.get(f"/v1/sessions/{session_id}/recordings")).body == {"items": []}
    assert await query(api, "SELECT FROM session_participants") == []


async def test_it_is_as_large_as_the_plan_says_and_not_larger(api: Api) -> None:
    """Said by its length, or found out on the way."""
    await query(api, "UPDATE plans SET max_file_size_mb = 1")

    async def coming(size: int) -> AsyncIterator[bytes]:
        yield OGG
        for at in range(len(OGG), size, 65_536):
            yield bytes(min(65_536, size - at))

    session_id = await api.new_session()
    for content in (coming(MEGABYTE + 1), OGG + bytes(MEGABYTE)):
        answer = await give(api, session_id, content)
        assert (answer.status, answer.code) == (413, "file_too_large")
    assert files_of(api) == []
    assert (await give(api, session_id, coming(MEGABYTE))).status == 202


async def test_one_is_given_at_a_time_to_a_session_that_had_no_call(api: Api) -> None:
    session_id, live, ended = [await api.new_session() for _ in range(3)]
    answers = await asyncio.gather(*(give(api, session_id, OGG) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"recording_processing"}
    assert len(files_of(api)) == 1
    assert (await api.post(f"/v1/sessions/{session_id}/join", JOINING)).code == "recording_processing"
    await query(api, "UPDATE recordings SET status = 'failed', error_code = 'unreadable'")
    assert (await api.post(f"/v1/sessions/{session_id}/join", JOINING)).code == "no_media_node"
    await api.start_call(live)
    await api.start_call(ended, lease_s=0.0)
    async with transaction(api.media) as conn:
        await sessions.complete_session(conn, UUID(ended), datetime.now(UTC))
    for each in (live, ended):
        answer = await give(api, each, OGG)
        assert (answer.status, answer.code) == (409, "session_not_draft")


async def test_a_session_and_an_organization_have_as_many_as_is_allowed(make_api: MakeApi) -> None:
    async with make_api(transcribe=TranscribeSettings(mb_per_organization=1)) as api:
        await query(api, "UPDATE plans SET max_documents_per_session = 1")
        session_id, other = await api.new_session(), await api.new_session()
        await given(api, session_id, OGG)
        await query(api, "UPDATE recordings SET status = 'failed', error_code = 'unreadable'")
        assert (await give(api, session_id, OGG)).code == "recording_limit"
        assert (await give(api, other, OGG + bytes(MEGABYTE - 2 * len(OGG) + 1))).code == "recording_limit"
        assert (await give(api, other, OGG + bytes(MEGABYTE - 2 * len(OGG)))).status == 202


async def test_who_has_no_minutes_left_gives_none_and_is_charged_for_none(api: Api) -> None:
    """Refused where there are none; told where the recording is longer than what is left, whatever came meanwhile."""
    session_id = await api.new_session()
    given_id = UUID(await given(api, session_id, OGG))
    await query(api, "UPDATE plans SET monthly_audio_minutes_limit = 1, monthly_audio_hours_limit = NULL")
    async with transaction(api.jobs) as conn:
        waits = await recordings.find_given(conn, given_id)
    assert waits is not None
    transcriber = transcriber_of(api)
    with pytest.raises(UnfitError, match="audio_limit"):
        await transcriber.store(waits, Heard(model="tiny.en", duration_s=61.0, is_cut=False, segments=[]))
    assert await query(api, "SELECT FROM usage_intervals") == []
    assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "draft"
    assert await transcriber.store(waits, Heard(model="tiny.en", duration_s=60.0, is_cut=False, segments=[]))
    assert (await api.get(f"/v1/sessions/{session_id}")).body["recording_duration_seconds"] == 60


async def test_the_same_upload_with_the_same_key_happens_once(api: Api) -> None:
    session_id, key = await api.new_session(), "0123456789"
    first = await give(api, session_id, OGG, Idempotency_Key=key)
    second = await give(api, session_id, OGG, Idempotency_Key=key)
    assert (first.status, second.body) == (202, first.body)
    assert len(files_of(api)) == 1
    assert len(await query(api, "SELECT FROM session_participants")) == 1


async def test_a_member_gives_none_to_a_colleagues_session_and_a_stranger_finds_none(api: Api) -> None:
    session_id = await api.new_session()
    recording_id = await given(api, session_id, OGG)
    for who, refused in (("bob", (403, "forbidden")), ("charlie", (404, "not_found"))):
        answer = await give(api, session_id, OGG, who)
        assert (answer.status, answer.code) == refused
        answer = await api.send("DELETE", f"/v1/sessions/{session_id}/recordings/{recording_id}", who)
        assert (answer.status, answer.code) == refused
    assert len(files_of(api)) == 1


# taken away ---------------------------------------------------------------------------------------------------------


async def test_deleting_one_removes_its_file_and_what_was_written_down_and_not_the_usage(api: Api) -> None:
    session_id = await api.new_session()
    recording_id = await given(api, session_id, OGG)
    async with transaction(api.jobs) as conn:
        waits = await recordings.find_given(conn, UUID(recording_id))
    assert waits is not None
    said = [Segment(start_ms=0, end_ms=900, text="The budget is ten.", confidence=0.9, language="en")]
    await transcriber_of(api).store(waits, Heard(model="tiny.en", duration_s=1.0, is_cut=False, segments=said))
    assert await Finalizer(api.jobs, None).finalize(UUID(session_id)) == "completed"
    path = f"/v1/sessions/{session_id}/recordings/{recording_id}"
    assert (await api.send("DELETE", path)).status == 204
    assert (await api.send("DELETE", path)).status == 404
    assert (await api.get(path)).status == 404
    assert recordings.ERASE_RECORDING in await run_jobs(api)
    assert files_of(api) == []
    assert (await api.get(f"/v1/sessions/{session_id}/transcript")).body["items"] == []
    assert (await api.get(f"/v1/sessions/{session_id}/summary")).code == "summary_not_found"
    assert (await api.get("/v1/search?q=budget")).body["items"] == []
    assert await query(api, "SELECT FROM session_events WHERE payload::text LIKE '%budget%'") == []
    session = (await api.get(f"/v1/sessions/{session_id}")).body
    assert (session["total_words_spoken"], session["recording_duration_seconds"]) == (0, 1)


async def test_one_that_is_deleted_while_it_is_written_down_leaves_nothing(api: Api) -> None:
    session_id = await api.new_session()
    recording_id = await given(api, session_id, OGG)
    async with transaction(api.jobs) as conn:
        waits = await recordings.find_given(conn, UUID(recording_id))
    assert waits is not None
    assert (await api.send("DELETE", f"/v1/sessions/{session_id}/recordings/{recording_id}")).status == 204
    assert not await transcriber_of(api).store(waits, Heard(model="m", duration_s=1.0, is_cut=False, segments=[]))
    await run_jobs(api)
    assert files_of(api) == []
    assert (await api.get(f"/v1/sessions/{session_id}")).body["status"] == "draft"


async def test_one_whose_session_was_deleted_for_a_while_is_written_down_once_it_is_restored(api: Api) -> None:
    session_id = await api.new_session()
    recording_id = await given(api, session_id, OGG)
    assert (await api.send("DELETE", f"/v1/sessions/{session_id}")).status == 204
    await run_jobs(api)
    assert (await api.post(f"/v1/sessions/{session_id}/restore")).status == 200
    waiting = await query(api, "SELECT convert_from(payload, 'UTF8') AS id FROM pgqueuer")
    assert [row["id"] for row in waiting] == [recording_id]


async def test_an_erased_session_takes_its_recording_along(api: Api) -> None:
    session_id = await api.new_session()
    await given(api, session_id, OGG)
    assert (await api.send("DELETE", f"/v1/sessions/{session_id}")).status == 204
    await Eraser(partial(transaction, api.jobs), storage=api.state.storage).erase_deleted_session(UUID(session_id))
    await run_jobs(api)
    assert files_of(api) == []
    assert await query(api, "SELECT FROM recordings") == []


async def test_an_upload_that_a_crash_cut_short_is_tidied_up(api: Api) -> None:
    await given(api, await api.new_session(), OGG)
    storage = api.state.storage
    assert storage is not None

    async def left() -> AsyncIterator[bytes]:
        yield b"left behind"

    await storage.write("recordings/left", left())
    await transcriber_of(api).tidy("recordings/left")
    [file] = files_of(api)
    await transcriber_of(api).tidy(f"recordings/{file.name}")
    assert file.read_bytes() == OGG
