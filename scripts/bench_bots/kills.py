"""Kills parts of a running installation under load, and counts what became of every question.

What counts is what people see, at the sandbox: for each question exactly one complete answer in its chat, and nothing
else from the bot. Each question has a chat and a mark of its own, so none is mistaken for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import psutil
from sqlalchemy import text

from chatai.core.database import DatabaseAway
from scripts.bench_bots.children import ChildFailed, family
from scripts.bench_bots.installation import Answer, Installation, Registered

WINDOW = 2.0  # seconds of each of the loads that make up the long one
PATIENCE = 90.0
SAMPLES = 5
ANSWER = "The documents say that it is so, and they give their reasons for it [1]. The question was {last}"
IN_FLIGHT = {"first_token_delay": 0.15, "token_delay": 0.015}
"""An answer takes half a second, so that a kill meets some of them in every stage."""

_REPEATED = text(
    "SELECT b.telegram_id, u.chat_id, sum(u.sends_repeated) FROM bot_update u JOIN bot b ON b.id = u.bot_id"
    " WHERE u.sends_repeated > 0 GROUP BY 1, 2"
)
_UNDONE = text("SELECT count(*) FROM bot_update WHERE state IN ('new', 'taken')")
_ROW = text(
    "SELECT u.state, u.attempts, u.sends_begun, u.reply_message_ids, u.error FROM bot_update u"
    " JOIN bot b ON b.id = u.bot_id WHERE b.telegram_id = :bot AND u.chat_id = :chat"
)
_STATES = text("SELECT state, count(*) FROM bot GROUP BY state")
_PIDS = text("SELECT b.telegram_id, l.pid FROM bot_live l JOIN bot b ON b.id = l.bot_id WHERE l.pid IS NOT NULL")


@dataclass
class Outcome:
    """What became of a campaign. `repeated`: messages that came twice in the one window that Telegram leaves open, each
    of them counted by the product itself; `twice`: all others. `recoveries`: seconds from a kill until a question that
    was asked at that moment was answered."""

    kind: str
    kills: int = 0
    asked: int = 0
    lost: int = 0
    twice: int = 0
    repeated: int = 0
    apologies: int = 0
    recoveries: list[float] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)


class Keeper:
    """Starts the manager again whenever it is gone, as the launcher or systemd does."""

    def __init__(self, made: Installation) -> None:
        self._made = made
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._task  # noqa: S101 - entered
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _keep(self) -> None:
        while True:
            if not self._made.manager.running:
                with contextlib.suppress(ChildFailed):
                    await self._made.start_manager()
            await asyncio.sleep(0.05)


class Campaign:
    """Kills of one kind, with people asking all the time."""

    def __init__(self, made: Installation, kind: str, rate: float) -> None:
        self._made = made
        self._kind = kind
        self._rate = rate
        self._asked: list[Answer] = []
        self._loads: set[asyncio.Task[list[Answer]]] = set()
        self.outcome = Outcome(kind)

    async def run(self, kills: int, pause: tuple[float, float] = (1.0, 3.0)) -> Outcome:
        """Kills so many times, each time after a random pause and once the last kill is got over."""
        asking = asyncio.create_task(self._ask())
        try:
            await asyncio.sleep(WINDOW)
            for _ in range(kills):
                await asyncio.sleep(random.uniform(*pause))
                await self._once()
        finally:
            asking.cancel()
            await asyncio.wait({asking})
        for rows in await asyncio.gather(*self._loads):
            self._asked += rows
        await self._quiet()
        await self._count()
        return self.outcome

    async def _ask(self) -> None:
        """People go on asking, each in a chat of their own."""
        while True:
            self._loads.add(asyncio.create_task(self._load(rate=self._rate, seconds=WINDOW)))
            await asyncio.sleep(WINDOW)

    async def _load(self, **plan: Any) -> list[Answer]:
        return await self._made.load(
            numbered=True, mark="", patience=PATIENCE, **{"bots": [bot.number for bot in self._made.bots], **plan}
        )

    async def _once(self) -> None:
        """One kill, and a question at that moment to a bot that feels it."""
        kill, victim = await _choose(self._made, self._kind)
        began = time.time()
        probe = asyncio.create_task(self._load(bots=[victim.number], questions=1))
        self._loads.add(probe)
        await kill()
        self.outcome.kills += 1
        (answer,) = await probe
        if answer.complete is not None:
            self.outcome.recoveries.append(answer.due + answer.complete / 1000 - began)

    async def _quiet(self) -> None:
        """Until nothing is undone any more, or nobody can hope for it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(DatabaseAway):
                async with self._made.database.system() as uow:
                    undone = (await uow.session.execute(_UNDONE)).scalar_one()
                if not undone and not await self._pending():
                    return
            await asyncio.sleep(0.2)

    async def _pending(self) -> int:
        """How many updates the sandbox has still to bring, or polls to bring them to."""
        return sum(bot["pending_update_count"] for bot in await self._made.bots_at_telegram())

    async def _count(self) -> None:
        async with self._made.database.system() as uow:
            repeated = Counter({(row[0], row[1]): int(row[2]) for row in await uow.session.execute(_REPEATED)})
            self.outcome.states = {row[0]: row[1] for row in await uow.session.execute(_STATES)}
        chats = {(answer.bot, answer.chat) for answer in self._asked}
        self.outcome.asked = len(self._asked)
        for bot, chat in sorted(chats):
            if strange := self._judge(bot, await self._messages(bot, chat), repeated[bot, chat]):
                async with self._made.database.system() as uow:
                    rows = (await uow.session.execute(_ROW, {"bot": bot, "chat": chat})).all()
                self.outcome.samples.append(f"{strange}; in the inbox {[tuple(row) for row in rows]}")

    async def _messages(self, bot: int, chat: int) -> list[dict[str, Any]]:
        address = f"{self._made.sandbox_url}/sandbox/bots/{bot}/chats/{chat}/messages"
        async with self._made.http.get(address) as answer:
            found: list[dict[str, Any]] = (await answer.json())["messages"]
            return found

    def _judge(self, bot: int, messages: list[dict[str, Any]], repeated: int) -> str:
        """One chat: its questions, and what stands in it from the bot. What is wrong in it, for the first ones."""
        asked = [message["text"].split()[-1] for message in messages if message["from"]["id"] != bot]
        said = [message["text"] for message in messages if message["from"]["id"] == bot]
        complete = Counter(mark for mark in asked for words in said if mark in words)
        strange = [words for words in said if not any(mark in words for mark in asked)]
        unanswered = sum(not complete[mark] for mark in asked)
        apologies = min(unanswered, len(strange))  # the bot said that there will be no answer
        extra = sum(complete.values()) - len(complete) + len(strange) - apologies
        self.outcome.lost += unanswered - apologies
        self.outcome.apologies += apologies
        self.outcome.repeated += min(extra, repeated)
        self.outcome.twice += max(0, extra - repeated)
        if (extra > repeated or unanswered) and len(self.outcome.samples) < SAMPLES:
            return f"asked {asked}, repeated {repeated}, said {said}"
        return ""


Kill = Callable[[], Awaitable[None]]


async def _choose(made: Installation, kind: str) -> tuple[Kill, Registered]:
    """What to kill, and a bot that will feel it."""
    victim = random.choice(made.bots)
    match kind:
        case "worker":
            victim, pid = await _worker(made)
            return _killing([pid]), victim
        case "zygote":
            return _killing(made.parts()["zygote"]), victim
        case "answer process":
            return _killing(random.sample(made.parts()["answer processes"], 1)), victim
        case "manager":
            return _killing([made.manager.pid]), victim
        case "Valkey":
            return _restarting(made.valkey.pid or 0, made.restart_valkey), victim
        case "PostgreSQL":
            return _restarting(made.postgres.pid or 0, made.restart_postgres), victim
        case _:
            raise ValueError(kind)


async def _worker(made: Installation) -> tuple[Registered, int]:
    """A bot and its process: one that lives, as the manager wrote it down."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        alive = set(made.parts()["workers"])
        async with made.database.system() as uow:
            found = {row[0]: row[1] for row in await uow.session.execute(_PIDS) if row[1] in alive}
        bots = [bot for bot in made.bots if bot.number in found]
        if bots:
            bot = random.choice(bots)
            return bot, found[bot.number]
        await asyncio.sleep(0.5)
    raise ChildFailed("no bot's process was found to be killed")


def _killing(pids: list[int]) -> Kill:
    async def kill() -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    return kill


def _restarting(pid: int, restart: Callable[[], Awaitable[None]]) -> Kill:
    """A server is killed with all its processes, and started again at once, as its supervisor does."""

    async def kill() -> None:
        for process in family(pid):
            with contextlib.suppress(psutil.Error):
                process.kill()
        await restart()

    return kill
