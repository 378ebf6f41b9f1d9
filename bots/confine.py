"""What a bot's process may not do, by the kernel's word (seccomp): start processes, run programs, reach for others.

A worker needs one thread besides its own, to look names up, and no child. So `fork` and `exec` fail in it with EPERM,
as do signals to other processes, also by way of a descriptor, setting their limits and their turns at the processors,
and looking into their memory by ptrace. Nor can it change whose a file is and who may read it, which Landlock does not
see, or take memory that nobody counts as its own. Threads are counted among what memory limits bound.

It needs sockets that call over IP by TCP and UDP, and the pair by which an event loop wakes itself. So there are no
others, among them those that lead to servers on this machine by a path, and none listens. `reach` bounds the ports that
TCP connects to; other protocols (MPTCP, SMC, SCTP) and ways to connect that its rules do not see fail here. What could
do such things past this filter, or make new namespaces, fails too; and where the account is root's, its other
privileges are given up.

Linux on x86-64 and ARM64; elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from typing import NamedTuple

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

_ALLOW = 0x7FFF0000
_FAIL = 0x00050000
"""Or-ed with the error's number."""
_CLONE_THREAD = 0x00010000

# Of `struct seccomp_data`: number of the call, architecture, lower halves of the arguments, the first to the fourth.
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENT_AT, _SECOND_AT, _THIRD_AT, _FOURTH_AT = 0, 4, 16, 24, 32, 40
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN, _JUMP = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06, 0x05

_X32 = 0x40000000
"""Numbers from here on are x86-64's calls once more, by another convention."""

_INET, _INET6, _SOCK_STREAM, _SOCK_DGRAM, _SOCK_KIND = 2, 10, 1, 2, 0xF
_BY_DEFAULT, _TCP, _UDP = 0, 6, 17
_FAST_OPEN = 0x20000000
"""MSG_FASTOPEN: what sends connects, and Landlock is not asked."""
_UPPER_LAYER = 31
"""TCP_ULP, a protocol on top of TCP: one of them, SMC, takes the connecting over. TLS comes from the library."""
_SIGNALS = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: whoever owns a descriptor gets a signal when there is something to read."""
_BY_DESCRIPTOR = (0x5412, 0x541C, 0x8901, 0x8902, 0x40086602, 0x401C5820)
"""TIOCSTI, TIOCLINUX: put keystrokes into a terminal. FIOSETOWN, SIOCSPGRP: as F_SETOWN. FS_IOC_SETFLAGS,
FS_IOC_FSSETXATTR: as file_setattr."""
_CAPABILITY_VERSION = 0x20080522
_DAC_OVERRIDE = 1 << 1
"""Kept: the data folder may be another account's. What files are reached is bounded by `reach`."""


class _Calls(NamedTuple):
    """Numbers of system calls on one kind of machine. `failing`: always; `to_others`: for other processes; `sending`:
    each with the place of its flags."""

    architecture: int
    clone: int
    socket: int
    socketpair: int
    setsockopt: int
    fcntl: int
    ioctl: int
    sending: tuple[tuple[int, int], ...]
    failing: tuple[int, ...]
    to_others: tuple[int, int]


_CLONE3 = 435
_EVERYWHERE = (424, 425, 426, 427, 438, 440, 447, 448, 452, 463, 466, 469)
"""pidfd_send_signal, io_uring_setup, io_uring_enter, io_uring_register, pidfd_getfd, process_madvise, memfd_secret,
process_mrelease, fchmodat2, setxattrat, removexattrat, file_setattr."""

# They fail: fork, vfork, execve, execveat, kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, ptrace, process_vm_readv,
# process_vm_writev, bind, listen, unshare, setns, bpf;
# setpriority, sched_setparam, sched_setscheduler, sched_setaffinity, sched_setattr, ioprio_set, migrate_pages,
# move_pages; fchmod, fchmodat, fchown, fchownat, utimensat, the six of extended attributes, and on x86-64 their older
# kin (chmod, chown, lchown, utime, utimes, futimesat); memfd_create, shmget, shmat, shmctl, msgget, semget, mq_open,
# add_key, request_key, keyctl, perf_event_open, userfaultfd.
# A process may do to itself alone: tgkill (it aborts by that), prlimit64. What sends: sendto, sendmsg, sendmmsg.
_CALLS = {
    "x86_64": _Calls(
        0xC000003E, 56, 41, 53, 54, 72, 16, ((44, _FOURTH_AT), (46, _THIRD_AT), (307, _FOURTH_AT)),
        (57, 58, 59, 322, 62, 200, 129, 297, 101, 310, 311, 49, 50, 272, 308, 321,
         141, 142, 144, 203, 314, 251, 256, 279, 91, 268, 93, 260, 280, 188, 189, 190, 197, 198, 199,
         90, 92, 94, 132, 235, 261, 319, 29, 30, 31, 68, 64, 240, 248, 249, 250, 298, 323, *_EVERYWHERE),
        (234, 302),
    ),
    "aarch64": _Calls(
        0xC00000B7, 220, 198, 199, 208, 25, 29, ((206, _FOURTH_AT), (211, _THIRD_AT), (269, _FOURTH_AT)),
        (221, 281, 129, 130, 138, 240, 117, 270, 271, 200, 201, 97, 268, 280,
         140, 118, 119, 122, 274, 30, 238, 239, 52, 53, 55, 54, 88, 5, 6, 7, 14, 15, 16,
         279, 194, 196, 195, 186, 190, 180, 217, 218, 219, 241, 282, *_EVERYWHERE),
        (131, 261),
    ),
}  # fmt: skip


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


_FAILING = _instruction(_RETURN, _FAIL | errno.EPERM)
_ALLOWING = _instruction(_RETURN, _ALLOW)


def _only(*values: int) -> list[bytes]:
    """The call fails unless what was loaded is one of these."""
    past = [_instruction(_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)]
    return [*past, _FAILING]


def _none(values: Sequence[int]) -> list[bytes]:
    """The call fails if what was loaded is one of these, which are in their order. They are looked for by halves: the
    kernel runs the filter for every number there is when it takes it."""
    if len(values) <= 3:
        return [part for value in values for part in (_instruction(_EQUAL, value, 0, 1), _FAILING)]
    half = len(values) // 2
    low, high = _none(values[:half]), _none(values[half:])
    low.append(_instruction(_JUMP, len(high)))
    return [_instruction(_AT_LEAST, values[half], len(low), 0), *low, *high]


def _for(number: int, *checks: bytes) -> list[bytes]:
    """The checks of one call, which is allowed if they let it pass. They overwrite the call's number."""
    return [_instruction(_EQUAL, number, 0, len(checks) + 1), *checks, _ALLOWING]


def _build(machine: str) -> tuple[bytes, list[int]] | None:
    """The filter, and where the process's own number is to be put in it. None: the machine's calls are not known."""
    if machine not in _CALLS:
        return None
    calls = _CALLS[machine]
    own: list[int] = []
    program = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        *_only(calls.architecture),
        _instruction(_LOAD, _NUMBER_AT),
        _instruction(_AT_LEAST, _X32, 0, 1),
        _FAILING,
        # "not there": the C library then starts its threads by clone, whose flags can be looked at.
        _instruction(_EQUAL, _CLONE3, 0, 1),
        _instruction(_RETURN, _FAIL | errno.ENOSYS),
    ]
    program += _none(sorted(calls.failing))
    for number in calls.to_others:
        own.append((len(program) + 2) * 8 + 4)
        # The own number comes in place of the first 0; the second is "myself".
        program += _for(number, _instruction(_LOAD, _ARGUMENT_AT), *_only(0, 0))
    for number, flags_at in calls.sending:
        program += _for(number, _instruction(_LOAD, flags_at), _instruction(_ANY_BIT, _FAST_OPEN, 0, 1), _FAILING)
    program += _for(
        calls.socket,
        _instruction(_LOAD, _ARGUMENT_AT),
        *_only(_INET, _INET6),
        _instruction(_LOAD, _SECOND_AT),
        _instruction(_AND, _SOCK_KIND),
        *_only(_SOCK_STREAM, _SOCK_DGRAM),
        _instruction(_LOAD, _THIRD_AT),
        *_only(_BY_DEFAULT, _TCP, _UDP),
    )
    # A pair of datagram sockets could be turned to somebody else; a connected pair of streams can't.
    program += _for(
        calls.socketpair,
        _instruction(_LOAD, _SECOND_AT),
        _instruction(_AND, _SOCK_KIND),
        *_only(_SOCK_STREAM),
    )
    program += _for(
        calls.setsockopt,
        _instruction(_LOAD, _SECOND_AT),
        _instruction(_EQUAL, _TCP, 0, 3),
        _instruction(_LOAD, _THIRD_AT),
        _instruction(_EQUAL, _UPPER_LAYER, 0, 1),
        _FAILING,
    )
    for number, refused in ((calls.fcntl, _SIGNALS), (calls.ioctl, _BY_DESCRIPTOR)):
        program += _for(number, _instruction(_LOAD, _SECOND_AT), *_none(refused))
    program += _for(
        calls.clone,
        _instruction(_LOAD, _ARGUMENT_AT),
        _instruction(_ANY_BIT, _CLONE_THREAD, 1, 0),
        _FAILING,
    )
    program.append(_ALLOWING)
    return b"".join(program), own


# Made before the fork: the child only puts its number in and hands it over.
_BUILT = _build(platform.machine()) if sys.platform == "linux" and sys.maxsize > 2**32 else None
_LIBC = ctypes.CDLL(None, use_errno=True) if _BUILT is not None else None
_prctl, _capset = (_LIBC.prctl, _LIBC.capset) if _LIBC is not None else (None, None)
_FILTER = ctypes.create_string_buffer(*((_BUILT[0], len(_BUILT[0])) if _BUILT is not None else (b"", 1)))
_PROGRAM = _Program(len(_FILTER) // 8, ctypes.addressof(_FILTER))


def _keep_capabilities(kept: int) -> bool:
    """Gives all others up, for good; False if these are not there to be kept."""
    header, sets = struct.pack("=Ii", _CAPABILITY_VERSION, 0), struct.pack("=6I", kept, kept, 0, 0, 0, 0)
    return _capset is not None and bool(_capset(header, sets) == 0)


def confine() -> bool:
    """From now on, and for good, this process starts no other one and opens no way to one; whether the kernel took
    it."""
    if _prctl is None or _BUILT is None:
        return False
    if os.geteuid() == 0 and not any(_keep_capabilities(kept) for kept in (_DAC_OVERRIDE, 0)):
        return False
    for place in _BUILT[1]:
        struct.pack_into("=I", _FILTER, place, os.getpid())
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(_prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_PROGRAM), 0, 0) == 0)
