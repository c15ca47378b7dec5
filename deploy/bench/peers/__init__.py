"""Other ways to transcribe live speech, each in an adapter of its own: their own server, their own defaults, the same
weights, clips and clock.

They are installed with `make bench-peers` into `.peers/`, a virtual environment that the product never uses, and run as
child processes of its Python on 127.0.0.1.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.bench.peers import pipecat, whisper_live, whisper_live_kit
from deploy.bench.peers.peer import Peer, PeerError
from deploy.bench.peers.serving import PYTHON

__all__ = ["PEERS", "Peer", "PeerError", "installed"]

PEERS: dict[str, Peer] = {
    "pipecat": pipecat.PEER,
    "whisper-live": whisper_live.PEER,
    "whisperlivekit": whisper_live_kit.PEER,
}
"""By what `--peer` calls them."""
_ASK_S = 60.0
_VERSIONS = """
from importlib.metadata import PackageNotFoundError, version
import sys
for package in sys.argv[1:]:
    try:
        print(package, version(package))
    except PackageNotFoundError:
        pass
"""


def installed(python: Path = PYTHON) -> dict[str, str]:
    """Versions, by the same names."""
    if not python.is_file():
        return {}
    packages = {peer.package: name for name, peer in PEERS.items()}
    told = subprocess.run(
        [python, "-I", "-c", _VERSIONS, *packages], capture_output=True, text=True, timeout=_ASK_S, check=False
    )
    found = dict(line.split() for line in told.stdout.splitlines())
    return {packages[package]: version for package, version in found.items()}
