"""As the first process of a container ChatAI has a duty of the system's: to take what others leave behind.

Whose parent has gone becomes the first process's child, and stays as an ended one until that asks for it: bots'
processes do when the process goes that they were made from. So ChatAI itself goes on beneath the first process, which
does nothing but that, and passes signals on. Under systemd, or with an init of the container's, there is nothing to do.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def go_beneath() -> None:
    """Where this is the first process, returns in a child of it: the first process ends as the child does."""
    if os.getpid() != 1:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        return

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    for number in PASSED_ON:
        # Ctrl-C in a terminal reaches the child as well.
        by_terminal = number == signal.SIGINT and os.isatty(0)
        signal.signal(number, signal.SIG_IGN if by_terminal else pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            sys.stdout.flush()
            os._exit(code if code >= 0 else 128 - code)
