"""`liveconvo doctor --network`: each way that a call's packets may take, and what to do about one that is blocked."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy import line_probe, turn_probe
from deploy.cli import main
from deploy.paths import throwaway_folder
from deploy.ports import free_port, free_ports
from media_server.rtc.addresses import offer_addresses
from tests.coturn import Coturn, require_coturn, running_coturn

pytestmark = pytest.mark.slow

SETTINGS = (
    "DATABASE_URL",
    "LIVECONVO_OWNER_DATABASE_URL",
    "REDIS_URL",
    "LIVECONVO_PUBLIC_ORIGIN",
    "LIVECONVO_MEDIA_URL",
)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIVECONVO_ICE_ADDRESSES", "127.0.0.1")
    yield
    offer_addresses(())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is wrong: few packets where all is well, and short waits."""
    monkeypatch.setattr(line_probe, "PACKETS", 3)
    monkeypatch.setattr(turn_probe, "ANSWER_S", 1.5)


@pytest.fixture(scope="module")
def loopback_coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    require_coturn()
    folder = tmp_path_factory.mktemp("turn")
    with running_coturn(folder, "--allow-loopback-peers", LIVECONVO_TURN_MEDIA_ADDRESSES="127.0.0.1") as server:
        yield server


Findings = Mapping[str, dict[str, Any]]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, urls: str = "", secret: str = "", port: int | None = None) -> tuple[int, Findings]:
        monkeypatch.setenv("LIVECONVO_TURN_URLS", urls)
        monkeypatch.setenv("LIVECONVO_TURN_SECRET", secret)
        with throwaway_folder() as folder:
            asked = ["doctor", "--json", "--network", "--port", str(port or free_ports(2)), "--data-dir"]
            code = main([*asked, str(folder / "data"), *arguments])
        return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}

    return run


def turn_url(server: Coturn, transport: str) -> str:
    host, port = server.address
    return f"turn:{host}:{port}?transport={transport}"


def verdict(findings: Findings, name: str) -> tuple[str, str | None]:
    return findings[name]["verdict"], findings[name]["code"]


def test_udp_and_a_turn_server_over_udp_and_tcp_are_walked(doctor: Any, loopback_coturn: Coturn) -> None:
    urls = ",".join(turn_url(loopback_coturn, transport) for transport in ("udp", "tcp"))
    code, findings = doctor(urls=urls, secret=loopback_coturn.secret)
    ways = {name: findings[name]["figures"] for name in ("UDP 127.0.0.1", "TURN udp", "TURN tcp")}
    assert code == 0
    assert {verdict(findings, name) for name in ways} <= {("ok", None), ("note", "loss")}
    for figures in ways.values():
        assert figures["connect_ms"] > 0
        assert figures["rtt_ms"] > 0
        assert 0 <= figures["lost"] < 50


@pytest.mark.usefixtures("quick")
def test_another_secret_is_named(doctor: Any, loopback_coturn: Coturn) -> None:
    code, findings = doctor(urls=turn_url(loopback_coturn, "udp"), secret="x" * 40)
    assert (code, verdict(findings, "TURN udp")) == (1, ("problem", "secret"))
    assert "LIVECONVO_TURN_SECRET" in findings["TURN udp"]["fix"]


@pytest.mark.usefixtures("quick")
def test_a_clock_that_is_behind_is_told_from_another_secret(
    doctor: Any, loopback_coturn: Coturn, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_time = time.time
    monkeypatch.setattr(turn_probe.time, "time", lambda: true_time() - 3600)
    code, findings = doctor(urls=turn_url(loopback_coturn, "udp"), secret=loopback_coturn.secret)
    assert (code, verdict(findings, "TURN udp")) == (1, ("problem", "clock"))


@pytest.mark.usefixtures("quick")
def test_a_missing_secret_is_named(doctor: Any, loopback_coturn: Coturn) -> None:
    code, findings = doctor(urls=turn_url(loopback_coturn, "udp"))
    assert (code, verdict(findings, "TURN udp")) == (1, ("problem", "no_secret"))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_closed_port_is_named(doctor: Any, transport: str) -> None:
    port = free_port()
    code, findings = doctor(urls=f"turn:127.0.0.1:{port}?transport={transport}", secret="x" * 40)
    assert (code, verdict(findings, f"TURN {transport}")) == (1, ("problem", "closed"))
    assert str(port) in findings[f"TURN {transport}"]["detail"]


@pytest.mark.usefixtures("quick")
def test_where_udp_is_blocked_and_tcp_is_not_calls_work_and_it_is_said_how(
    doctor: Any, loopback_coturn: Coturn
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))  # takes what comes and never answers, as a firewall does
        urls = f"turn:127.0.0.1:{hole.getsockname()[1]}?transport=udp,{turn_url(loopback_coturn, 'tcp')}"
        code, findings = doctor(urls=urls, secret=loopback_coturn.secret)
    assert (code, verdict(findings, "TURN udp")) == (0, ("note", "silent"))
    assert "TURN tcp works and is used instead" in findings["TURN udp"]["detail"]
    assert "firewall" in findings["TURN udp"]["fix"]
    assert findings["TURN tcp"]["figures"] is not None


@pytest.mark.usefixtures("quick")
def test_a_relay_that_may_not_reach_this_machine_is_named(doctor: Any, tmp_path: Path) -> None:
    require_coturn()
    with running_coturn(tmp_path) as server:
        code, findings = doctor(urls=turn_url(server, "udp"), secret=server.secret)
    assert (code, verdict(findings, "TURN udp")) == (1, ("problem", "peers_denied"))
    assert "LIVECONVO_TURN_MEDIA_ADDRESSES" in findings["TURN udp"]["fix"]


@pytest.mark.usefixtures("quick")
def test_a_certificate_that_nobody_trusts_is_named(doctor: Any, loopback_coturn: Coturn) -> None:
    host, port = loopback_coturn.tls_address
    code, findings = doctor(urls=f"turns:{host}:{port}", secret=loopback_coturn.secret)
    assert (code, verdict(findings, "TURN tls")) == (1, ("problem", "certificate"))


@pytest.mark.usefixtures("quick")
def test_an_address_that_is_none_is_named(doctor: Any) -> None:
    code, findings = doctor(urls="stun.example.org", secret="x" * 40)
    assert (code, verdict(findings, "TURN")) == (1, ("problem", "url"))


@pytest.mark.usefixtures("quick")
def test_without_a_turn_server_udp_is_walked_and_nothing_is_wrong(doctor: Any) -> None:
    code, findings = doctor()
    assert code == 0
    assert findings["UDP 127.0.0.1"]["figures"]["connect_ms"] > 0
    assert not [name for name in findings if name.startswith("TURN ")]


@pytest.mark.usefixtures("quick")
def test_a_range_of_ports_that_is_taken_is_named(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", free_port()))  # noqa: S104 - so that no address of the port is left
        port = taken.getsockname()[1]
        monkeypatch.setenv("LIVECONVO_UDP_PORTS", f"{port}-{port}")
        code, findings = doctor()
    assert (code, verdict(findings, "UDP 127.0.0.1")) == (1, ("problem", "no_port"))
