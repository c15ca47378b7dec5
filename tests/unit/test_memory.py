"""What memory is left is the scarcest of what machine and control groups have."""

from __future__ import annotations

from pathlib import Path

import pytest

from media_server.memory import free_bytes

MEMINFO = "MemTotal: 4000 kB\nMemFree: 100 kB\nMemAvailable: 3000 kB\n"


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def group(path: str, limit: str, used: int, unused_files: int = 0) -> dict[str, str]:
    """Of version 2."""
    return {
        f"sys/fs/cgroup/{path}/memory.max": f"{limit}\n",
        f"sys/fs/cgroup/{path}/memory.current": f"{used}\n",
        f"sys/fs/cgroup/{path}/memory.stat": f"anon 1\ninactive_file {unused_files}\nactive_file 7\n",
    }


def test_without_a_group_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert free_bytes(machine(tmp_path, {"proc/self/cgroup": "0::/\n"})) == 3000 * 1024


def test_a_limit_of_a_group_counts_and_files_that_can_go_are_free(tmp_path: Path) -> None:
    files = group("box", "1000000", 900_000, 50_000) | {"proc/self/cgroup": "0::/box\n"}
    assert free_bytes(machine(tmp_path, files)) == 150_000


def test_groups_above_count_too_and_those_without_a_limit_do_not(tmp_path: Path) -> None:
    files = group("box", "500000", 400_000) | group("box/inner", "max", 300_000)
    assert free_bytes(machine(tmp_path, {**files, "proc/self/cgroup": "0::/box/inner\n"})) == 100_000


def test_in_a_container_that_sees_the_hosts_path_the_top_is_ours(tmp_path: Path) -> None:
    files = group("", "600000", 400_000) | {"proc/self/cgroup": "0::/docker/abc\n"}
    assert free_bytes(machine(tmp_path, files)) == 200_000


def test_groups_of_version_1_are_read(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/box\n3:cpu:/box\n0::/\n",
        "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "1000000\n",
        "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "700000\n",
        "sys/fs/cgroup/memory/box/memory.stat": "inactive_file 1\ntotal_inactive_file 100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "800000\n",
    }
    assert free_bytes(machine(tmp_path, files)) == 400_000


def test_where_nothing_says_it_is_unknown(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) is None


def test_this_machine_says() -> None:
    assert (free_bytes() or 0) > 0


@pytest.mark.parametrize("text", ["", "\n", "MemAvailable:\n"[:3]])
def test_what_cannot_be_read_is_unknown(tmp_path: Path, text: str) -> None:
    assert free_bytes(machine(tmp_path, {"proc/meminfo": text})) is None
