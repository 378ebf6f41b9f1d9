"""Supervision of one process, on small programs that crash, hang and refuse to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from chatai.core.heartbeat import beat, heartbeat_file
from chatai.core.settings import Settings
from chatai.launcher import service as supervision
from chatai.launcher.console import Screen
from chatai.launcher.run import stopping_signals
from chatai.launcher.service import Health, HeartbeatHealth, HttpHealth, Service
from tests.waiting import eventually

WEB = """
import http.server, os, signal, subprocess, sys, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/hang":
            time.sleep(600)
        self.send_response({status})
        self.end_headers()
    def log_message(self, *arguments): pass
{before}
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", {port}), Page).serve_forever()
"""


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def start(output: StringIO, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    monkeypatch.setattr(supervision, "CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(supervision, "ANSWER_PATIENCE", 0.2)
    monkeypatch.setattr(supervision, "MISSED_CHECKS", 2)
    screen = Screen(Console(file=output, width=200))

    @asynccontextmanager
    async def run(before: str = "", status: str = "200", stop_patience: float = 5) -> AsyncIterator[Service]:
        port = free_port()
        program = WEB.format(before=before, status=status, port=port)
        service = Service(
            "web",
            [sys.executable, "-c", program],
            dict(os.environ),
            HttpHealth("127.0.0.1", port),
            screen,
            stop_patience,
        )
        task = asyncio.create_task(service.run())
        try:
            yield service
        finally:
            await service.stop()
            await task

    return run


async def test_a_process_that_is_killed_is_started_again(start: Callable[..., object], output: StringIO) -> None:
    async with start() as service:
        await asyncio.wait_for(service.ready.wait(), 20)
        first = service.pid
        psutil.Process(first).kill()
        await eventually(lambda: service.pid not in (None, first))
    assert "ended by SIGKILL; starting it again in" in output.getvalue()
    assert "web      │ listening" in output.getvalue()


async def test_a_process_that_hangs_is_started_again(start: Callable[..., object], output: StringIO) -> None:
    async with start() as service:
        await asyncio.wait_for(service.ready.wait(), 20)
        first = service.pid
        psutil.Process(first).suspend()
        await eventually(lambda: service.pid not in (None, first))
        assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE
    assert "did not react to 2 checks" in output.getvalue()


async def test_a_process_whose_database_is_away_is_left_alone(start: Callable[..., object], tmp_path: Path) -> None:
    """503 says that something it needs is away; starting the process again would not bring that back."""
    flag = tmp_path / "away"
    async with start(status=f"503 if os.path.exists({str(flag)!r}) else 200") as service:
        await asyncio.wait_for(service.ready.wait(), 20)
        first = service.pid
        flag.touch()
        health = service._health
        await eventually(lambda: _not_ready(health))
        for _ in range(5):
            assert await health.alive()
            assert not await health.ready(0)
        assert service.pid == first


async def _not_ready(health: Health) -> bool:
    return not await health.ready(0)


async def test_what_never_starts_is_given_up_with_its_words(start: Callable[..., object], output: StringIO) -> None:
    async with start(before="raise SystemExit('no such thing')") as service:
        await asyncio.wait_for(service.gave_up.wait(), 30)
        assert not service.ready.is_set()
    assert output.getvalue().count("no such thing") == supervision.STARTS_BEFORE_GIVING_UP


async def test_a_process_that_refuses_to_stop_is_killed_with_its_children(
    start: Callable[..., object], output: StringIO
) -> None:
    stubborn = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('child', child.pid, flush=True)"
    )
    async with start(before=stubborn, stop_patience=0.3) as service:
        await asyncio.wait_for(service.ready.wait(), 20)
        pid = service.pid
        child = int(next(line for line in output.getvalue().splitlines() if "child" in line).split()[-1])
    for one in (pid, child):
        await eventually(lambda one=one: not _lives(one))
    assert "did not end within" in output.getvalue()


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_markup_in_a_line_is_shown_as_it_is(start: Callable[..., object], output: StringIO) -> None:
    async with start(before="print('[bold]x[/bold] [/]', flush=True)") as service:
        await asyncio.wait_for(service.ready.wait(), 20)
    assert "[bold]x[/bold] [/]" in output.getvalue()


async def test_a_heartbeat_is_seen(settings: Settings) -> None:
    file = heartbeat_file(settings, "jobs")
    health = HeartbeatHealth(file, longest_gap=30)
    assert not await health.alive()
    task = asyncio.create_task(beat(settings, "jobs"))
    await eventually(health.alive)
    assert await health.ready(since=0)
    task.cancel()
    stopped = file.stat().st_mtime - 60
    os.utime(file, (stopped, stopped))
    assert not await health.alive()


def test_the_terminals_end_stops_chatai_unless_it_was_started_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stopping_signals() == [signal.SIGINT, signal.SIGTERM]
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert signal.SIGHUP in stopping_signals()
    finally:
        signal.signal(signal.SIGHUP, before)
