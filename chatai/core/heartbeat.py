"""A sign of life from processes that listen on no port: a file whose time of change moves on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chatai.core.settings import Settings

INTERVAL = 5.0  # seconds


def heartbeat_file(settings: Settings, process: str) -> Path:
    """Where a process leaves its sign of life."""
    return settings.run_dir / f"{process}.heartbeat"


async def beat(settings: Settings, process: str) -> None:
    """Touches the file as long as the event loop turns. Start it as a task once the process does its work."""
    file = heartbeat_file(settings, process)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        file.touch()
        await asyncio.sleep(INTERVAL)
