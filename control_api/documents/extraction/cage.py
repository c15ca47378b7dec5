"""What a process gives up before it looks at a stranger's file. Linux only, on x86-64 and arm64.

Rules:
- Memory, CPU time and what is written are limited by the kernel (setrlimit); a timer ends what sleeps.
- From `close` on a handful of system calls is allowed (seccomp): computing, and reading and writing what is open
  already. No file can be opened, no socket made, no program or thread started, no process seen or signalled.
- Whatever the machine cannot give is an error: a file is read in a closed cage or not at all.
"""

from __future__ import annotations

import ctypes
import platform
import resource
import signal
import struct

MEMORY_BYTES = 256 * 1024 * 1024
CPU_S = 10
OUTPUT_BYTES = 16 * 1024 * 1024

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # struct seccomp_data
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050000 | 1, 0x7FFF0000  # _REFUSE: EPERM

# By <asm/unistd.h>: read write close fstat poll/ppoll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
# rt_sigreturn ioctl pread64 sched_yield mremap madvise getpid sigaltstack exit gettid futex clock_gettime exit_group
# getrandom. ioctl: Python asks whether its output is a terminal.
_ALLOWED = {
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 24, 25, 28, 39, 131, 60, 186, 202, 228, 231, 318),
    ),
    "aarch64": (
        0xC00000B7,
        (63, 64, 57, 80, 73, 62, 222, 226, 215, 214, 134, 135, 139, 29, 67, 124, 216, 233, 172, 132, 93, 178, 98, 113,
         94, 278),
    ),
}  # fmt: skip


class CageError(Exception):
    """This machine cannot close the cage."""


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def limit() -> None:
    """What the kernel counts; before anything is read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(2 * CPU_S)


def close() -> None:
    """From here on nothing can be opened, reached or started.

    Raises:
        CageError
    """
    if platform.machine() not in _ALLOWED:
        raise CageError(f"no list of system calls for {platform.machine()}")
    code = _filter(*_ALLOWED[platform.machine()])
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise CageError(f"the kernel took no filter, errno {ctypes.get_errno()}")


def _filter(architecture: int, allowed: tuple[int, ...]) -> bytes:
    """A BPF program; whatever speaks for another architecture is ended."""
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]
    for number in allowed:
        steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ALLOW)]
    return b"".join([*steps, _step(_RETURN, _REFUSE)])


def _step(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """struct sock_filter"""
    return struct.pack("HBBI", code, if_so, if_not, value)
