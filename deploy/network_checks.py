"""What `liveconvo doctor --network` walks: UDP to this machine's media nodes, each TURN server, a node that runs.

Each way is tried with a real connection and packets at the pace of audio (`line_probe`). A TURN server that does not
relay is asked step by step why (`turn_probe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiortc import RTCIceServer

from deploy.call.api import ApiError
from deploy.checks import Finding, Subject, turn_urls
from deploy.line_probe import PACKETS, Line, NotConnectedError, measure
from deploy.node_probe import join_and_ping
from deploy.probe import http_status
from deploy.turn_probe import Allowed, TurnFaultError, TurnUrl, ask, credentials
from media_server.errors import NoPortError, SettingError
from media_server.rtc.addresses import machine_addresses
from media_server.settings import read_udp_ports

FEW_LOST = 2
"""Of the packets that are sent; more is worth a note."""
NOT_REACHED = {"silent", "closed"}


async def network(subject: Subject) -> list[Finding]:
    """Every way that a participant's packets may take."""
    try:
        ports = read_udp_ports(subject.environment)
    except SettingError as error:
        return [Finding("UDP calls", "problem", str(error), "correct it", "setting")]
    addresses = _addresses(subject.environment)
    direct = [await _direct(address, ports) for address in addresses]
    relayed = [await _relayed(text, subject, _outside(addresses), ports) for text in turn_urls(subject)]
    return [*direct, *_by_the_ways_that_work(relayed), await _node(subject), *await _call(subject)]


def _addresses(environment: Mapping[str, str]) -> list[str]:
    named = [word.strip() for word in environment.get("LIVECONVO_ICE_ADDRESSES", "").split(",") if word.strip()]
    return named or machine_addresses()


def _outside(addresses: list[str]) -> list[str]:
    """Those that a relay could send to; 127.0.0.1 is one only where there is no other."""
    return [address for address in addresses if not address.startswith("127.")] or addresses


async def _direct(address: str, ports: range | None) -> Finding:
    name = f"UDP {address}"
    try:
        return _well(name, "direct", await measure([address], ports))
    except NoPortError:
        fix = "free some, or widen LIVECONVO_UDP_PORTS"
        return Finding(name, "problem", "every port of LIVECONVO_UDP_PORTS is taken", fix, "no_port")
    except NotConnectedError:
        fix = "let UDP pass to LIVECONVO_UDP_PORTS in the firewall, and take addresses out that do not lead here"
        if address in machine_addresses():
            return Finding(name, "problem", "its packets do not arrive, though it is an address of this machine", fix)
        detail = "no packet comes back by this router's address; from inside its network that may be normal"
        return Finding(name, "note", detail, "try a call from outside")


async def _relayed(text: str, subject: Subject, addresses: list[str], ports: range | None) -> Finding:
    secret = subject.environment.get("LIVECONVO_TURN_SECRET", "")
    name = "TURN"
    try:
        url = TurnUrl.parse(text)
        name = f"TURN {url.transport}"
        if not secret:
            fix = "set it to the TURN server's own LIVECONVO_TURN_SECRET"
            raise TurnFaultError("no_secret", "LIVECONVO_TURN_SECRET is not set", fix)
        allowed = await ask(url, secret, addresses)
        return _well(name, text, await _through(url, secret, allowed, ports))
    except NoPortError:
        return Finding(name, "problem", f"{text}: every port of LIVECONVO_UDP_PORTS is taken", "free some", "no_port")
    except TurnFaultError as fault:
        return Finding(name, "problem", f"{text}: {fault}", fault.fix, fault.code)


async def _through(url: TurnUrl, secret: str, allowed: Allowed, ports: range | None) -> Line:
    username, password = credentials(secret)
    try:
        return await measure(allowed.peers, ports, RTCIceServer(url.text, username, password))
    except NotConnectedError as error:
        fix = f"let UDP from {allowed.relay_address} pass to LIVECONVO_UDP_PORTS of this machine, and back"
        message = f"it relays from {allowed.relay_address}, but packets do not get to {', '.join(allowed.peers)}"
        raise TurnFaultError("not_connected", message, fix) from error


def _by_the_ways_that_work(relayed: list[Finding]) -> list[Finding]:
    """A way that is blocked is a note where another one works: that is what several ways are for."""
    working = [finding for finding in relayed if finding.verdict != "problem"]
    if not working:
        return relayed
    return [_blocked(finding, working[0]) if finding.code in NOT_REACHED else finding for finding in relayed]


def _blocked(finding: Finding, working: Finding) -> Finding:
    detail = f"{finding.detail}; {working.name} works and is used instead"
    if finding.name == "TURN udp":
        detail += ", with more delay"
    return Finding(finding.name, "note", detail, finding.fix, finding.code)


async def _node(subject: Subject) -> Finding:
    url = subject.environment.get("LIVECONVO_MEDIA_URL") or f"http://127.0.0.1:{subject.port + 1}"
    health, readiness = [await http_status(f"{url.rstrip('/')}/{page}") for page in ("healthz", "readyz")]
    if health != HTTPStatus.OK:
        return Finding("media node", "note", f"none answers at {url}", "start it with: liveconvo up")
    if readiness != HTTPStatus.OK:
        fix = f"see {url}/readyz"
        return Finding("media node", "problem", f"the one at {url} runs and takes no calls ({readiness})", fix)
    return Finding("media node", "ok", f"answers at {url}")


async def _call(subject: Subject) -> list[Finding]:
    """Where a server was named: can one join a call of it from here?"""
    if not subject.url:
        return []
    name = "call"
    try:
        joined = await join_and_ping(subject.url, subject.token or "")
    except ApiError as error:
        fix = "check --token, LIVECONVO_MEDIA_URL, LIVECONVO_ICE_ADDRESSES, and that its UDP ports are open"
        return [Finding(name, "problem", str(error), fix, "not_connected")]
    detail = f"joined {joined.media_url} in {joined.connect_ms:.0f} ms"
    if joined.rtt_ms is None:
        return [Finding(name, "problem", f"{detail}, but no ping is answered", "look into the node's log", "silent")]
    figures = {"connect_ms": round(joined.connect_ms, 1), "rtt_ms": round(joined.rtt_ms, 2), "lost": joined.lost}
    return [Finding(name, "ok", f"{detail}, {joined.rtt_ms:.1f} ms there and back", figures=figures)]


def _well(name: str, way: str, line: Line) -> Finding:
    detail = (
        f"{way}: connected in {line.connect_ms:.0f} ms, {line.rtt_ms:.1f} ms there and back, "
        f"{line.lost} of {PACKETS} packets lost"
    )
    figures = {"connect_ms": round(line.connect_ms, 1), "rtt_ms": round(line.rtt_ms, 2), "lost": line.lost}
    if line.lost > FEW_LOST:
        return Finding(name, "note", detail, "look for a full line, a busy machine or a bad cable", "loss", figures)
    return Finding(name, "ok", detail, figures=figures)
