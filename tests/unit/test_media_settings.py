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


def test_a_node_takes_a_hundred_people_unless_the_owner_says_otherwise() -> None:
    assert read_settings(NEEDED).node_participants == 100
    assert read_settings({**NEEDED, "LIVECONVO_NODE_PARTICIPANTS": "7"}).node_participants == 7
    with pytest.raises(SettingError, match="LIVECONVO_NODE_PARTICIPANTS"):
        read_settings({**NEEDED, "LIVECONVO_NODE_PARTICIPANTS": "0"})


def test_calls_use_any_port_unless_the_owner_names_some() -> None:
    assert read_settings(NEEDED).udp_ports is None
    assert read_settings({**NEEDED, "LIVECONVO_UDP_PORTS": "20000-20099"}).udp_ports == range(20000, 20100)
    assert read_settings({**NEEDED, "LIVECONVO_UDP_PORTS": "65535-65535"}).udp_ports == range(65535, 65536)


@pytest.mark.parametrize("ports", ["20000", "20099-20000", "80-90", "20000-65536", "a-b", "-5", "20000-"])
def test_what_is_no_range_of_ports_is_refused(ports: str) -> None:
    with pytest.raises(SettingError, match="LIVECONVO_UDP_PORTS"):
        read_settings({**NEEDED, "LIVECONVO_UDP_PORTS": ports})
