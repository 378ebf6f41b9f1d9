"""A local Telegram Bot API server with a chat page: try, test and measure bots with no Telegram."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys

from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Options
from chatai.core.settings import SettingsError, get_settings

__all__ = ["main"]


def main(*, strict: bool = False) -> None:
    """`chatai sandbox`: runs until Ctrl-C. `strict`: tokens that were not made here are refused.

    Raises:
        SystemExit: It can't start; one line on stderr says why and what helps.
    """
    try:
        settings = get_settings()
        options = Options(strict=strict, keep_path=settings.data_dir.absolute() / "sandbox" / "sandbox.json")
        runner = asyncio.Runner(loop_factory=_loop_factory())
        with runner:
            runner.run(_serve(options, settings.sandbox_host, settings.sandbox_port))
    except (SettingsError, ValueError) as error:
        sys.exit(str(error))
    except OSError as error:
        if error.filename:
            sys.exit(f"{error.filename} can't be written: {error.strerror}. Set DATA_DIR to a folder of yours.")
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"Port {settings.sandbox_port} is taken by another program. Stop it, or set SANDBOX_PORT.")
        place = f"{settings.sandbox_host}:{settings.sandbox_port}"
        sys.exit(f"{place} can't be used: {error.strerror}. Set SANDBOX_HOST or SANDBOX_PORT.")


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None  # uvloop does not exist there
    import uvloop

    return uvloop.Loop


async def _serve(options: Options, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with SandboxServer(options, host=host, port=port, names=frozenset({host})) as server:
        print(f"The sandbox's page and Bot API server: {server.url}")
        print(f"To point ChatAI at it: TELEGRAM_API_URL={server.url}", flush=True)
        await stop.wait()
