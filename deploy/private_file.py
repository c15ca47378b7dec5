"""Small JSON files that only their owner may read."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_private_json(file: Path, content: dict[str, str]) -> None:
    """All of the file or nothing, and never readable by others, not even for a moment."""
    unfinished = file.with_name(file.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(content, out)
    unfinished.replace(file)


def read_json(file: Path) -> dict[str, str]:
    """What the file says; nothing when it does not exist."""
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    return {str(key): str(value) for key, value in content.items()}
