"""How much memory this process can still have: of the machine, and of every control group that holds it.

Sources: Linux' admin-guide/cgroup-v2.rst (memory.max, memory.current, memory.stat) and cgroup-v1/memory.rst
(memory.limit_in_bytes, memory.usage_in_bytes). Pages of files that were not used lately count as free: the kernel
gives them back before it ends anybody.
"""

from __future__ import annotations

from pathlib import Path

_ROOT = Path("/")


def free_bytes(root: Path = _ROOT) -> int | None:
    """The scarcest of them; None where Linux does not say. Reads a handful of small files.

    Args: root, what `/proc` and `/sys` lie in.
    """
    rooms = [room for group in _groups(root) if (room := _room(group)) is not None]
    if (available := _number_after(root / "proc/meminfo", "MemAvailable:")) is not None:
        rooms.append(1024 * available)
    return min(rooms, default=None)


def _groups(root: Path) -> list[Path]:
    """Folders of our control groups that can limit memory, and of those above them."""
    folders: list[Path] = []
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers not in {"", "memory"}:
            continue
        top = root / "sys/fs/cgroup" / controllers
        group = top / path.lstrip("/")
        # In a container the path may be the host's, and what can be seen at the top is ours.
        folders += [group, *group.parents[: len(group.parts) - len(top.parts)]]
    return folders


def _room(group: Path) -> int | None:
    """What is left in one group; None: it has no limit, or is not there."""
    if (limit := _number(group / "memory.max")) is not None:
        used, unused_files = _number(group / "memory.current"), "inactive_file"
    elif (limit := _number(group / "memory.limit_in_bytes")) is not None:
        used, unused_files = _number(group / "memory.usage_in_bytes"), "total_inactive_file"
    else:
        return None
    if used is None:
        return None
    return limit - used + (_number_after(group / "memory.stat", unused_files) or 0)


def _number(file: Path) -> int | None:
    text = next(iter(_lines(file)), "")
    return int(text) if text.isdecimal() else None  # `max`: no limit


def _number_after(file: Path, name: str) -> int | None:
    for line in _lines(file):
        words = line.split()
        if words[:1] == [name]:
            return int(words[1])
    return None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
