"""Who may use the TURN server, and what it relays to."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aioice import stun, turn

from tests.coturn import (
    ENTRYPOINT,
    WAIT_S,
    Coturn,
    allocation,
    allocation_error,
    client,
    credentials,
    peer_errors,
    relayed_echo,
    require_coturn,
    running_coturn,
)
from tests.turn_peers import IPV6_PEERS, PRIVATE_PEERS, PUBLIC_PEERS

QUOTA = 12


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """As in production."""
    require_coturn()
    with running_coturn(tmp_path_factory.mktemp("turn")) as server:
        yield server


@pytest.fixture(scope="module")
def loopback_coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """With the two settings for tests: it relays to 127.0.0.1 too."""
    require_coturn()
    folder = tmp_path_factory.mktemp("turn")
    with running_coturn(folder, "--allow-loopback-peers", LIVECONVO_TURN_MEDIA_ADDRESSES="127.0.0.1") as server:
        yield server


async def test_credentials_of_the_control_api_are_accepted(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(coturn.secret)) is None


async def test_credentials_of_the_previous_secret_are_accepted_while_it_is_set(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(coturn.previous_secret)) is None


async def test_credentials_of_the_previous_secret_are_refused_once_it_is_taken_away(tmp_path: Path) -> None:
    require_coturn()
    with running_coturn(tmp_path, LIVECONVO_TURN_SECRET_PREVIOUS="") as server:
        assert await allocation_error(server, *credentials(server.previous_secret)) == 401
        assert await allocation_error(server, *credentials(server.secret)) is None


async def test_the_first_clients_of_a_fresh_server_are_let_in_however_many_come_at_once(tmp_path: Path) -> None:
    require_coturn()
    with running_coturn(tmp_path) as server:
        users = [credentials(server.secret) for _ in range(60)]
        refused = await asyncio.gather(*(allocation_error(server, *user) for user in users))
    assert set(refused) == {None}


async def test_credentials_of_another_secret_are_refused(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(secrets.token_hex(32))) == 401


def test_credentials_last_five_minutes_and_name_their_participant() -> None:
    participant_id = uuid4()
    expiry, named = credentials("x" * 40, participant_id=participant_id)[0].split(":")
    assert 0 < int(expiry) - time.time() <= 300
    assert named == str(participant_id)


async def test_expired_credentials_are_refused(coturn: Coturn) -> None:
    assert await allocation_error(coturn, *credentials(coturn.secret, age_s=24 * 3600)) == 401


async def test_a_credential_of_another_participant_is_refused(coturn: Coturn) -> None:
    alice, _ = credentials(coturn.secret)
    _, password_of_bob = credentials(coturn.secret)
    assert await allocation_error(coturn, alice, password_of_bob) == 401


async def test_credentials_that_were_made_to_last_longer_are_refused(coturn: Coturn) -> None:
    username, password = credentials(coturn.secret)
    expiry, participant_id = username.split(":")
    assert await allocation_error(coturn, f"{int(expiry) + 3600}:{participant_id}", password) == 401


async def test_nobody_relays_without_credentials(coturn: Coturn) -> None:
    async with asyncio.timeout(WAIT_S), client(coturn, "", "") as stranger:
        request = stun.Message(message_method=stun.Method.ALLOCATE, message_class=stun.Class.REQUEST)
        request.attributes["REQUESTED-TRANSPORT"] = turn.UDP_TRANSPORT
        with pytest.raises(stun.TransactionFailed) as refusal:
            await stranger.request(request)
    assert refusal.value.response.error_code == 401


async def test_a_participant_holds_a_limited_number_of_allocations(coturn: Coturn) -> None:
    participant_id = uuid4()
    async with asyncio.timeout(WAIT_S), contextlib.AsyncExitStack() as stack:
        for _ in range(QUOTA):
            held = allocation(coturn, *credentials(coturn.secret, participant_id=participant_id))
            await stack.enter_async_context(held)
        refused = await allocation_error(coturn, *credentials(coturn.secret, participant_id=participant_id))
        of_somebody_else = await allocation_error(coturn, *credentials(coturn.secret))
    assert (refused, of_somebody_else) == (486, None)


async def test_whoever_asks_for_five_hundred_allocations_takes_nobody_elses_place(coturn: Coturn) -> None:
    greedy = credentials(coturn.secret)
    held = contextlib.AsyncExitStack()

    async def one_more() -> int | None:
        try:
            await held.enter_async_context(allocation(coturn, *greedy))
        except stun.TransactionFailed as refusal:
            return int(refusal.response.error_code)
        return None

    async with asyncio.timeout(30), held:
        granted = [await one_more() for _ in range(500)].count(None)
        of_somebody_else = await allocation_error(coturn, *credentials(coturn.secret))
    assert (granted, of_somebody_else) == (QUOTA, None)


@pytest.mark.parametrize("peer", PUBLIC_PEERS)
async def test_public_peers_are_granted(coturn: Coturn, peer: str) -> None:
    assert await peer_errors(coturn, peer) == {None}


@pytest.mark.parametrize("peer", PRIVATE_PEERS)
async def test_private_and_special_peers_are_refused(coturn: Coturn, peer: str) -> None:
    assert await peer_errors(coturn, peer) == {403}


async def test_the_relays_own_addresses_are_refused_though_they_are_public(tmp_path: Path) -> None:
    require_coturn()
    with running_coturn(tmp_path, LIVECONVO_TURN_EXTERNAL_IP="8.8.8.8") as server:
        assert [await peer_errors(server, peer) for peer in ("8.8.8.8", "8.8.4.4")] == [{403}, {None}]


@pytest.mark.parametrize("peer", IPV6_PEERS)
async def test_ipv6_peers_are_refused(coturn: Coturn, peer: str) -> None:
    assert ipaddress.ip_address(peer).version == 6
    assert await peer_errors(coturn, peer) <= {403, 443}


@pytest.mark.parametrize("peer", [p for p in PRIVATE_PEERS if p != "127.0.0.1"])
async def test_naming_one_media_server_opens_no_other_address(loopback_coturn: Coturn, peer: str) -> None:
    assert await peer_errors(loopback_coturn, peer) == {403}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_speech_reaches_a_media_server_that_was_named(loopback_coturn: Coturn, transport: str) -> None:
    assert await relayed_echo(loopback_coturn, transport) == b"anybody there?"


async def test_a_binding_request_of_a_stranger_gets_no_answer(coturn: Coturn) -> None:
    async with client(coturn, "", "") as stranger:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await stranger.request(
                    stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
                )


async def test_the_log_holds_no_secret(coturn: Coturn) -> None:
    username, password = credentials(coturn.secret)
    await allocation_error(coturn, username, password)
    await allocation_error(coturn, username, password + "x")
    log = coturn.log.read_text()
    assert not [s for s in (coturn.secret, coturn.previous_secret, password) if s in log]


def test_the_finished_configuration_is_readable_by_its_owner_only(coturn: Coturn) -> None:
    assert (coturn.log.parent / "turnserver.conf").stat().st_mode & 0o777 == 0o600


GOOD = {"LIVECONVO_TURN_SECRET": "0123456789abcdef0123456789abcdef", "LIVECONVO_TURN_ADDRESS": "127.0.0.1"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"LIVECONVO_TURN_SECRET": ""}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET": "0123456789abcdef0123456789abcde"}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET": "ab" * 32}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET": GOOD["LIVECONVO_TURN_SECRET"] + "\nno-auth"}, "LIVECONVO_TURN_SECRET "),
        ({"LIVECONVO_TURN_SECRET_PREVIOUS": "short"}, "LIVECONVO_TURN_SECRET_PREVIOUS "),
        ({"LIVECONVO_TURN_REALM": "a\nno-auth"}, "LIVECONVO_TURN_REALM "),
        ({"LIVECONVO_TURN_ADDRESS": "::1"}, "LIVECONVO_TURN_ADDRESS "),
        ({"LIVECONVO_TURN_EXTERNAL_IP": "turn.example.org"}, "LIVECONVO_TURN_EXTERNAL_IP "),
        ({"LIVECONVO_TURN_MEDIA_ADDRESSES": "10.0.0.5,10.0.0.0-10.0.0.9"}, "LIVECONVO_TURN_MEDIA_ADDRESSES "),
        ({"LIVECONVO_TURN_PORT": "65536"}, "LIVECONVO_TURN_PORT "),
        ({"LIVECONVO_TURN_MIN_PORT": "50000", "LIVECONVO_TURN_MAX_PORT": "49999"}, "LIVECONVO_TURN_MIN_PORT "),
        ({"LIVECONVO_TURN_CERTIFICATE": "/nowhere.crt"}, "LIVECONVO_TURN_CERTIFICATE "),
    ],
)
def test_it_does_not_start_with_an_unsafe_setting(settings: dict[str, str], named: str) -> None:
    environment = {"PATH": os.environ["PATH"], **GOOD, **settings}
    stopped = subprocess.run([ENTRYPOINT], env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert stopped.returncode == 78
    assert named in stopped.stderr
