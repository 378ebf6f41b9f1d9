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
}
PROGRAM = """
import ctypes, os, platform, resource
from bots.confine import confine
TGKILL = {"x86_64": 234, "aarch64": 131}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
def call(answer):
    if answer == -1:
        raise OSError(ctypes.get_errno(), "refused")
assert confine()
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
