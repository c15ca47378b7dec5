"""Whose address counts, behind proxies that are ours and those that are not."""

from __future__ import annotations

import pytest

from control_api.errors import SettingsError
from control_api.settings import read_settings
from control_api.visitors import MAX_HOPS, address_behind
from control_api.webhooks.destinations import read_networks

OURS = read_networks("10.0.0.0/8,127.0.0.1,fd00::/8")
NEEDED = {"DATABASE_URL": "postgresql://a:b@h/d", "LIVECONVO_JOBS_DATABASE_URL": "postgresql://c:d@h/d"}


@pytest.mark.parametrize(("peer", "said", "found"), [
    ("203.0.113.9", [], "203.0.113.9"),
    ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # a stranger says so
    ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ("10.0.0.1", ["192.0.2.7", "198.51.100.1"], "198.51.100.1"),  # what was said before it reached us
    ("127.0.0.1", ["198.51.100.1", " 10.0.0.2"], "198.51.100.1"),  # two of ours
    ("::ffff:127.0.0.1", ["198.51.100.1:5000"], "198.51.100.1"),
    ("fd00::1", ["[2001:db8::5]:443"], "2001:db8::5"),
    ("10.0.0.1", ["unknown"], "10.0.0.1"),
    ("10.0.0.1", ["198.51.100.1", ""], "10.0.0.1"),
    ("10.0.0.1", [], "10.0.0.1"),
    ("", ["198.51.100.1"], ""),
])  # fmt: skip
def test_the_last_address_that_is_no_proxy_of_ours(peer: str, said: list[str], found: str) -> None:
    assert address_behind(peer, said, OURS) == found


def test_without_proxies_nothing_that_is_said_counts() -> None:
    assert address_behind("127.0.0.1", ["198.51.100.1"], ()) == "127.0.0.1"


def test_a_chain_without_an_end_is_read_up_to_a_bound() -> None:
    assert address_behind("10.0.0.1", ["198.51.100.1", *["10.0.0.2"] * MAX_HOPS], OURS) == "10.0.0.2"


def test_proxies_are_networks_of_a_setting() -> None:
    assert read_settings(NEEDED).trusted_proxies == ()
    named = read_settings(NEEDED | {"LIVECONVO_TRUSTED_PROXIES": "127.0.0.1, fd00::/8"}).trusted_proxies
    assert [str(network) for network in named] == ["127.0.0.1/32", "fd00::/8"]
    with pytest.raises(SettingsError, match="LIVECONVO_TRUSTED_PROXIES"):
        read_settings(NEEDED | {"LIVECONVO_TRUSTED_PROXIES": "proxy.internal"})
