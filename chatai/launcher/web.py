"""How the web process is started: by `chatai up`, by `chatai web`, by a service manager, always the same."""

from __future__ import annotations

import sys

from chatai.core.settings import Settings


def web_command(settings: Settings, *, redis: bool) -> list[str]:
    """Program and arguments. Its environment must hold `Frontend.environment()`.

    Args:
        settings: Address, port and number of workers.
        redis: Whether `REDIS_URL` is set: without it the pages' state lives in one worker, so there may be one only.
    """
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "asgi",
        "--factory",
        "--host",
        settings.host,
        "--port",
        str(settings.port),
        "--workers",
        str(settings.web_workers if redis else 1),
        "--workers-kill-timeout",
        "3",
        "--log-level",
        "error",  # its warning about killed workers comes at every stop, by a race in its own waiting
        "chatai.chatai:app",
    ]
