"""Groups of the real kernel's for tests, where it lets us make some: as root, or in a part that was handed over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chatai.core import cgroup
from chatai.integrations.reader.surroundings import PROJECT_ROOT


class NoGroups(Exception):
    """None can be made here; the message says why."""


@contextmanager
def handed_over(*wanted: str) -> Iterator[tuple[Path, str]]:
    """A fresh group that is marked as handed over, and its controller: the first wanted one that there is. Where
    none is named, any does by which a group that is divided may hold no processes.

    Raises:
        NoGroups: It can't be made.
    """
    parent = _place()
    there = (parent / "cgroup.controllers").read_text().split()
    controller = next((name for name in wanted or (cgroup.MEMORY, "io", "hugetlb") if name in there), None)
    if controller is None:
        raise NoGroups(f"{parent} has no controller {' or '.join(wanted) or 'that fits'}")
    before = (parent / "cgroup.subtree_control").read_text().split()
    group = parent / f"chatai-test-{os.getpid()}"
    try:
        cgroup.hand_down(parent, controller)
        group.mkdir()
        os.setxattr(group, "user.delegate", b"1")
    except OSError as error:
        raise NoGroups(f"no group can be made in {parent}: {error.strerror}") from None
    try:
        yield group, controller
    finally:
        remove(group)
        if controller not in before:
            with suppress(OSError):
                cgroup.write(parent / "cgroup.subtree_control", f"-{controller}")


@contextmanager
def handed_over_or_skipped(why: str, *wanted: str) -> Iterator[tuple[Path, str]]:
    """As `handed_over`; where that is not possible, the test is skipped for this reason."""
    try:
        with handed_over(*wanted) as found:
            yield found
    except NoGroups as reason:
        pytest.skip(f"{why}: {reason}")


def _place() -> Path:
    """The group in which a test's may be made. The uppermost of all may hold processes and be divided nevertheless."""
    with suppress(cgroup.NotDelegated):
        return cgroup.find_delegated()
    try:
        _, top = cgroup.locate(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())
    except (cgroup.NotDelegated, OSError) as why:
        raise NoGroups(str(why)) from None
    if (top / "cgroup.type").exists() or not os.access(top / "cgroup.subtree_control", os.W_OK):
        raise NoGroups(f"{top} is not ours to divide")
    return top


def remove(group: Path) -> None:
    """With all that runs in it."""
    for below in sorted((group, *(path for path in group.rglob("*") if path.is_dir())), reverse=True):
        with suppress(FileNotFoundError):
            for process in members(below):
                with suppress(ProcessLookupError):
                    os.kill(process, 9)
            until_removed(below)


def until_removed(group: Path) -> None:
    """A process that was killed is in its group until it has ended."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return group.rmdir()
        except OSError:
            if time.monotonic() > deadline or not group.exists():
                raise


def members(group: Path) -> list[int]:
    return [int(line) for line in (group / "cgroup.procs").read_text().split()]


def run_in(group: Path | None, program: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python program as a process of this group, or of ours; it may be written to and read from."""
    enter = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')\n" if group is not None else ""
    return subprocess.Popen(
        [sys.executable, "-c", enter + program, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
