"""What can keep the stack from starting: one line for a person, and no traceback."""

from __future__ import annotations


class DeployError(Exception):
    """The stack cannot start; the message says why and what to do."""
