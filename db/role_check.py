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
    SELECT
        oid,
        rolname,
        CASE
            WHEN rolsuper THEN 'role_superuser'
            WHEN rolbypassrls THEN 'role_bypasses_rls'
            WHEN rolreplication THEN 'role_replicates'
            WHEN rolcreaterole THEN 'role_makes_roles'
        END AS power
    FROM pg_roles
    WHERE pg_has_role(current_user, oid, 'MEMBER')
), tables AS (
    SELECT oid, relname, relowner, relrowsecurity AS is_on, relforcerowsecurity AS is_forced
    FROM pg_class
    WHERE relnamespace = to_regnamespace('public')
        AND relkind IN ('r', 'p')
        AND relname NOT LIKE 'pgqueuer%'
), unbound AS (
    SELECT relname, is_on
    FROM tables
    WHERE NOT (is_on AND is_forced)
        AND (has_any_column_privilege(oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(oid, 'DELETE'))
    ORDER BY relname
    LIMIT 1
)
SELECT
    current_user AS me,
    (SELECT power FROM roles WHERE rolname = current_user) AS power,
    (SELECT min(rolname) FROM roles WHERE power IS NOT NULL) AS powerful,
    (SELECT min(relname) FROM tables WHERE relowner IN (SELECT oid FROM roles)) AS owned,
    (SELECT relname FROM unbound) AS unbound,
    (SELECT is_on FROM unbound) AS is_on,
    ARRAY(
        SELECT rolname
        FROM roles
        WHERE rolname IN ('liveconvo_api', 'liveconvo_media', 'liveconvo_jobs')
        ORDER BY rolname
    ) AS serves
"""


async def refuse_unsafe_role(conn: Connection, *, only: str | None = None) -> None:
    """Raises UnsafeRoleError where this connection could see, or come to see, more than one tenant.

    Its codes: role_superuser, role_bypasses_rls, role_replicates, role_makes_roles; role_could_become (a member of such
    a role), role_owns_tables, wrong_role; rls_off, rls_not_forced.

    Args:
        only: the one of the servers' roles that this server may be; the others see every tenant.
    """
    [found] = await conn.fetch(_CHECK)
    fault = _rights(found["me"], found["power"], found["powerful"], found["owned"])
    fault = fault or _tables(found["me"], found["unbound"], is_on=found["is_on"])
    others = sorted({*found["serves"]} - {only})
    if fault is None and only is not None and others:
        reason = f"The role {found['me']} is, or is a member of, {others[0]}, which sees every tenant. "
        fault = "wrong_role", f"{reason}Let this server log in as {only}."
    if fault is not None:
        raise UnsafeRoleError(*fault)


def _rights(me: str, power: str | None, powerful: str | None, owned: str | None) -> tuple[str, str] | None:
    if powerful is not None:
        how = "is" if power is not None else f"is a member of {powerful}, which is"
        return power or "role_could_become", (
            f"The role {me} {how} a superuser, or may bypass row level security, replicate, or make roles. "
            "Let the server log in as the role that `liveconvo migrate` made for it, without more rights."
        )
    if owned is not None:
        return "role_owns_tables", (
            f"The role {me} owns the table {owned}, or is a member of its owner. "
            "Let the server log in as the role that `liveconvo migrate` made for it, and grant that one no other role."
        )
    return None


def _tables(me: str, unbound: str | None, *, is_on: bool | None) -> tuple[str, str] | None:
    if unbound is None:
        return None
    return "rls_not_forced" if is_on else "rls_off", (
        f"Row level security does not bind {me} on the table {unbound}. "
        f"Say as the owner: ALTER TABLE {unbound} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY."
    )
