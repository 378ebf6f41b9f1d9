"""Forks of the zygote: Python's own modules do nothing at them, others do what they want."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os
from bots import bare_forks
import asyncio, concurrent.futures.thread, logging, random, threading

os.register_at_fork(after_in_child=lambda: print("told", flush=True))
random.seed(1)
state = random.getstate()
pid = os.fork()
if pid == 0:
    assert random.getstate() == state  # nobody has begun it anew
    assert threading.current_thread() is threading.main_thread()
    random.seed()
    asyncio.run(asyncio.to_thread(logging.warning, "served"))  # a loop, a thread, locks
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
"""


def test_a_forked_process_works_without_what_pythons_modules_do_at_a_fork():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr
    assert "served" in done.stderr
