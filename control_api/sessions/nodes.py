"""Which media node a session goes to: the one that holds its call, else the least loaded of those that are here.

Postgres says who is here; Redis only ranks. Without Redis the last registered node is used. The lease decides in the
end: a node refuses a session that lives elsewhere, and the client asks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from db.records import Call, Node


@dataclass(frozen=True, slots=True)
class Place:
    node: str
    media_url: str


def choose(session_id: UUID, call: Call | None, nodes: Sequence[Node], loads: Mapping[str, float]) -> Place | None:
    """The place for the next participant; None when nobody would answer.

    `nodes`: those that are here, the last registered first. `loads`: by node, higher is busier.
    """
    if call is not None:
        return Place(call.node, call.media_url)
    known = [node for node in nodes if node.node in loads]
    ranked = sorted(known, key=lambda node: (loads[node.node], _rank(session_id, node.node)))
    chosen = next(iter([*ranked, *nodes]), None)
    return Place(chosen.node, chosen.media_url) if chosen else None


def _rank(session_id: UUID, node: str) -> bytes:
    """Two people who join at the same moment meet on the same one of equal nodes (rendezvous hashing)."""
    return hashlib.sha256(f"{session_id}:{node}".encode()).digest()
