"""What a process reaches that gave up all but a few files and a port, by the kernel's word."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chatai.core import landlock
from chatai.integrations.reader.surroundings import PROJECT_ROOT

pytestmark = pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")

PROGRAM = """
import os, socket, sys
from chatai.core import landlock as l
folder, port, other = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
open_before = open(folder + "/shut/file")
paths = [(folder + "/read", l.READ_FILE | l.READ_DIR), (folder + "/fill", l.WRITE_FILE | l.MAKE_REG)]
paths += [(folder + "/none", l.READ_FILE)]
"a".encode("idna")  # loads what sockets load late
assert l.restrict(paths, [port])
def tried(deed):
    try:
        deed()
    except PermissionError:
        return "refused"
    return "done"
print(
    tried(lambda: open(folder + "/read/file").read()),
    tried(lambda: os.listdir(folder + "/read")),
    tried(lambda: open_before.read()),
    tried(lambda: open(folder + "/fill/new", "x").write("!")),
    tried(lambda: socket.create_connection(("127.0.0.1", port))),
    tried(lambda: open(folder + "/read/new", "x")),
    tried(lambda: open(folder + "/read/../shut/file")),
    tried(lambda: open(folder + "/read/way/file")),
    tried(lambda: open(folder + "/fill/new")),
    tried(lambda: os.listdir(folder)),
    tried(lambda: os.mkdir(folder + "/fill/folder")),
    tried(lambda: os.symlink("file", folder + "/fill/link")),
    tried(lambda: os.rename(folder + "/shut/file", folder + "/fill/file")),
    tried(lambda: open("/proc/self/environ")),
    tried(lambda: socket.create_connection(("127.0.0.1", other))),
    tried(lambda: socket.create_server(("127.0.0.1", 0))),
)
"""


@pytest.mark.skipif(landlock.version() < 4, reason="the kernel's Landlock knows no ports")
def test_nothing_is_reached_but_what_was_named(tmp_path: Path) -> None:
    for name in ("read", "fill", "shut"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("words")
    (tmp_path / "read" / "way").symlink_to(tmp_path / "shut")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(server.getsockname()[1]) for server in (one, other)]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path), *ports],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout.split() == ["done"] * 5 + ["refused"] * 11, done.stderr
    assert (tmp_path / "fill" / "new").read_text() == "!"


def test_a_kernel_without_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert not landlock.restrict([("/", landlock.READ_FILE)], [])
    assert Path("/etc/hosts").read_bytes() is not None
