"""Room on the disk that is kept for the moment in which there is none: deleting things needs room, too."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from media_server.spool_errors import SpoolError

RETRY_S = 1.0


class Ballast:
    """A file of this size; `is_held` says whether it is there."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._path = path
        self._try_again_at = 0.0
        self.is_held = path.exists() and path.stat().st_size == size_bytes

    def keep(self) -> None:
        """Take the room if the disk has it; asked again within a second, do nothing.

        Raises:
            SpoolError: the disk cannot be written at all.
        """
        if self.is_held or time.monotonic() < self._try_again_at:
            return
        self._try_again_at = time.monotonic() + RETRY_S
        try:
            with self._path.open("wb") as ballast:
                # Random bytes: a file system that compresses would give no room for zeros.
                ballast.write(os.urandom(self.size_bytes))
                ballast.flush()
                os.fsync(ballast.fileno())
            self.is_held = True
        except OSError as error:
            self._path.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise SpoolError(f"{self._path} cannot be written: {error.strerror}.") from error

    def give_up(self) -> bool:
        """Give the room back; False if there was none."""
        was_held, self.is_held = self.is_held, False
        self._path.unlink(missing_ok=True)
        return was_held
