"""Bots as the replaced system ran them: a Node.js process each, idle, with what it had loaded and connected."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chatai.engines.process import parent_death_signal
from scripts.bench_bots.children import Child, ChildFailed, children_of, memory
from scripts.bench_bots.figures import each
from scripts.bench_bots.installation import Installation
from scripts.bench_bots.options import Options

SOURCE = Path(__file__).parent / "node"
INSTALL_PATIENCE = 180.0
SETTLE = 5.0


def packages() -> Path | str:
    """The folder with the bot and its packages, installed once into the user's cache; or why there is none."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "Node.js and npm are not installed, so the replaced system's bot is not measured."
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chatai" / "bench-node"
    done = cache / "installed.lock"
    lock = (SOURCE / "package-lock.json").read_text()
    if not done.exists() or done.read_text() != lock:
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, cache)
        try:
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],  # noqa: S607 - found on PATH above
                cwd=cache, check=True, capture_output=True, timeout=INSTALL_PATIENCE,
                preexec_fn=parent_death_signal(signal.SIGKILL),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"npm did not install the bot's packages within {INSTALL_PATIENCE:.0f} s, so it is not measured."
        except subprocess.CalledProcessError as error:
            last = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
            return f"npm could not install the bot's packages ({' '.join(last)}), so it is not measured."
        done.write_text(lock)
    shutil.copy(SOURCE / "bot.js", cache)
    return cache


async def node(made: Installation, options: Options) -> dict[str, Any]:
    """What one idle bot takes, and what each of some takes. `skipped`: why it could not be measured."""
    folder = await asyncio.to_thread(packages)
    if isinstance(folder, str):
        return {"skipped": folder}
    async with made.http.post(
        f"{made.sandbox_url}/sandbox/bots/many", json={"bots": [{"name": "Node"}] * options.node_bots}
    ) as answer:
        answer.raise_for_status()
        bots = (await answer.json())["bots"]
    children: list[Child] = []
    try:
        for number, bot in enumerate(bots):
            child = Child(
                f"node-{number}", ["node", str(folder / "bot.js")], _environment(made, bot["token"]), made.folder,
                speaks=True,
            )  # fmt: skip
            children.append(child)
            child.start()
            if await child.first_line() != "ready":
                raise child.failure("is not ready")
            if number == 0:
                await asyncio.sleep(SETTLE)
                alone = memory(child.pid)
        await asyncio.sleep(SETTLE)
        if alone is None or any(children_of(child.pid) for child in children):
            raise ChildFailed("a Node.js bot ended, or is not one process")
        figures = {"bots": len(children), "one": {"pss": round(alone.pss, 1), "rss": round(alone.rss, 1)}}
        return {**figures, "each": each([child.pid for child in children])}
    finally:
        for child in children:
            child.kill()


def _environment(made: Installation, token: str) -> dict[str, str]:
    address = urlsplit(made.environment["DATABASE_APP_URL"])
    place = parse_qs(address.query)
    redis = urlsplit(made.valkey.url)
    return {
        "PATH": os.environ["PATH"],
        "NODE_ENV": "production",
        "NTBA_FIX_350": "1",
        "TOKEN": token,
        "TELEGRAM_URL": made.sandbox_url,
        "OPENAI_URL": made.model_url,
        "PG_HOST": place["host"][0],
        "PG_USER": address.username or "",
        "PG_PASSWORD": unquote(address.password or ""),
        "PG_DATABASE": address.path.lstrip("/"),
        "REDIS_SOCKET": unquote(redis.path),
    }
