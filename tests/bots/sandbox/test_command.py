"""`chatai sandbox` as a process: what it prints, how it stops, and what it says when it can't start."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

import aiohttp


async def start(data: Path, port: int) -> Process:
    environment = {**os.environ, "DATA_DIR": str(data), "SANDBOX_PORT": str(port), "ENVIRONMENT": "local"}
    code = "from bots.sandbox import main; main()"
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment, stdout=PIPE, stderr=PIPE)


async def ended(process: Process) -> tuple[int, str]:
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode().strip()


async def test_it_serves_says_where_and_stops_at_ctrl_c(tmp_path: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    process = await start(tmp_path, port)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        first, second = await process.stdout.readline(), await process.stdout.readline()
    assert first.decode().strip() == f"The sandbox's page and Bot API server: http://127.0.0.1:{port}"
    assert second.decode().strip() == f"To point ChatAI at it: TELEGRAM_API_URL=http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        async with http.post("/sandbox/bots", json={"name": "Kept"}) as answer:
            assert answer.status == 201
        rival = await start(tmp_path, port)
        assert await ended(rival) == (
            1,
            f"Port {port} is taken by another program. Stop it, or set SANDBOX_PORT.",
        )
    process.send_signal(signal.SIGINT)
    assert await ended(process) == (0, "")
    assert "Kept" in await asyncio.to_thread((tmp_path / "sandbox" / "sandbox.json").read_text)


async def test_a_damaged_file_is_one_clear_line(tmp_path: Path, free_port: Callable[[], int]) -> None:
    path = tmp_path / "sandbox" / "sandbox.json"
    await asyncio.to_thread(path.parent.mkdir)
    await asyncio.to_thread(path.write_text, "{")
    status, said = await ended(await start(tmp_path, free_port()))
    assert status == 1
    assert said.startswith(f"{path} is damaged")
    assert "\n" not in said
