"""Where webhooks go: public https addresses, in whatever spelling a private one comes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.errors import SettingsError
from control_api.settings import read_settings
from control_api.webhooks.destinations import (
    MAX_URL,
    RefusedUrlError,
    as_number,
    check_addresses,
    may_reach,
    parsed_url,
    read_networks,
)

PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2a00:1450:4001::1")
NEVER = (
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "0.1.2.3",
    "100.64.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "203.0.113.5",
    "169.254.169.254",  # Amazon, Google, Microsoft
    "100.100.100.200",  # Alibaba
    "192.0.0.192",  # Oracle
    "168.63.129.16",  # Azure's host
    "fd00:ec2::254",  # Amazon
    "::1", "::", "fe80::1", "fec0::1", "fc00::1", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::", "::7f00:1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
)  # fmt: skip
SPELLINGS = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
    "2852039166", "0xa9fea9fe", "2130706433.", "1.2.3.4.5", "0", "0.0", "[::1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[fe80::1%25eth0]", "[fd00:ec2::254]",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_reached(address: str) -> None:
    assert may_reach(ip_address(address), ())


@pytest.mark.parametrize("address", NEVER)
def test_one_that_is_not_public_is_not(address: str) -> None:
    assert not may_reach(ip_address(address), ())
    with pytest.raises(RefusedUrlError):
        check_addresses("https", [ip_address(PUBLIC[0]), ip_address(address)], ())


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_hides_it(host: str) -> None:
    with pytest.raises(RefusedUrlError):
        parsed_url(f"https://{host}/hook", ())


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_means_the_same_inside_an_ipv6_one(number: int) -> None:
    expected = may_reach(IPv4Address(number), ())
    assert may_reach(IPv6Address((0xFFFF << 32) | number), ()) == expected
    assert may_reach(IPv6Address((0x64FF9B << 96) | number), ()) == expected
    assert as_number(str(number)) == IPv4Address(number)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook", "ftp://example.org", "example.org/hook", "https://", "https:///hook",
        "https://user@example.org", "https://user:secret@example.org/", "https://example.org/#part",
        "https://example.org\\@127.0.0.1/", "https://exa mple.org/", "https://example.org:0/",
        "https://example.org:99999/", "https://example.org/\n", "https://exämple.org/", "https://example.org/\x00",
        "https://[::1", "https://example.org:port/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_https_address_is_refused(url: str) -> None:
    with pytest.raises(RefusedUrlError):
        parsed_url(url, ())


def test_an_address_has_a_length() -> None:
    url = "https://example.org/" + "x" * (MAX_URL - len("https://example.org/"))
    assert parsed_url(url, ()).path.startswith("/xxx")
    with pytest.raises(RefusedUrlError):
        parsed_url(url + "x", ())


def test_what_the_installation_names_is_reached_over_http_and_nothing_else_is() -> None:
    allowed = read_networks("127.0.0.1, 10.1.0.0/16")
    assert parsed_url("http://127.0.0.1:9000/hook", allowed).port == 9000
    assert parsed_url("http://hooks.internal/", allowed).host == "hooks.internal"
    check_addresses("http", [ip_address("10.1.2.3")], allowed)
    for scheme, address in (("http", "1.1.1.1"), ("https", "10.2.0.1"), ("http", "127.0.0.2")):
        with pytest.raises(RefusedUrlError):
            check_addresses(scheme, [ip_address(address)], allowed)
    with pytest.raises(RefusedUrlError):
        check_addresses("https", [], allowed)


def test_the_setting_names_networks() -> None:
    values = {"DATABASE_URL": "postgresql://x", "LIVECONVO_JOBS_DATABASE_URL": "postgresql://y"}
    assert read_settings(values).webhook_networks == ()
    named = read_settings(values | {"LIVECONVO_WEBHOOK_NETWORKS": "127.0.0.1,fd00::/8"})
    assert named.webhook_networks == (ip_network("127.0.0.1/32"), ip_network("fd00::/8"))
    with pytest.raises(SettingsError, match="LIVECONVO_WEBHOOK_NETWORKS"):
        read_settings(values | {"LIVECONVO_WEBHOOK_NETWORKS": "localhost"})
