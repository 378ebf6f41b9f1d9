"""What a bot's process reaches of the machine: the code it may still load, how names are looked up, its own folder for
files that people send, and Telegram's port.

It runs under the manager's account, whose secrets, uploads and other bots' files it must not read. It connects by TCP
to no other port, so that a database on the network is out of its reach as well; those behind Unix sockets are by
`confine`, and so is what is neither TCP nor UDP. Without Landlock in the kernel it reaches what the account does; the
manager says so at its start.

What this does not bound: the allowed ports are those of any host, Telegram's on others as well; and Landlock has no
rules for UDP, by which names are looked up. A process that was taken over may send datagrams to any address and port,
to servers on this machine too, and hear what they answer; where that matters, a packet filter has to forbid it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import bots
import chatai
from chatai.core import landlock

_READ = landlock.READ_FILE | landlock.READ_DIR
_RECEIVE = landlock.WRITE_FILE | landlock.TRUNCATE | landlock.MAKE_REG | landlock.REMOVE_FILE
"""Not to read: whoever reads the files is the answer process."""

_NAME_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf")
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/etc/ld.so.cache",  # what is loaded late
    "/usr/share/zoneinfo", "/etc/localtime", "/dev/urandom",
)  # fmt: skip
_LIBRARIES = ("lib", "lib64", "local/lib")
_DNS_PORT = 53


def _readable() -> list[tuple[str, int]]:
    """What every worker may read, with the rights to it.

    Of the module search path only Python's own folders and our packages: the folder that holds ours may hold `.env` and
    `DATA_DIR` too.
    """
    libraries = [
        Path(prefix, below) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix) for below in _LIBRARIES
    ]
    places = [path for path in sys.path if any(Path(path).is_relative_to(folder) for folder in libraries)]
    for package in (bots, chatai):
        places += package.__path__
    for name in _NAME_FILES:
        target = os.path.realpath(name)
        # Where it is a link, whoever writes it makes a new file each time: the folder is allowed.
        places.append(os.path.dirname(target) if target != name else name)
    places += _SYSTEM
    found = {os.path.realpath(path) for path in places if os.path.exists(path)} - {"/", "/etc"}
    folders = {path for path in found if os.path.isdir(path)}
    return [
        (path, _READ if path in folders else landlock.READ_FILE)
        for path in sorted(found)
        if not any(Path(path).is_relative_to(folder) for folder in folders - {path})  # each costs each worker a little
    ]


# Looked for before the fork.
_READABLE = _readable()
landlock.version()


def restrict_reach(incoming: str, api: str) -> bool:
    """From now on, and for good, this process reaches no more than it needs; whether the kernel can do that.

    Args:
        incoming: The bot's own folder for files, made here if need be. Empty: none.
        api: Address of the Bot API server.

    Raises:
        OSError: The kernel can and refused.
    """
    own = [(incoming, _RECEIVE)] if incoming else []
    if incoming:
        with suppress(OSError):  # then no file can be taken, which is told when one comes
            os.makedirs(incoming, mode=0o700, exist_ok=True)
    parts = urlsplit(api)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return landlock.restrict([*_READABLE, *own], (port, _DNS_PORT))


def names_are_out_of_reach() -> bool:
    """Whether a file by which names are looked up was replaced by a new one, which this process may not read."""
    for name in _NAME_FILES[:2]:
        try:
            os.close(os.open(name, os.O_RDONLY | os.O_CLOEXEC))
        except PermissionError:
            return True
        except OSError:
            continue
    return False
