"""What jobs do at their leisure: erase, sweep, export, look after the installation. Nobody waits for these, but each of
them must find its rows by an index, or say why it reads everything.
"""

from __future__ import annotations

from db import deletion, erasure, exports, retention
from deploy.bench.db_query import Query, given

ERASURE = (
    Query(erasure.erase_session, "jobs", lambda s: given(s.session_id, "deleted")),
    Query(erasure.erase_deleted_session, "jobs", lambda s: given(s.deleted_session_id)),
    Query(erasure.close_account, "jobs", lambda s: given(s.colleague_id)),
    Query(deletion.list_due_accounts, "jobs", lambda _: given(100)),
    Query(erasure.close_due_account, "jobs", lambda s: given(s.colleague_id)),
    Query(erasure.list_account_sessions, "jobs", lambda s: given(s.user_id, 100)),
    Query(erasure.erase_account, "jobs", lambda s: given(s.closed_user_id)),
    Query(erasure.list_organization_sessions, "jobs", lambda s: given(s.organization_id, 100)),
    Query(erasure.erase_organization, "jobs", lambda s: given(s.closed_organization_id)),
    Query(erasure.order_erasure, "jobs", lambda s: given(erasure.ERASE_SESSION, s.session_id)),
)

RETENTION = (
    Query(retention.list_due_sessions, "jobs", lambda _: given(100)),
    Query(
        retention.erase_due_session, "jobs", lambda s: given(retention.DueSession(s.deleted_session_id, "deleted"))
    ),
    Query(retention.list_unfinished, "jobs", lambda _: given(100)),
    *(Query(retention.remove_spent, "jobs", lambda _, spent=spent: given(spent, 100), spent.name)
      for spent in retention.SPENT),
)  # fmt: skip

EXPORT = (
    Query(exports.list_recordings, "api", lambda s: given(s.user_id, None)),
    *(Query(exports.read_page, "api", lambda s, of=export, table=table: given(table, of, s.user_id, None), table)
      for table, export in exports.EXPORTED),
)  # fmt: skip

CHORES = (*ERASURE, *RETENTION, *EXPORT)
