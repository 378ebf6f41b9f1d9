"""The installation that is measured: engines, documents, model, sandbox, `chatai bots`, and any number of bots."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from bots.answers import NAME as ANSWERS
from chatai import migrate
from chatai.core.actor import Actor
from chatai.core.crypto import Vault, new_token
from chatai.core.database import Database
from chatai.core.ids import new_id
from chatai.core.settings import Settings
from chatai.domains.channels.models import Bot
from chatai.domains.channels.service import BOTS_CHANNEL
from chatai.engines import EmbeddedPostgres, EmbeddedValkey
from scripts.bench_bots.children import (
    ROOT,
    Child,
    ChildFailed,
    children_of,
    command_of,
    family,
    name_of,
    processes_of,
    python,
)
from scripts.bench_retrieval import fill, find_data, lines, make_workspace

SECRET_KEY = "only-for-this-benchmark-" + "x" * 24
PARAGRAPHS = 240
REGISTERED_AT_ONCE = 1000
MARK = "end-of-answer"
ANSWER = f"The documents say that it is so, and give the reasons for it in the same place [1]. That is the {MARK}"
"""What the model says to everything: twenty words, so that answering costs it nothing, and a mark at the end."""
REALISTIC = {"first_token_delay": 0.3, "token_delay": 0.02}
REALISTIC_MS = 300 + 19 * 20


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the assistant knows, and what people ask."""

    paragraphs: list[str]
    questions: list[str]


@dataclass(frozen=True, slots=True)
class Registered:
    """A bot: its number at the sandbox, and its id here."""

    number: int
    id: UUID


@dataclass
class Installation:
    """What runs. `manager` is `chatai bots`, started and stopped by whoever measures."""

    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    environment: dict[str, str]
    database: Database
    actor: Actor
    assistant_id: UUID
    questions: list[str]
    http: aiohttp.ClientSession
    sandbox: Child
    sandbox_url: str
    model: Child
    model_url: str
    manager: Child
    port: int
    polling: bool
    """Whether the bots have no webhook: their updates are fetched."""
    bots: list[Registered] = field(default_factory=list)

    # --- the processes

    async def start_manager(self, child: Child | None = None) -> float:
        """Starts `chatai bots`, or what is measured in its place; the seconds until it listens."""
        child = child or self.manager
        began = time.monotonic()
        child.start()
        while True:
            with suppress(aiohttp.ClientError):
                async with self.http.get(f"http://127.0.0.1:{self.port}/health") as answer:
                    await answer.read()
                    return time.monotonic() - began
            if not child.running:
                raise child.failure("ended")
            if time.monotonic() - began > 60:
                raise child.failure("did not listen within a minute")
            await asyncio.sleep(0.01)

    def parts(self, child: Child | None = None) -> dict[str, list[int]]:
        """Process ids by what they are."""
        found: dict[str, list[int]] = {
            "manager": [],
            "zygote": [],
            "stand-by zygote": [],
            "workers": [],
            "worker forked ahead": [],
            "answer processes": [],
        }
        manager = child or self.manager
        if manager.running:
            found["manager"] = [manager.pid]
            children = {pid: command_of(pid) for pid in children_of(manager.pid)}
            found["answer processes"] = [pid for pid in children if name_of(pid) == ANSWERS]
            zygotes = [pid for pid, command in children.items() if "bots.zygote" in command]
            # One that stood by and took over is nobody's child any more.
            for pid in zygotes or _orphans(manager.pid):
                _sort(pid, found)
        found["PostgreSQL"] = [process.pid for process in family(self.postgres.pid or 0)]
        found["Valkey"] = [self.valkey.pid or 0]
        return found

    def beside(self) -> dict[str, list[int]]:
        """What a real installation has not."""
        return {"sandbox": [self.sandbox.pid], "model server": [self.model.pid]}

    async def restart_postgres(self) -> None:
        """Starts it again after it was killed. Its process belongs to this thread, whose end it would notice."""
        await asyncio.to_thread(self.postgres.prepare)
        self.postgres.spawn()
        await asyncio.to_thread(self.postgres.wait_ready)

    async def restart_valkey(self) -> None:
        await asyncio.to_thread(self.valkey.prepare)
        self.valkey.spawn()
        await asyncio.to_thread(self.valkey.wait_ready)

    # --- the model and the load

    async def model_is(self, **plan: Any) -> None:
        """What the model server does from now on; without delays it answers at once."""
        async with self.http.put(
            self.model_url.removesuffix("/v1") + "/control", json={"always": ANSWER, **plan}
        ) as answer:
            answer.raise_for_status()

    async def load(self, **plan: Any) -> list[Answer]:
        """Runs a load at the sandbox (see its reference) with real questions; what became of each."""
        values = {"texts": self.questions, "mark": MARK, "patience": 60, **plan}
        async with self.http.post(f"{self.sandbox_url}/sandbox/load", json=values) as answer:
            if answer.status != 200:
                raise ChildFailed(f"the sandbox refuses a load: {await answer.text()}")
            return [Answer(*row) for row in (await answer.json())["rows"]]

    async def bots_at_telegram(self) -> list[dict[str, Any]]:
        """The bots as the sandbox sees them."""
        async with self.http.get(f"{self.sandbox_url}/sandbox/bots") as answer:
            bots: list[dict[str, Any]] = (await answer.json())["bots"]
        return bots

    async def polls(self) -> int:
        """For how many bots a poll is open."""
        return sum(bot["polling"] for bot in await self.bots_at_telegram())

    # --- the bots

    async def register(self, count: int) -> list[Registered]:
        """Registers so many bots more, asleep and set up at Telegram: as after their first start. Ten thousand take
        some ten seconds; one by one, with questions to Telegram for each, they would take minutes."""
        made: list[Registered] = []
        while len(made) < count:
            made += await self._register(min(REGISTERED_AT_ONCE, count - len(made)))
        self.bots += made
        return made

    async def _register(self, count: int) -> list[Registered]:
        vault = Vault(SECRET_KEY)
        ids = [new_id() for _ in range(count)]
        secrets = [new_token() for _ in ids]
        urls = ["" if self.polling else f"http://127.0.0.1:{self.port}/telegram/{bot_id}" for bot_id in ids]
        bots = await self._new_bots(
            [
                {"name": f"Bot {number}", "url": url, "secret": secret}
                for number, (url, secret) in enumerate(zip(urls, secrets, strict=True))
            ]
        )
        rows = [
            Bot(
                id=bot_id,
                workspace_id=self.actor.workspace_id,
                assistant_id=self.assistant_id,
                telegram_id=bot["id"],
                username=bot["username"],
                name=bot["name"],
                token_encrypted=vault.encrypt(bot["token"]),
                webhook_secret=secret,
                webhook_url=url,
                mode="polling" if self.polling else "webhook",
                desired_state="running",
                state="sleeping",
            )
            for bot_id, secret, url, bot in zip(ids, secrets, urls, bots, strict=True)
        ]
        async with self.database.workspace(self.actor.workspace_id, self.actor.account_id) as uow:
            uow.session.add_all(rows)
            await uow.notify(BOTS_CHANNEL, "")
        return [Registered(bot["id"], bot_id) for bot, bot_id in zip(bots, ids, strict=True)]

    async def new_stranger(self, webhook: str) -> int:
        """The number of a bot at the sandbox that is somebody else's."""
        [bot] = await self._new_bots([{"name": "Somebody else's", "url": webhook}])
        return int(bot["id"])

    async def remove_at_telegram(self, bot: int) -> None:
        """With all that waits for it."""
        async with self.http.delete(f"{self.sandbox_url}/sandbox/bots/{bot}") as answer:
            answer.raise_for_status()

    async def _new_bots(self, wanted: list[dict[str, str]]) -> list[dict[str, Any]]:
        async with self.http.post(f"{self.sandbox_url}/sandbox/bots/many", json={"bots": wanted}) as answer:
            answer.raise_for_status()
            bots: list[dict[str, Any]] = (await answer.json())["bots"]
        return bots


@dataclass(frozen=True, slots=True)
class Answer:
    """A question's way, as the sandbox tells it. `due` in seconds since the epoch, the others in ms after it."""

    bot: int
    chat: int
    update: int
    due: float
    posted: float | None
    first: float | None
    complete: float | None


def xquad() -> Corpus:
    """Real paragraphs and people's questions about them."""
    data = find_data(None)
    questions = [line["question"] for line in lines(data / "questions.en.dev.jsonl")]
    random.Random(3).shuffle(questions)  # the same each time
    return Corpus([line["text"] for line in lines(data / "corpus.en.jsonl")][:PARAGRAPHS], questions[:200])


@asynccontextmanager
async def installation(
    corpus: Corpus, *, polling: bool = False, engines: Mapping[str, str] | None = None, **settings: str
) -> AsyncIterator[Installation]:
    """Builds one in a temporary folder and removes it.

    Args:
        corpus: What its assistant knows, and what people ask.
        polling: Its bots have no webhooks.
        engines: More options for PostgreSQL; the benchmark gives none.
        settings: More of ChatAI's settings, by their names.
    """
    # Short: sockets live in it, and their paths have room for some hundred letters only.
    folder = Path(tempfile.mkdtemp(prefix="chatai-bench-"))
    postgres = EmbeddedPostgres(
        folder / "postgres", folder / "run", folder / "secrets", folder / "postgres.log", options=engines
    )
    valkey = EmbeddedValkey(folder / "valkey", folder / "run", folder / "valkey.log")
    children: list[Child] = []
    try:
        postgres.start()
        valkey.start()
        migrate.run(Settings(_env_file=None, secret_key=SECRET_KEY), postgres.owner_url("chatai"))
        app_url = migrate.application_url(Settings(_env_file=None, secret_key=SECRET_KEY), postgres.owner_url("chatai"))
        port = free_port()
        kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
        environment = {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        sandbox = Child("sandbox", python("scripts.bench_bots.telegram"), environment, folder, speaks=True)
        model = Child("model", python("tests.fakes.openai"), environment, folder, speaks=True)
        children += [sandbox, model]
        sandbox.start()
        model.start()
        sandbox_url = await sandbox.first_line()
        model_url = (await model.first_line()).partition("=")[2]
        environment |= {
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": postgres.owner_url("chatai"),
            "DATABASE_APP_URL": app_url,
            "REDIS_URL": valkey.url,
            "BOTS_PORT": str(port),
            "PUBLIC_URL": "" if polling else f"http://127.0.0.1:{port}",
            "TELEGRAM_API_URL": sandbox_url,
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": model_url,
            "LOG_LEVEL": "WARNING",
            "BOT_IDLE_SECONDS": "3600",
            **settings,
        }
        manager = Child("bots", python("chatai.cli", "bots"), environment, folder)
        children.append(manager)
        database = Database(app_url, pool_size=2)
        actor = await make_workspace(database)
        assistant_id = await fill(database, actor, "Bench", corpus.paragraphs)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10)) as http:
            made = Installation(
                folder, postgres, valkey, environment, database, actor, assistant_id, corpus.questions, http, sandbox,
                sandbox_url, model, model_url, manager, port, polling,
            )  # fmt: skip
            await made.model_is()
            yield made
        await database.close()
    finally:
        for child in reversed(children):
            child.kill()
        valkey.stop(at_once=True)
        postgres.stop(at_once=True)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_ZYGOTES = {"chatai-zygote", "chatai-stand-by"}


def _orphans(manager: int) -> list[int]:
    """Zygotes of the manager whose own zygote has died."""
    all_of_them = processes_of(" bots.zygote ", f" {manager} ")
    zygotes = [pid for pid in all_of_them if name_of(pid) in _ZYGOTES]
    below = {child for pid in zygotes for child in children_of(pid)}
    return [pid for pid in zygotes if pid not in below]


def _sort(zygote: int, found: dict[str, list[int]]) -> None:
    """Puts a zygote, those that it made to stand by, and their workers where they belong."""
    found["stand-by zygote" if name_of(zygote) == "chatai-stand-by" else "zygote"].append(zygote)
    for pid in children_of(zygote):
        if name_of(pid) in _ZYGOTES:
            _sort(pid, found)
        else:
            found["worker forked ahead" if name_of(pid) == "chatai-next" else "workers"].append(pid)
