"""What can go wrong with a node's spool."""

from __future__ import annotations

from media_server.errors import MediaError


class SpoolError(MediaError):
    """This node cannot write to its spool."""

    code = "spool_failed"
    status = 503


class SpoolFullError(SpoolError):
    """This node's spool has no room left."""

    code = "spool_full"


class SpoolLockedError(SpoolError):
    """Another program uses this spool."""

    code = "spool_locked"


class SpoolDamagedError(SpoolError):
    """Something in this spool is not what was written."""

    code = "spool_damaged"


class SpoolVersionError(SpoolError):
    """A newer program wrote this spool."""

    code = "spool_version"


class SpoolEntryError(SpoolError):
    """SQLite cannot hold a value of this entry."""

    code = "entry_unwritable"
