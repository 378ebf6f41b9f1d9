"""The group that was handed over to a process is found, and nobody else's is taken for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatai.core import cgroup
from tests.cgroups import handed_over_or_skipped, members, run_in

UNIT = "0::/system.slice/chatai.service\n"
MOUNT = "31 24 0:27 {root} {place} {options},nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
PROC = "25 1 0:23 / /proc rw - proc proc rw\n"


def mount(root: str = "/", place: str = "/sys/fs/cgroup", options: str = "rw") -> str:
    return PROC + MOUNT.format(root=root, place=place, options=options)


@pytest.mark.parametrize(
    ("groups", "mounts", "own", "top"),
    [
        (UNIT, mount(), "/sys/fs/cgroup/system.slice/chatai.service", "/sys/fs/cgroup"),
        ("0::/\n", mount(), "/sys/fs/cgroup", "/sys/fs/cgroup"),  # a container's namespace
        ("0::/docker/1f\n", mount("/docker/1f"), "/sys/fs/cgroup", "/sys/fs/cgroup"),
        ("0::/docker/1f/chatai-main\n", mount("/docker/1f"), "/sys/fs/cgroup/chatai-main", "/sys/fs/cgroup"),
        ("4:memory:/jobs\n0::/a b\n", mount(place=r"/mnt/my\040groups"), "/mnt/my groups/a b", "/mnt/my groups"),
        (UNIT, mount(options="ro") + mount(place="/mnt"), "/mnt/system.slice/chatai.service", "/mnt"),
    ],
)
def test_a_process_finds_its_group(groups: str, mounts: str, own: str, top: str) -> None:
    assert cgroup.locate(groups, mounts) == (Path(own), Path(top))


@pytest.mark.parametrize(
    ("groups", "mounts", "why"),
    [
        ("4:memory:/jobs\n", mount(), "no cgroup v2"),
        ("", mount(), "no cgroup v2"),
        (UNIT, PROC, "not mounted"),
        (UNIT, "31 24 0:27 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n", "not mounted"),
        (UNIT, mount(options="ro"), "can't be written"),
        (UNIT, mount("/system.slice/other.service"), "can't be seen"),
        ("0::/docker/1f2\n", mount("/docker/1f"), "can't be seen"),
        ("0::/../1f\n", mount(), "can't be seen"),
        ("0::/1f\n", mount("/.."), "can't be seen"),
    ],
)
def test_it_says_why_it_finds_none(groups: str, mounts: str, why: str) -> None:
    with pytest.raises(cgroup.NotDelegated, match=why):
        cgroup.locate(groups, mounts)


def test_what_is_no_group_is_not_divided(tmp_path: Path) -> None:
    with pytest.raises(cgroup.NotDelegated, match="uppermost"):
        cgroup.check_delegated(tmp_path, "memory", is_top=True)


@pytest.fixture(scope="module")
def ours() -> Iterator[tuple[Path, str]]:
    with handed_over_or_skipped("the kernel lets us make no groups") as found:
        yield found


FIND = """
import os, sys
from chatai.core import cgroup
if sys.argv[2:]:
    os.setuid(int(sys.argv[2]))
try:
    print(cgroup.find_delegated(sys.argv[1]))
except cgroup.NotDelegated as why:
    print("none:", why)
"""


def found_in(group: Path, controller: str, *account: str) -> str:
    return run_in(group, FIND, controller, *account).communicate()[0].strip()


def test_a_group_is_ours_when_it_was_handed_over(ours: tuple[Path, str]) -> None:
    group, controller = ours
    assert found_in(group, controller) == str(group)
    assert found_in(group, "no-such") == f"none: {group} has no controller no-such"
    within = group / "within"
    within.mkdir()
    cgroup.hand_down(group, controller)
    assert found_in(within, controller) == f"none: {within} was not handed over"
    (group / cgroup.LEAF).mkdir(exist_ok=True)
    assert found_in(group / cgroup.LEAF, controller) == str(group)
    within.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")
def test_a_group_is_ours_when_it_was_given_to_our_account(ours: tuple[Path, str]) -> None:
    group, controller = ours
    given, nobody = group / "given", 65534
    given.mkdir()
    cgroup.hand_down(group, controller)
    assert found_in(given, controller, str(nobody)) == f"none: {given} can't be written to"
    for file in ("", "cgroup.procs", "cgroup.subtree_control"):
        os.chown(given / file, nobody, nobody)
    assert found_in(given, controller, str(nobody)) == str(given)
    given.rmdir()


DIVIDE = """
import sys
from pathlib import Path
from chatai.core import cgroup
print("here", flush=True)
sys.stdin.readline()
cgroup.hand_down(Path(sys.argv[1]), sys.argv[2])
print("done", flush=True)
sys.stdin.read()
"""
FORK = """
import os
print("here", flush=True)
while True:
    if os.fork() == 0:
        os._exit(0)
    os.wait()
"""


def test_two_divide_a_group_at_once_while_its_processes_fork(ours: tuple[Path, str]) -> None:
    group, controller = ours
    group = group / "divided"
    group.mkdir()
    cgroup.hand_down(group.parent, controller)
    two = [run_in(group, DIVIDE, str(group), controller) for _ in range(2)]
    forking = run_in(group, FORK)
    everybody: list[subprocess.Popen[str]] = [*two, forking]
    for one in everybody:
        assert one.stdout is not None
        assert one.stdout.readline() == "here\n"
    for one in two:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    for one in two:
        assert one.stdout is not None
        assert one.stdout.readline() == "done\n"
    assert members(group) == []
    assert {one.pid for one in two} < set(members(group / cgroup.LEAF))
    assert (group / "cgroup.subtree_control").read_text().split() == [controller]
    for process in everybody:
        process.kill()
        process.communicate()
