"""A media node's settings: what is missing or makes no sense is refused by name."""

from __future__ import annotations

import pytest

from media_server.errors import SettingError
from media_server.settings import read_settings

NEEDED = {"DATABASE_URL": "postgresql://media@db/liveconvo", "LIVECONVO_DATA_DIR": "/data"}


def test_the_spool_may_take_a_gigabyte_unless_the_owner_says_otherwise() -> None:
    assert read_settings(NEEDED).spool_bytes == 1024**3
    assert read_settings({**NEEDED, "LIVECONVO_SPOOL_MB": "1"}).spool_bytes == 1024**2


@pytest.mark.parametrize("size", ["0", "0.9", "-1", "much"])
def test_a_spool_too_small_for_a_call_is_refused(size: str) -> None:
    with pytest.raises(SettingError, match="LIVECONVO_SPOOL_MB"):
        read_settings({**NEEDED, "LIVECONVO_SPOOL_MB": size})


@pytest.mark.parametrize("name", list(NEEDED))
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingError, match=name):
        read_settings({key: value for key, value in NEEDED.items() if key != name})
