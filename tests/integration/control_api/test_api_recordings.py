"""Recordings over HTTP: their list, their files, and parts of them (T48)."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from multidict import CIMultiDict

from db import recordings
from db.pool import transaction
from tests.api import Api, MakeApi

SOUND = bytes(range(256)) * 4_000
"""Longer than what is read at a time."""


@pytest.fixture
async def api(make_api: MakeApi, tmp_path: Path) -> AsyncIterator[Api]:
    async with make_api(files_folder=tmp_path) as api:
        yield api


async def recorded(
    api: Api, tmp_path: Path, *, media_type: str = "audio/ogg", sound: bytes | None = SOUND, who: str = "alice"
) -> tuple[str, UUID]:
    """A session, and its recording."""
    session_id, recording_id = await api.new_session(who), uuid4()
    await api.start_call(session_id, lease_s=0.0)
    if sound is not None:
        (tmp_path / "audio").mkdir(exist_ok=True)
        (tmp_path / "audio" / f"{recording_id}.ogg").write_bytes(sound)
    organization_id: UUID = getattr(api.people, who).organization_id
    async with transaction(api.media) as conn:
        await recordings.insert_recording(
            conn,
            recordings.NewRecording(
                recording_id, UUID(session_id), organization_id, f"audio/{recording_id}.ogg", media_type, 1_000, 2_000,
                len(SOUND), hashlib.sha256(SOUND).digest(),
            ),
        )  # fmt: skip
    return f"/v1/sessions/{session_id}/recordings", recording_id


async def fetch(api: Api, path: str, who: str = "alice", **headers: str) -> tuple[int, bytes, CIMultiDict[str]]:
    sent = {"Authorization": f"Bearer {api.tokens[who]}", **{name.replace("_", "-"): v for name, v in headers.items()}}
    async with api.client.get(path, headers=sent) as response:
        return response.status, await response.read(), CIMultiDict(response.headers)


async def test_what_was_recorded_is_listed_for_who_reads_the_session(api: Api, tmp_path: Path) -> None:
    path, recording_id = await recorded(api, tmp_path)
    [item] = (await api.get(path, "bob")).body["items"]
    assert item["id"] == str(recording_id)
    assert (item["media_type"], item["started_at_ms"], item["duration_ms"]) == ("audio/ogg", 1_000, 2_000)
    assert item["size_bytes"] == len(SOUND)
    assert not {"storage_key", "sha256"} & item.keys()
    assert (await api.get(path, "charlie")).status == 404


async def test_a_file_is_taken_along_and_never_shown(api: Api, tmp_path: Path) -> None:
    path, recording_id = await recorded(api, tmp_path)
    status, body, headers = await fetch(api, f"{path}/{recording_id}", "bob")
    assert (status, body) == (200, SOUND)
    assert headers["Content-Type"] == "audio/ogg"
    assert headers["Content-Disposition"] == f'attachment; filename="recording-{recording_id}.ogg"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "sandbox" in headers["Content-Security-Policy"]


async def test_what_a_row_calls_html_is_bytes(api: Api, tmp_path: Path) -> None:
    path, recording_id = await recorded(api, tmp_path, media_type="text/html", sound=b"<script>" + SOUND[8:])
    _, _, headers = await fetch(api, f"{path}/{recording_id}")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].endswith('.bin"')


async def test_parts_are_given_and_put_together_make_the_file(api: Api, tmp_path: Path) -> None:
    path, recording_id = await recorded(api, tmp_path)
    path = f"{path}/{recording_id}"
    status, first, headers = await fetch(api, path, Range="bytes=0-499999")
    assert (status, len(first)) == (206, 500_000)
    assert headers["Content-Range"] == f"bytes 0-499999/{len(SOUND)}"
    status, rest, _ = await fetch(api, path, Range="bytes=500000-", If_Range=headers["ETag"])
    assert (status, first + rest) == (206, SOUND)
    assert (await fetch(api, path, Range="bytes=-3"))[:2] == (206, SOUND[-3:])
    assert (await fetch(api, path, Range="bytes=7-7"))[:2] == (206, SOUND[7:8])
    assert (await fetch(api, path, Range="bytes=500000-", If_Range='"another"'))[:2] == (200, SOUND)
    assert (await fetch(api, path, Range="bytes=0-1,5-6"))[:2] == (200, SOUND)


async def test_what_lies_behind_the_end_is_416(api: Api, tmp_path: Path) -> None:
    path, recording_id = await recorded(api, tmp_path)
    answer = await api.get(f"{path}/{recording_id}", headers={"Range": f"bytes={len(SOUND)}-"})
    assert (answer.status, answer.code) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"


@pytest.mark.parametrize("who", ["charlie"])
async def test_a_link_of_another_organization_opens_nothing(api: Api, tmp_path: Path, who: str) -> None:
    path, recording_id = await recorded(api, tmp_path)
    other, _ = await recorded(api, tmp_path)
    foreign, foreign_id = await recorded(api, tmp_path, who=who)
    answers: list[Any] = [
        await api.get(f"{path}/{recording_id}", who),
        await api.get(f"{foreign}/{recording_id}", who),
        await api.get(f"{other}/{recording_id}"),
        await api.get(f"{path}/{foreign_id}"),
        await api.get(f"{path}/{uuid4()}"),
    ]
    assert {(answer.status, answer.code) for answer in answers} == {(404, "not_found")}
    await api.send("DELETE", path.removesuffix("/recordings"))
    assert (await api.get(f"{path}/{recording_id}")).status == 404


async def test_a_file_that_is_gone_is_told_as_such(api: Api, make_api: MakeApi, tmp_path: Path) -> None:
    path, recording_id = await recorded(api, tmp_path, sound=None)
    answer = await api.get(f"{path}/{recording_id}")
    assert (answer.status, answer.code) == (404, "recording_missing")
