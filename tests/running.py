"""A running `chatai up` and what belongs to it. `environment` and `start` are fixtures: import them to use them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from chatai.core.settings import Settings
from chatai.launcher.checks import MARK
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[1]
FIRST_START = 240  # seconds, with the pages' build


class Up:
    """A running `chatai up` and its console."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chatai.cli", "up"],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # as in a terminal: a group that Ctrl-C reaches as a whole
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.text += line

    async def ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.text
            return "Stop it with Ctrl-C." in self.text

        try:
            await eventually(is_ready, patience=FIRST_START)
        except AssertionError:
            raise AssertionError(self.text) from None

    def ended(self) -> tuple[int, str]:
        """Waits for its end: exit code and everything it said."""
        code = self.process.wait(60)
        self._reader.join(10)
        return code, self.text


def of_installation(data: Path) -> list[psutil.Process]:
    """Every live process that belongs to the installation in this folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            marked = process.environ().get(MARK) == str(data / "run")
            if (marked or process.cwd().startswith(str(data))) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.fixture
def environment(tmp_path: Path, free_port: Callable[[], int]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DATA_DIR": str(tmp_path / "data"),
        "PORT": str(free_port()),
        "BOTS_PORT": str(free_port()),
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Up]]:
    started: list[Up] = []

    def launch() -> Up:
        started.append(Up(environment, tmp_path))
        return started[-1]

    yield launch
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
    for process in of_installation(tmp_path / "data"):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
