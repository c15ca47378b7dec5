"""Whether the database's account can reach a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.paths import throwaway_folder
from deploy.service_user import ServiceUser, obstacle

STRANGER = ServiceUser(uid=54_321, gid=54_321)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may pass through, unlike pytest's own."""
    with throwaway_folder() as folder:
        yield folder


@pytest.fixture
def private(folder: Path) -> Path:
    """A folder in it that only its owner may enter."""
    private = folder / "private"
    private.mkdir(mode=0o700)
    return private.resolve()


def test_open_way_has_no_obstacle(folder: Path) -> None:
    assert obstacle(folder, STRANGER) is None


def test_private_folder_is_named_as_the_obstacle(private: Path) -> None:
    (private / "data").mkdir()
    assert obstacle(private / "data", STRANGER) == private


def test_owner_passes_through_a_private_folder(private: Path) -> None:
    status = private.stat()
    assert obstacle(private, ServiceUser(status.st_uid, status.st_gid)) is None


def test_who_runs_the_database_as_himself_meets_no_obstacle() -> None:
    assert obstacle(Path("/root/anything"), None) is None
