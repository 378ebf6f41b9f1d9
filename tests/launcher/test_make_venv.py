"""Which Python `make` takes, and what it says where there is none that will do."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "make-venv"
TOOLS = ("sh", "rm", "ls", "sort", "echo", "pwd", "mkdir")


def make(tmp_path: Path, pythons: dict[str, str], *named: str) -> subprocess.CompletedProcess[str]:
    """Runs the script where only these Pythons are found: name → what it is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    for name, script in pythons.items():
        python = folder / name
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return subprocess.run(
        [str(SCRIPT), str(tmp_path / "venv"), *named],
        env={"PATH": str(folder), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


THIS = f"""case "$2" in
    venv) exec mkdir -p "$3/made by ${{0##*/}}";;
    *) exec {os.path.realpath(sys.executable)} "$@";;
esac"""
MUTE = "echo no such command >&2; exit 127"
"""As pyenv does for a version that was not chosen."""
OLD = f"""case "$2" in *'%d.%d'*) echo 3.9;; *'< (3, 11)'*) exit 1;; *) {THIS};; esac"""
BARE = f"""case "$2" in *ensurepip*) exit 1;; *) {THIS};; esac"""


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3": OLD, "python3.12": THIS, "python3.13": THIS}, "python3.13"),
        ({"python3": OLD, "python3.13": MUTE, "python3.12": THIS}, "python3.12"),
        ({"python3": OLD, "python3.13": BARE, "python3.12": THIS}, "python3.12"),
        ({"python3": THIS, "python3.13": MUTE}, "python3"),
    ],
    ids=["the newest", "the next, where the newest does not run", "or has no venv", "and else python3"],
)
def test_the_best_python_is_taken(tmp_path, pythons, taken):
    made = make(tmp_path, pythons)
    assert made.returncode == 0, made.stderr
    assert [path.name for path in (tmp_path / "venv").iterdir()] == [f"made by {taken}"]


@pytest.mark.parametrize(
    ("pythons", "named", "said"),
    [
        ({}, (), "Python was not found as 'python3'. Install Python 3.11 or newer"),
        ({"python3": THIS}, ("python3.99",), "Python was not found as 'python3.99'"),
        ({"python3": OLD}, (), "'python3' is Python 3.9; ChatAI needs 3.11 or newer. Install it"),
        ({"python3": OLD, "python3.11": THIS}, (), "Use the newer one: make up PYTHON=python3.11"),
        ({"python3": OLD, "python3.13": THIS}, ("python3",), "Use the newer one: make up PYTHON=python3.13"),
        ({"python3": BARE}, (), "has no venv module. On Debian and Ubuntu: apt install"),
    ],
)
def test_what_is_missing_is_said_in_a_line(tmp_path, pythons, named, said):
    made = make(tmp_path, pythons, *named)
    assert made.returncode == 1
    assert said in made.stderr
    assert made.stderr.count("\n") == 1
