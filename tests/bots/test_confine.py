"""What the kernel refuses to a bot's process once it is confined."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chatai.integrations.reader.surroundings import PROJECT_ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")

DEEDS = {
    "a signal": "os.kill(os.getppid(), 0)",
    "a signal to a thread": "call(libc.syscall(TGKILL, os.getppid(), os.getppid(), 0))",
    "a queued signal": "call(libc.sigqueue(os.getppid(), 0, None))",
    "a limit": "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
    "a child": "os.fork()",
    "a call by path": "socket.socket(socket.AF_UNIX)",
    "a pair that can be turned": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "raw IP": "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
    "echoes": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)",
    "many paths": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)",
    "many paths by IPv6": "socket.socket(socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 262)",
    "shared memory": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 256)",
    "shared memory on top": "socket.socket().setsockopt(socket.IPPROTO_TCP, 31, b'smc')",
    "streams of another kind": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)",
    "packets in order": "socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET)",
    "connecting by sending": "socket.socket().sendto(b'?', socket.MSG_FASTOPEN, ('127.0.0.1', 1))",
    "connecting by a message": "socket.socket().sendmsg([b'?'], [], socket.MSG_FASTOPEN, ('127.0.0.1', 1))",
    "connecting by messages": "call(libc.sendmmsg((end := socket.socket()).fileno(), None, 0, socket.MSG_FASTOPEN))",
    "the routes": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "a server": "socket.socket().bind(('127.0.0.1', 0))",
    "a server on any port": "socket.socket().listen()",
    "a queue of calls": "call(libc.syscall(425, 8, None))",
    "a namespace": "call(libc.unshare(0x10000000))",
    "everybody's turns": "os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_PROCESS, 0))",
    "a kind of turns": "os.sched_setscheduler(os.getppid(), os.SCHED_BATCH, os.sched_param(0))",
    "a processor": "os.sched_setaffinity(os.getppid(), os.sched_getaffinity(os.getppid()))",
    "turns at the disk": "call(libc.syscall(IOPRIO_SET, 3, 0, 0))",
    "a file's mode": "os.chmod('/nowhere', 0o644)",
    "an open file's mode": "os.fchmod(2, 0o644)",
    "a file's owner": "os.chown('/nowhere', -1, -1)",
    "a file's attributes": "os.setxattr('/nowhere', 'user.x', b'')",
    "a file's times": "os.utime('/nowhere')",
    "a file without a name": "os.memfd_create('x')",
    "memory without an owner": "call(libc.shmget(0, 4096, 0o600))",
    "a signal by way of a descriptor": "fcntl.fcntl(one, fcntl.F_SETOWN, os.getppid())",
    "which signal it is": "fcntl.fcntl(one, fcntl.F_SETSIG, 9)",
    "the same by another call": "fcntl.ioctl(one, 0x8901, struct.pack('i', os.getppid()))",
    "attributes by way of a descriptor": "fcntl.ioctl(2, 0x40086602, struct.pack('l', 0))",
    "keystrokes": "fcntl.ioctl(one, 0x5412, b'x')",
}
PROGRAM = """
import asyncio, ctypes, fcntl, os, platform, resource, socket, struct, threading
from bots.confine import confine
TGKILL, IOPRIO_SET = {"x86_64": (234, 251), "aarch64": (131, 30)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
def call(answer):
    if answer == -1:
        raise OSError(ctypes.get_errno(), "refused")
assert confine()
asyncio.run(asyncio.sleep(0))
for family in (socket.AF_INET, socket.AF_INET6):
    socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK).close()
    socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_UDP).close()
    socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, socket.IPPROTO_TCP).close()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    end.sendto(b"?", ("127.0.0.1", 9))
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
one, other = socket.socketpair()
one.sendmsg([b"!"])
assert other.recv(1) == b"!"
fcntl.fcntl(one, fcntl.F_SETFL, fcntl.fcntl(one, fcntl.F_GETFL) | os.O_NONBLOCK)
assert fcntl.ioctl(other, 0x541B, bytes(4)) == bytes(4)  # FIONREAD: nothing to be read
threading.Thread(target=print).start()
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
try:
    %s
except PermissionError:
    os.abort()
"""


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_others_are_out_of_reach_and_itself_it_may_end(deed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM % deed],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -6, done.stderr
