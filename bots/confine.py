"""What a bot's process may not do, by the kernel's word (seccomp): start processes, run programs, reach for others.

A worker needs one thread besides its own, to look names up, and no child. So `fork` and `exec` fail in it with EPERM,
as do signals to other processes, setting their limits, and looking into their memory by ptrace. Threads are counted
among what memory limits bound.

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
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06

_X32 = 0x40000000
"""Numbers from here on are x86-64's calls once more, by another convention."""

_INET, _INET6, _SOCK_STREAM, _SOCK_DGRAM, _SOCK_KIND = 2, 10, 1, 2, 0xF
_BY_DEFAULT, _TCP, _UDP = 0, 6, 17
_FAST_OPEN = 0x20000000
"""MSG_FASTOPEN: what sends connects, and Landlock is not asked."""
_UPPER_LAYER = 31
"""TCP_ULP, a protocol on top of TCP: one of them, SMC, takes the connecting over. TLS comes from the library."""
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
    sending: tuple[tuple[int, int], ...]
    failing: tuple[int, ...]
    to_others: tuple[int, int]


_CLONE3 = 435
_EVERYWHERE = (424, 425, 426, 427, 438)
"""pidfd_send_signal, io_uring_setup, io_uring_enter, io_uring_register, pidfd_getfd."""

# They fail: fork, vfork, execve, execveat, kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, ptrace, process_vm_readv,
# process_vm_writev, bind, listen, unshare, setns, bpf. A process may do to itself alone: tgkill (it aborts by that),
# prlimit64. What sends: sendto, sendmsg, sendmmsg.
_CALLS = {
    "x86_64": _Calls(
        0xC000003E, 56, 41, 53, 54, ((44, _FOURTH_AT), (46, _THIRD_AT), (307, _FOURTH_AT)),
        (57, 58, 59, 322, 62, 200, 129, 297, 101, 310, 311, 49, 50, 272, 308, 321, *_EVERYWHERE), (234, 302),
    ),
    "aarch64": _Calls(
        0xC00000B7, 220, 198, 199, 208, ((206, _FOURTH_AT), (211, _THIRD_AT), (269, _FOURTH_AT)),
        (221, 281, 129, 130, 138, 240, 117, 270, 271, 200, 201, 97, 268, 280, *_EVERYWHERE), (131, 261),
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
    for number in calls.failing:
        program += [_instruction(_EQUAL, number, 0, 1), _FAILING]
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
