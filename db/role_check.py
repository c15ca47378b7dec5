"""A server refuses to start as a role, or on tables, that row level security does not bind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.errors import UnsafeRoleError

if TYPE_CHECKING:
    from db.pool import Connection

# A membership counts whether or not it inherits: SET ROLE, or a grant to itself, would be one statement away. Whoever
# may replicate reads every row too. The queue's own tables hold ids, no tenant's data.
_CHECK = """
WITH roles AS (
    SELECT oid, rolname, rolsuper OR rolbypassrls OR rolreplication OR rolcreaterole AS is_powerful
    FROM pg_roles
    WHERE pg_has_role(current_user, oid, 'MEMBER')
), tables AS (
    SELECT oid, relname, relowner, relrowsecurity AND relforcerowsecurity AS is_bound
    FROM pg_class
    WHERE relnamespace = to_regnamespace('public')
        AND relkind IN ('r', 'p')
        AND relname NOT LIKE 'pgqueuer%'
)
SELECT
    current_user AS me,
    (SELECT min(rolname) FROM roles WHERE is_powerful) AS powerful,
    (SELECT min(relname) FROM tables WHERE relowner IN (SELECT oid FROM roles)) AS owned,
    (
        SELECT min(relname)
        FROM tables
        WHERE NOT is_bound
            AND (has_any_column_privilege(oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(oid, 'DELETE'))
    ) AS unbound
"""


async def refuse_unsafe_role(conn: Connection) -> None:
    """Raises UnsafeRoleError where this connection could see, or come to see, more than one tenant."""
    [found] = await conn.fetch(_CHECK)
    if reason := _reason(found["me"], found["powerful"], found["owned"], found["unbound"]):
        raise UnsafeRoleError("unsafe_role", reason)


def _reason(me: str, powerful: str | None, owned: str | None, unbound: str | None) -> str | None:
    if powerful is not None:
        how = "is" if powerful == me else f"is a member of {powerful}, which is"
        return (
            f"The role {me} {how} a superuser, or may bypass row level security, replicate, or make roles. "
            "Let the server log in as the role that `liveconvo migrate` made for it, without more rights."
        )
    if owned is not None:
        return (
            f"The role {me} owns the table {owned}, or is a member of its owner. "
            "Let the server log in as the role that `liveconvo migrate` made for it, and grant that one no other role."
        )
    if unbound is not None:
        return (
            f"Row level security does not bind {me} on the table {unbound}. "
            f"Say as the owner: ALTER TABLE {unbound} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY."
        )
    return None
