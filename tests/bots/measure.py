"""Measures the bots on this machine: memory of every process, cold wake, warm answer. Not a test.

python -m tests.bots.measure [BOTS]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bots.sandbox.state import SandboxBot
from chatai import migrate
from chatai.core.settings import Settings
from chatai.domains.channels import service
from chatai.engines import EmbeddedPostgres
from tests.bots.world import SECRET_KEY, World, open_world
from tests.fakes.openai import Plan
from tests.waiting import eventually


def memory(pid: int) -> tuple[float, float]:
    """PSS and private memory of a process, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kb["Pss"] / 1024, (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024


def show(name: str, pids: list[int]) -> None:
    figures = [memory(pid) for pid in pids]
    pss, own = (statistics.median(column) for column in zip(*figures, strict=True))
    print(f"{name:42} PSS {pss:7.1f} MB   own {own:7.1f} MB   ({len(pids)} processes)")


async def ask(world: World, bot: SandboxBot, words: str) -> float:
    """Milliseconds from the person's message to the first message of the bot."""
    chat = world.chat(bot)
    before = len(world.said(bot, chat))
    changed = asyncio.Event()
    bot.watchers.add(changed)
    started = time.perf_counter()
    world.write(bot, chat, words)
    while len(world.said(bot, chat)) == before:
        await asyncio.wait_for(changed.wait(), 30)
        changed.clear()
    bot.watchers.discard(changed)
    return (time.perf_counter() - started) * 1000


def quantiles(name: str, values: list[float]) -> None:
    values.sort()
    print(f"{name:42} p50 {statistics.median(values):6.0f} ms   p95 {values[int(len(values) * 0.95) - 1]:6.0f} ms")


async def measure(world: World, count: int) -> None:
    started = time.perf_counter()
    await world.manager.zygote.start()
    print(f"{'zygote ready after':42} {time.perf_counter() - started:6.1f} s")
    pairs = [await world.new_bot(f"Bot {number}") for number in range(count)]
    runners = [world.runner(view) for _, view in pairs]
    await eventually(lambda: all(runner.worker for runner in runners), patience=60)
    await asyncio.sleep(1)
    pids = [runner.worker.pid for runner in runners if runner.worker]
    show("worker, idle, has answered nothing", pids)
    await ask(world, pairs[0][0], "/help")
    quantiles("/help, warm worker (no model)", [await ask(world, bot, "/help") for bot, _ in pairs])
    world.model.plan = Plan(answers=["The answer is **42** [1]."] * count * 10)
    await ask(world, pairs[0][0], "What is the answer?")
    quantiles("question, warm worker (fake model)", [await ask(world, bot, "What is the answer?") for bot, _ in pairs])
    await asyncio.sleep(1)
    show("worker, has answered", pids)
    show("zygote", [world.manager.zygote.pid or 0])
    show("answer process", world.manager.answers.pids)
    async with world.database.workspace(world.actor.workspace_id) as uow:
        for _, view in pairs:
            await service.stop_bot(uow, world.actor, view.id)
            await service.start_bot(uow, world.actor, view.id)
    await asyncio.sleep(2)
    for _, view in pairs:
        await world.until_state(view, "running", "sleeping")
    await eventually(lambda: world.manager.status()["live"] == 0, patience=120)
    quantiles("/help, cold: fork and answer", [await ask(world, bot, "/help") for bot, _ in pairs])


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedPostgres(folder / "pg", folder / "run", folder / "secrets", folder / "postgres.log")
        server.start()
        try:
            migrate.run(Settings(_env_file=None, secret_key=SECRET_KEY), server.owner_url("chatai"))
            async with open_world(server, "chatai", folder, 39_871, webhook=True, BOT_IDLE_SECONDS="8") as world:
                await measure(world, count)
        finally:
            server.stop(at_once=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
