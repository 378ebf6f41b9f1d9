"""cgroup v2: the part of the tree that was handed over to this process, and how it is divided further. Linux.

A part is taken only where it was handed over: systemd marks it (`Delegate=`), a container has it as the root of its
view, or it was given to this account. What is merely writable, as all is for root, has another owner.

Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://systemd.io/CGROUP_DELEGATION/.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LEAF = "chatai-main"
"""The group into which our processes go: one that hands controllers down may hold none itself."""
MEMORY = "memory"

_ROUNDS = 100
"""So often processes are moved anew before it is given up: meanwhile others may be forked."""
_MARKS = ("user.delegate", "trusted.delegate")


class NotDelegated(Exception):
    """No part of the tree is ours. The message says why, in a few words."""


def find_delegated(needed: str = MEMORY) -> Path:
    """The folder of the group that was handed over to this process, with this controller.

    Raises:
        NotDelegated: There is none.
    """
    own, top = locate_own()
    if os.getpid() not in _processes(own):
        raise NotDelegated(f"{own} is not this process's group")
    if own.name == LEAF and own != top:
        own = own.parent
    check_delegated(own, needed, is_top=own == top)
    return own


def locate_own() -> tuple[Path, Path]:
    """This process's group, and the uppermost one that it sees, as folders. Raises: NotDelegated: It sees none."""
    if sys.platform != "linux":
        raise NotDelegated("this system has no cgroups")
    try:
        return locate(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())
    except OSError:
        raise NotDelegated("/proc can't be read") from None


def locate(groups: str, mounts: str) -> tuple[Path, Path]:
    """A process's group, and the uppermost one that it sees, as folders.

    Args:
        groups: Its `/proc/…/cgroup`.
        mounts: Its `/proc/…/mountinfo`.

    Raises:
        NotDelegated: It sees none.
    """
    path = next((line[3:] for line in groups.splitlines() if line.startswith("0::")), None)
    if path is None:
        raise NotDelegated("the kernel has no cgroup v2")
    reason = "cgroup v2 is not mounted"
    for root, place, options in _mounts(mounts):
        if ".." in (*Path(path).parts, *Path(root).parts) or not Path(path).is_relative_to(root):
            reason = "this process's cgroup can't be seen from here"
        elif "rw" not in options:
            reason = f"{place} can't be written to"
        else:
            return Path(place) / Path(path).relative_to(root), Path(place)
    raise NotDelegated(reason)


def _mounts(mounts: str) -> Iterator[tuple[str, str, list[str]]]:
    """Of each mounted cgroup v2: which of its groups is at the top, where, and with what options."""
    for line in mounts.splitlines():
        fields = line.split()
        with suppress(ValueError):
            if fields[fields.index("-", 6) + 1] == "cgroup2":
                yield _plain(fields[3]), _plain(fields[4]), fields[5].split(",")


def _plain(text: str) -> str:
    """Blanks and the like are written in octal there."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)


def check_delegated(group: Path, needed: str, *, is_top: bool) -> None:
    """Looks whether a group was handed over to this account to be divided.

    Args:
        group: Its folder.
        needed: A controller that it must have.
        is_top: Whether it is the uppermost one that is seen here, as in a container.

    Raises:
        NotDelegated: It was not.
    """
    try:
        kind = _read(group / "cgroup.type")
    except FileNotFoundError:
        raise NotDelegated("this process is in the uppermost cgroup, which is the system's") from None
    except OSError as error:
        raise NotDelegated(f"{group}: {error.strerror}") from None
    if kind != "domain":
        raise NotDelegated(f"{group} is for threads")
    if needed not in _read(group / "cgroup.controllers").split():
        raise NotDelegated(f"{group} has no controller {needed}")
    if not all(os.access(group / file, os.W_OK) for file in ("", "cgroup.procs", "cgroup.subtree_control")):
        raise NotDelegated(f"{group} can't be written to")
    if not (is_top or _is_marked(group) or _is_given(group)):
        raise NotDelegated(f"{group} was not handed over")


def _is_marked(group: Path) -> bool:
    """Whether systemd says so."""
    for mark in _MARKS:
        with suppress(OSError):
            if os.getxattr(group, mark) == b"1":
                return True
    return False


def _is_given(group: Path) -> bool:
    """Whether somebody else gave it to this account. Root's were given by nobody."""
    own = os.geteuid()
    return own != 0 and group.stat().st_uid == own != group.parent.stat().st_uid


def hand_down(group: Path, controller: str) -> None:
    """Has a controller act on the groups below this one. Processes in the group itself are moved to its leaf, if they
    are in the way. Two may do it at once.

    Raises:
        OSError: It may not be done.
    """
    for left in reversed(range(_ROUNDS)):
        try:
            write(group / "cgroup.subtree_control", f"+{controller}")
            return
        except OSError as error:
            # Busy: there are processes in it. Some may have been forked meanwhile, and one that can't be seen stays.
            if error.errno != errno.EBUSY or not left:
                raise
        _clear(group)


def _clear(group: Path) -> None:
    """Moves the processes that are in a group itself to its leaf. Raises: OSError: One may not be moved."""
    processes = list(filter(None, _processes(group)))
    if processes:
        (group / LEAF).mkdir(exist_ok=True)
    for process in processes:
        with suppress(ProcessLookupError):  # it has ended
            write(group / LEAF / "cgroup.procs", process)


def write(file: Path | str, value: object) -> None:
    """Into a file of the kernel's: one call. Raises: OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def _read(file: Path) -> str:
    return file.read_text().strip()


def _processes(group: Path) -> list[int]:
    """Their ids; 0 is one that can't be seen from here."""
    return [int(line) for line in _read(group / "cgroup.procs").split()]
