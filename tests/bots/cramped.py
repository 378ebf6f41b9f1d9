"""A zygote that the kernel lets fork no more after SIGUSR1, and again after SIGUSR2. `python -m tests.bots.cramped FD`.

The limit is that on the processes of one account, RLIMIT_NPROC. Root has none, so the zygote is an account of its own
there.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

import bots.zygote

NOBODY = 2**31 - 2
"""No account has this id."""


class Cramped(bots.zygote.Zygote):
    """Forks while it may."""

    def serve(self) -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_NPROC, (1, hard)))
        signal.signal(signal.SIGUSR2, lambda *_: resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard)))
        super().serve()


if __name__ == "__main__":
    bots.zygote.Zygote = Cramped  # type: ignore[misc]
    bots.zygote.main(int(sys.argv[1]))
