"""Two layers keep the relay away from private networks: coturn's list of denied peers, and the kernel's rules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import scratch_folder
from tests.coturn import require_coturn
from tests.turn_peers import IPV6_PEERS, MEDIA_SERVER, PRIVATE_PEERS, PUBLIC_PEER, RELAY
from tests.turn_probes import TURN

USER = "nobody"
MOST_REFLECTED = 1.2
OPEN = {MEDIA_SERVER, PUBLIC_PEER}

pytestmark = [pytest.mark.slow]


def reached(*layers: str) -> set[str]:
    """The peers that packets of the relay arrive at while these layers hold."""
    return set(probed(*layers))


def probed(*layers: str) -> Any:
    """What `tests.turn_probes` found out in a network of its own."""
    require_coturn()
    has_namespaces = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    if os.geteuid() != 0 or not has_namespaces or shutil.which("nft") is None:
        pytest.skip("root, nftables and network namespaces are needed")
    with scratch_folder("turn") as folder:
        command = ["unshare", "--net", sys.executable, "-m", "tests.turn_probes", str(folder), USER, *layers]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_there_are_thirty_probes_and_most_would_arrive_if_nothing_held_them() -> None:
    assert len([*PRIVATE_PEERS, *IPV6_PEERS, RELAY]) >= 30
    assert len(reached() - OPEN) >= 15


@pytest.mark.parametrize("layers", [("config",), ("nft",)])
def test_with_either_layer_taken_away_none_arrives_but_where_it_may(layers: tuple[str, ...]) -> None:
    assert reached(*layers) == OPEN


def test_whoever_asks_in_somebody_elses_name_reflects_less_than_they_send() -> None:
    """coturn 4.6 answers each question without credentials; 401-req-limit came later."""
    flooded = probed("config", "nft", "flood")
    assert flooded["granted_to_others"] == 3
    assert 0 < flooded["bytes_out_per_byte_in"] <= MOST_REFLECTED
    assert probed("config", "flood")["bytes_out_per_byte_in"] > MOST_REFLECTED


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"LIVECONVO_TURN_USER": "nobody-of-this-name"}, "LIVECONVO_TURN_USER"),
        ({"LIVECONVO_TURN_USER": "root"}, "LIVECONVO_TURN_USER"),
        ({"LIVECONVO_TURN_ADDRESS": "10.0.0.1; accept"}, "LIVECONVO_TURN_ADDRESS"),
        ({"LIVECONVO_TURN_MEDIA_ADDRESSES": "10.0.0.0/8"}, "LIVECONVO_TURN_MEDIA_ADDRESSES"),
        ({"LIVECONVO_TURN_MIN_PORT": "50000", "LIVECONVO_TURN_MAX_PORT": "40000"}, "LIVECONVO_TURN_MIN_PORT"),
    ],
)
def test_no_rules_are_written_for_an_unsafe_setting(settings: dict[str, str], named: str) -> None:
    environment = {"PATH": os.environ["PATH"], "LIVECONVO_TURN_USER": USER, "LIVECONVO_TURN_ADDRESS": RELAY, **settings}
    written = subprocess.run([TURN / "firewall.sh"], env=environment, capture_output=True, text=True, check=False)
    assert (written.returncode, written.stdout) == (78, "")
    assert named in written.stderr
