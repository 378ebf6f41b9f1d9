"""ChatAI as the first process of a container."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import psutil
import pytest

APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
PROGRAM = """
import os, signal, time
from pathlib import Path
from chatai.core.first_process import go_beneath

def ended():
    found = []
    for one in Path("/proc").glob("[0-9]*/stat"):
        try:
            found.append(one.read_text().rpartition(")")[2].split()[0] == "Z")
        except FileNotFoundError:
            pass
    return sum(found)

assert os.getpid() == 1
go_beneath()
assert os.getpid() != 1
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
if (child := os.fork()) == 0:
    for _ in range(5):
        if os.fork() == 0:
            os._exit(0)
    os._exit(0)  # whom nobody waits for now
os.waitpid(child, 0)
patience = time.monotonic() + 20
while ended():
    assert time.monotonic() < patience
    time.sleep(0.01)
print("nobody is left", flush=True)
while True:
    signal.pause()
"""


def may_be_apart() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_be_apart(), reason="processes cannot be numbered apart here")
def test_it_takes_what_others_left_behind_and_passes_signals_on() -> None:
    with subprocess.Popen([*APART, sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "nobody is left\n"
        (first,) = psutil.Process(process.pid).children()
        first.send_signal(signal.SIGTERM)
        assert process.wait(30) == 7


def test_elsewhere_nothing_is_done() -> None:
    program = "import os; from chatai.core.first_process import go_beneath; was = os.getpid(); go_beneath(); "
    subprocess.run([sys.executable, "-c", program + "assert os.getpid() == was"], timeout=60, check=True)
