"""What a process weighs, and how little is done to see that it weighs the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bots import memory
from bots.memory import Scales, own_kilobytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory of one's own is seen elsewhere")

GROWING = """
import sys
held = []
print("ready", flush=True)
for line in sys.stdin:
    held = [bytearray(b"x" * 100_000) for _ in range(int(line))]
    print("done", flush=True)
"""


class Process:
    """A process that holds as many pieces of 100 kB as it is told."""

    def __init__(self) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-c", GROWING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._hear()

    def hold(self, pieces: int) -> None:
        assert self.child.stdin is not None
        print(pieces, file=self.child.stdin, flush=True)
        self._hear()

    def _hear(self) -> None:
        assert self.child.stdout is not None
        assert self.child.stdout.readline()


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process()
    yield made
    made.child.kill()
    made.child.communicate()


def test_a_process_is_weighed_again_when_it_has_changed(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look(pid: int) -> int | None:
        looks.append(pid)
        return own_kilobytes(pid)

    monkeypatch.setattr(memory, "own_kilobytes", look)
    scales, pid = Scales(), process.child.pid
    first = scales.weigh(pid)
    assert first
    assert [scales.weigh(pid) for _ in range(3)] == [first] * 3
    assert looks == [pid]
    process.hold(100)
    grown = scales.weigh(pid)
    assert grown
    assert grown > first + 9_000
    process.hold(0)
    left = scales.weigh(pid)
    assert left
    assert left < first + 2_000
    assert len(looks) == 3


def test_who_has_ended_weighs_nothing_and_is_forgotten(process: Process) -> None:
    scales, pid = Scales(), process.child.pid
    assert scales.weigh(pid)
    scales.forget_others([pid + 1])
    assert not scales._known
    process.child.kill()
    process.child.wait()
    assert scales.weigh(pid) is None
