"""Files in a folder and in a bucket: the same promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from control_api.settings import Settings, SettingsError, read_settings
from control_api.storage import FileMissingError, Storage, StorageAwayError, open_storage
from tests.s3_server import bucket_storage, folder_storage, s3_server

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return folder_storage(tmp_path)
    return bucket_storage(request.getfixturevalue("s3"))


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def breaking(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content
    raise ValueError("the line broke")


async def whole(storage: Storage, key: str) -> bytes:
    return b"".join([piece async for piece in storage.read(key)])


@pytest.mark.parametrize("size", [0, 1, MEGABYTE, 12 * MEGABYTE + 1])
async def test_what_is_written_is_read(storage: Storage, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await storage.write("documents/a", pieces(*(content[at : at + MEGABYTE] for at in range(0, size, MEGABYTE))))
    assert await whole(storage, "documents/a") == content


async def test_a_file_that_broke_off_is_not_there(storage: Storage) -> None:
    with pytest.raises(ValueError, match="broke"):
        await storage.write("documents/broken", breaking(*[bytes(MEGABYTE)] * 7))
    with pytest.raises(FileMissingError):
        await whole(storage, "documents/broken")


async def test_nothing_of_what_broke_off_is_left_in_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broke"):
        await folder_storage(tmp_path).write("documents/broken", breaking(*[bytes(MEGABYTE)] * 7))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


async def test_what_is_removed_is_gone_and_may_be_removed_again(storage: Storage) -> None:
    await storage.write("documents/b", pieces(b"words"))
    await storage.remove("documents/b")
    await storage.remove("documents/b")
    with pytest.raises(FileMissingError):
        await whole(storage, "documents/b")


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "a/../../secret", ""])
async def test_no_key_leads_out(storage: Storage, key: str) -> None:
    with pytest.raises(FileMissingError):
        await whole(storage, key)
    with pytest.raises(FileMissingError):
        await storage.remove(key)
    with pytest.raises(FileMissingError):
        await storage.write(key, pieces(b"x"))


async def test_no_link_leads_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept")
    storage = folder_storage(tmp_path / "files")
    (tmp_path / "files" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(FileMissingError):
        await whole(storage, "link")


async def test_a_place_that_is_away_is_told_as_away(tmp_path: Path) -> None:
    bucket = bucket_storage("http://127.0.0.1:1")
    for attempt in (bucket.write("a", pieces(b"x")), whole(bucket, "a"), bucket.remove("a")):
        with pytest.raises(StorageAwayError):
            await attempt
    (tmp_path / "documents").write_text("a file where a folder should be")
    with pytest.raises(StorageAwayError):
        await folder_storage(tmp_path).write("documents/a", pieces(b"x"))


# settings -----------------------------------------------------------------------------------------------------------

GIVEN = {"DATABASE_URL": "postgres://x", "LIVECONVO_JOBS_DATABASE_URL": "postgres://y"}


def test_without_a_place_no_files_are_kept() -> None:
    assert open_storage(Settings("", "")) is None


@pytest.mark.parametrize("url", ["http://bucket", "s3://", "s3://b?x=1", "bucket"])
def test_an_address_that_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        read_settings(GIVEN | {"LIVECONVO_FILES_S3": url})


def test_two_places_are_refused() -> None:
    with pytest.raises(SettingsError):
        read_settings(GIVEN | {"LIVECONVO_FILES_S3": "s3://b", "LIVECONVO_FILES_DIR": "/files"})


def test_a_bucket_is_read_from_the_environment_and_its_secret_is_not_shown() -> None:
    read = read_settings(GIVEN | {"LIVECONVO_FILES_S3": "s3://b/p", "AWS_SECRET_ACCESS_KEY": "hidden"}).bucket
    assert (read.url, read.secret_access_key) == ("s3://b/p", "hidden")
    assert "hidden" not in repr(read)
