"""The sandbox as a process of its own, which keeps nothing on disk: `python -m scripts.bench_bots.telegram`.

Prints the address it listens on.
"""

from __future__ import annotations

import asyncio
import gc

import uvloop

from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Options

KEPT_CALLS = 20  # of each bot: with ten thousand of them the log would be the largest thing here


async def serve() -> None:
    options = Options(strict=True, redelivery_delay=0.2, kept_calls=KEPT_CALLS, kept_messages=1000)
    async with SandboxServer(options) as server:
        gc.freeze()
        gc.set_threshold(100_000, 50, 50)  # its pauses would be measured as the bots'
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
