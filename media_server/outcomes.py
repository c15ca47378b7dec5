"""What can come of an order that a call gets from outside; the API's clients read these words."""

from __future__ import annotations

DONE = "done"
NO_CALL = "no_call"
NO_PARTICIPANT = "no_participant"
"""Nobody of that id, or of that role, is in the call."""
NOT_STARTED = "not_started"
"""Nobody has been heard yet."""
NOT_KEPT = "not_kept"
"""The log cannot take it now, so nobody could be told; nothing was changed."""
UNKNOWN = "unknown_command"
FAILED = "failed"
