"""Where a session lives: media nodes, and one lease for each live call.

Rules:
- One node at a time: while a lease is current no other node gets one. The same node takes it again at once.
- Every grant is a new epoch with its own block of sequence numbers, after all that were given before.
- Postgres' clock decides.
- A node that is stopped in the middle of a transaction gives its locks back soon (give_way): they would keep the others
  from the session for longer than its lease does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from db.errors import ConflictError, NotFoundError
from db.pool import Connection
from db.records import Call, Lease, Node

__all__ = ["Call", "Lease", "Node"]

SEQ_BLOCK = 10_000
"""How many sequence numbers come with a lease."""

NODE_SEEN_WITHIN = timedelta(seconds=15)
"""A node that did not touch its row for longer is not offered to anybody."""
NODE_FRESH_FOR = timedelta(seconds=5)
"""The same, while there is another one; nodes touch their rows every two seconds."""
NODE_KNOWN_FOR = timedelta(hours=1)


GIVE_WAY_MS = 3_000


async def give_way(conn: Connection) -> None:
    """To be said first in every transaction of a node that touches its sessions: what it may lock is not its alone."""
    await conn.execute(f"SET LOCAL idle_in_transaction_session_timeout = {GIVE_WAY_MS}")


async def register_node(conn: Connection, node: str, media_url: str) -> None:
    await conn.execute(
        """
        INSERT INTO media_nodes (node, media_url)
        VALUES ($1, $2)
        ON CONFLICT (node) DO UPDATE
        SET media_url = excluded.media_url,
            registered_at = now(),
            seen_at = now()
        """,
        node,
        media_url,
    )


async def touch_node(conn: Connection, node: str) -> bool:
    """Still here; False if the node is not registered."""
    return await conn.execute("UPDATE media_nodes SET seen_at = now() WHERE node = $1", node) == "UPDATE 1"


async def retire_node(conn: Connection, node: str) -> None:
    """It takes no more calls: nobody is sent there until it is registered again."""
    await conn.execute(
        "UPDATE media_nodes SET seen_at = seen_at - $2::interval WHERE node = $1", node, NODE_SEEN_WITHIN
    )


async def list_nodes(conn: Connection) -> list[Node]:
    """The nodes that are here: those that spoke just now before those that may hang, the last registered first."""
    rows = await conn.fetch(
        """
        SELECT node, media_url, seen_at
        FROM media_nodes
        WHERE seen_at > now() - $1::interval
        ORDER BY seen_at > now() - $2::interval DESC, registered_at DESC
        """,
        NODE_SEEN_WITHIN,
        NODE_FRESH_FOR,
    )
    return [Node(**row) for row in rows]


async def media_urls(conn: Connection) -> list[str]:
    """Where calls are, and where they may be soon: a node that is being restarted counts."""
    rows = await conn.fetch(
        "SELECT DISTINCT media_url FROM media_nodes WHERE seen_at > now() - $1::interval", NODE_KNOWN_FOR
    )
    return [row["media_url"] for row in rows]


async def last_registered_node(conn: Connection) -> Node | None:
    """Where a call goes when nothing is known about load."""
    nodes = await list_nodes(conn)
    return nodes[0] if nodes else None


async def acquire_lease(conn: Connection, session_id: UUID, node: str, media_url: str, lease_s: float = 6.0) -> Lease:
    """Take a session for this node.

    Raises:
        NotFoundError: no such session.
        ConflictError: "call_elsewhere" while another node's lease is current; "session_completed".
    """
    # FOR SHARE: a session that is being completed right now is waited for, and then seen as completed.
    # While Postgres was away nobody could renew: its leases are honoured for their time once it is back.
    row = await conn.fetchrow(
        """
        WITH session AS (
            SELECT id, organization_id, user_id, title, conversation_type, status, recording_started_at
            FROM sessions
            WHERE id = $1
                AND deleted_at IS NULL
            FOR SHARE
        ),
        lease AS (
            INSERT INTO calls AS held (session_id, organization_id, node, epoch, media_url, lease_until, reserved_seq)
            SELECT id, organization_id, $2, 1, $3, now() + $4::interval, $5
            FROM session
            WHERE status IN ('draft', 'active')
            ON CONFLICT (session_id) DO UPDATE
            SET node = excluded.node,
                epoch = held.epoch + 1,
                media_url = excluded.media_url,
                lease_until = excluded.lease_until,
                reserved_seq = held.reserved_seq + $5
            WHERE held.node = excluded.node
                OR (held.lease_until <= now() AND pg_postmaster_start_time() < now() - $4::interval)
            RETURNING epoch, lease_until, reserved_seq, paused
        )
        SELECT
            session.id AS session_id,
            session.organization_id,
            session.user_id,
            session.title,
            session.conversation_type,
            session.status,
            session.recording_started_at,
            lease.epoch,
            lease.reserved_seq - $5 + 1 AS first_seq,
            lease.reserved_seq AS last_seq,
            lease.lease_until,
            lease.paused,
            clock_timestamp() AS now
        FROM session
        LEFT JOIN lease ON true
        """,
        session_id,
        node,
        media_url,
        timedelta(seconds=lease_s),
        SEQ_BLOCK,
    )
    if row is None:
        raise NotFoundError("session_not_found")
    if row["status"] not in ("draft", "active"):
        raise ConflictError("session_completed")
    if row["epoch"] is None:
        raise ConflictError("call_elsewhere")
    return Lease(**row)


async def renew_leases(
    conn: Connection, node: str, leases: Iterable[tuple[UUID, int]], lease_s: float = 6.0
) -> set[UUID]:
    """Extend the leases (session, epoch) of this node; the sessions that are still its own, and still there."""
    held = list(leases)
    rows = await conn.fetch(
        """
        UPDATE calls
        SET lease_until = now() + $4::interval
        FROM unnest($2::uuid[], $3::integer[]) AS held (session_id, epoch)
        WHERE calls.node = $1
            AND calls.session_id = held.session_id
            AND calls.epoch = held.epoch
            AND EXISTS (SELECT FROM sessions WHERE id = held.session_id AND deleted_at IS NULL)
        RETURNING calls.session_id
        """,
        node,
        [session_id for session_id, _ in held],
        [epoch for _, epoch in held],
        timedelta(seconds=lease_s),
    )
    return {row["session_id"] for row in rows}


async def release_lease(conn: Connection, session_id: UUID, node: str, epoch: int) -> None:
    """Let any node have the session from now on."""
    await conn.execute(
        """
        UPDATE calls
        SET lease_until = now()
        WHERE session_id = $1
            AND node = $2
            AND epoch = $3
            AND lease_until > now()
        """,
        session_id,
        node,
        epoch,
    )


async def extend_seqs(conn: Connection, session_id: UUID, epoch: int, count: int) -> int | None:
    """More sequence numbers right after the epoch's own; the new last one, or None if the epoch is over."""
    last_seq: int | None = await conn.fetchval(
        """
        UPDATE calls
        SET reserved_seq = reserved_seq + $3
        WHERE session_id = $1
            AND epoch = $2
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        RETURNING reserved_seq
        """,
        session_id,
        epoch,
        count,
    )
    return last_seq


async def set_paused(conn: Connection, session_id: UUID, epoch: int, paused: bool) -> bool:
    """False if the epoch is over."""
    status = await conn.execute(
        """
        UPDATE calls
        SET paused = $3
        WHERE session_id = $1
            AND epoch = $2
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        epoch,
        paused,
    )
    return status == "UPDATE 1"


async def current_call(conn: Connection, session_id: UUID) -> Call | None:
    """The session's call while somebody's lease on it is current."""
    row = await conn.fetchrow(
        """
        SELECT session_id, organization_id, node, epoch, media_url, lease_until, started_at, paused
        FROM calls
        WHERE session_id = $1
            AND lease_until > now()
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
    )
    return Call(**row) if row else None
