"""CPU time of a process and its children, those that ended too."""

from __future__ import annotations

import os
import subprocess
import sys

from deploy.bench.process_cpu import TICKS_PER_S, tree_cpu_s

BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"


def test_a_child_counts_while_it_lives_and_when_it_ended() -> None:
    before_s = tree_cpu_s(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive_s = tree_cpu_s(os.getpid()) - before_s
        assert alive_s >= 0.3 - 2 / TICKS_PER_S
        assert tree_cpu_s(child.pid) >= 0.3 - 2 / TICKS_PER_S
        child.communicate(b"\n")
    assert tree_cpu_s(os.getpid()) - before_s >= alive_s - 2 / TICKS_PER_S


def test_a_process_that_is_gone_costs_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert tree_cpu_s(child.pid) == 0.0
