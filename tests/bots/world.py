"""A whole installation for the bots' tests: the manager with its real processes, PostgreSQL, a Bot API server, a model.

The manager runs in the test's loop, so that its state can be seen; its zygote, workers and answer processes are real
processes. One world serves a module's tests, each with bots of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

from bots.groups import WorkerGroups
from bots.manager import Manager
from bots.runner import BotRunner
from bots.sandbox import people
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Chat, Options, SandboxBot
from bots.tuning import Tuning
from bots.zygote_client import ZygoteClient
from chatai import migrate, wiring
from chatai.core.actor import Actor, Role
from chatai.core.cache import get_redis
from chatai.core.database import Database
from chatai.core.ids import new_id
from chatai.core.settings import Settings, get_settings
from chatai.domains.accounts.models import Account
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.channels import service
from chatai.domains.channels.schemas import BotView
from chatai.domains.workspaces.models import Workspace, WorkspaceMember
from chatai.engines import EmbeddedPostgres
from tests.fakes.openai import FakeOpenAI
from tests.waiting import eventually

SECRET_KEY = "a-secret-key-that-only-the-tests-use-0123456789"
QUICK = Tuning(
    tries=3,
    retry_delay=0.1,
    ping_interval=0.5,
    quiet_ping_interval=0.5,
    pong_patience=2.0,
    answer_pong_patience=4.0,
    crash_delay=0.05,
    reconcile_interval=1.0,
    poll_retry=0.1,
    conflict_retry=0.3,
    poll_seconds=2,
)
ANNA = {"id": 501, "is_bot": False, "first_name": "Анна", "last_name": "Петрова", "language_code": "ru"}
JOHN = {"id": 502, "is_bot": False, "first_name": "John", "last_name": "Smith", "language_code": "en"}


@dataclass
class World:
    """What is running. `restart_manager` gives it a new manager."""

    settings: Settings
    database: Database
    actor: Actor
    assistant_id: UUID
    server: SandboxServer
    model: FakeOpenAI
    tuning: Tuning
    groups: WorkerGroups | None = None
    manager: Manager = field(init=False)

    async def new_bot(self, name: str = "Shop", assistant_id: UUID | None = None) -> tuple[SandboxBot, BotView]:
        """A bot that is connected and runs."""
        bot = self.server.sandbox.new_bot(name)
        known = await service.check_token(self.actor, bot.token)
        async with self.database.workspace(self.actor.workspace_id) as uow:
            view = await service.add_bot(uow, self.actor, assistant_id or self.assistant_id, known)
        await self.until_state(view, "running", "sleeping")
        return bot, view

    def chat(self, bot: SandboxBot, person: dict[str, Any] = ANNA) -> Chat:
        return self.server.sandbox.private_chat(bot, person)

    def write(self, bot: SandboxBot, chat: Chat, words: str, author: dict[str, Any] = ANNA, **more: Any) -> int:
        """A person writes; the message's id."""
        message, _ = people.write(self.server.sandbox, bot, author, chat, text=words, **more)
        return int(message["message_id"])

    def said(self, bot: SandboxBot, chat: Chat) -> list[str]:
        """What stands in the chat from the bot, as it looks now."""
        return [message.get("text", "") for message in chat.messages.values() if message["from"]["id"] == bot.id]

    async def until_said(self, bot: SandboxBot, chat: Chat, *wanted: str) -> None:
        """Waits until the bot's messages are these and no update waits."""

        async def settled() -> bool:
            return self.said(bot, chat) == list(wanted) and not await self.undone(bot)

        try:
            await eventually(settled, patience=60)
        except AssertionError:
            raise AssertionError(f"said {self.said(bot, chat)}, wanted {list(wanted)}") from None

    async def bot_of(self, view: BotView) -> BotView:
        async with self.database.workspace(self.actor.workspace_id) as uow:
            return await service.get_bot(uow, self.actor, view.id)

    async def until_state(self, view: BotView, *states: str) -> BotView:
        async def there() -> BotView | None:
            now = await self.bot_of(view)
            return now if now.state in states else None

        return await eventually(there, patience=60)

    async def updates(self, bot: SandboxBot) -> list[Any]:
        """The rows of the inbox, by number."""
        async with self.database.system() as uow:
            statement = text(
                "SELECT u.* FROM bot_update u JOIN bot b ON b.id = u.bot_id WHERE b.telegram_id = :bot "
                "ORDER BY update_id"
            )
            return list((await uow.session.execute(statement, {"bot": bot.id})).all())

    async def undone(self, bot: SandboxBot) -> bool:
        waiting = bool(bot.updates) and bool(bot.webhook.url)
        return waiting or any(row.state in {"new", "taken"} for row in await self.updates(bot))

    def runner(self, view: BotView) -> BotRunner:
        runner = self.manager.fleet.find(view.id)
        assert runner is not None
        return runner

    def signal_worker(self, view: BotView, number: signal.Signals) -> int:
        worker = self.runner(view).worker
        assert worker is not None
        os.kill(worker.pid, number)
        return worker.pid

    async def start_manager(self) -> None:
        zygote = ZygoteClient(self.settings.bot_starts_at_once, self.groups)
        self.manager = Manager(self.settings, self.tuning, zygote=zygote)
        await self.manager.start()


@asynccontextmanager
async def open_world(
    postgres: EmbeddedPostgres,
    template: str,
    folder: Path,
    port: int,
    *,
    webhook: bool = False,
    manager: bool = True,
    tuning: Tuning = QUICK,
    groups: WorkerGroups | None = None,
    **environment: str,
) -> AsyncIterator[World]:
    """Builds a world and tears it down."""
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        server = await stack.enter_async_context(SandboxServer(Options(strict=True, redelivery_delay=0.2)))
        model = await stack.enter_async_context(FakeOpenAI())
        owner_url = await stack.enter_async_context(_database(postgres, template))
        values = {
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": owner_url,
            "BOTS_PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}" if webhook else "",
            "TELEGRAM_API_URL": server.url,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model.url,
            "LOG_LEVEL": "WARNING",
            **environment,
        }
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setitem(Settings.model_config, "env_file", None)
        for name, value in values.items():
            patch.setenv(name, value)
        patch.setenv("DATABASE_APP_URL", migrate.application_url(Settings(), owner_url))
        _forget_settings()
        stack.callback(_forget_settings)
        settings = get_settings()
        assert settings.database_app_url
        database = Database(settings.database_app_url.get_secret_value(), pool_size=5)
        stack.push_async_callback(database.close)
        wiring.bind(settings, models=False)
        stack.push_async_callback(wiring.close)
        actor, assistant_id = await _workspace(database)
        world = World(settings, database, actor, assistant_id, server, model, tuning, groups)
        if manager:
            await world.start_manager()
            stack.push_async_callback(_stop_manager, world)
        yield world


async def _stop_manager(world: World) -> None:
    await world.manager.stop()


def _forget_settings() -> None:
    get_settings.cache_clear()
    get_redis.cache_clear()


class _database:
    """A copy of the migrated database; the owner's address of it. It must have been left by all when it is removed."""

    def __init__(self, postgres: EmbeddedPostgres, template: str) -> None:
        self._postgres = postgres
        self._template = template
        self._name = f"bots_{uuid4().hex}"

    async def __aenter__(self) -> str:
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", self._name, self._template)
        return self._postgres.owner_url(self._name)

    async def __aexit__(self, *_error: object) -> None:
        # The owner may not end the application's sessions. Those of processes that were killed end a moment later.
        try:
            await eventually(lambda: not self._sessions(), patience=60)
        except AssertionError:
            raise AssertionError(f"the world's database is still used: {self._sessions()}") from None
        self._execute("DROP DATABASE {}", self._name)

    def _sessions(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._postgres.owner_url("postgres")) as connection:
            return connection.execute(
                "SELECT pid, usename, application_name, client_port, backend_start, state, state_change, query "
                "FROM pg_stat_activity WHERE datname = %s",
                [self._name],
            ).fetchall()

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._postgres.owner_url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


async def _workspace(database: Database) -> tuple[Actor, UUID]:
    account_id, workspace_id = new_id(), new_id()
    async with database.system() as uow:
        uow.session.add(Account(id=account_id, email="owner@example.org", name="Owner", password_hash="!"))
        uow.session.add(Workspace(id=workspace_id, name="Workshop"))
        await uow.session.flush()
        uow.session.add(WorkspaceMember(workspace_id=workspace_id, account_id=account_id, role=Role.ADMIN))
    actor = Actor("person", workspace_id, Role.ADMIN, Role.USER, account_id)
    async with database.workspace(workspace_id) as uow:
        draft = AssistantDraft(
            name="Shop", description="", instructions="", greeting="Добро пожаловать!", model="", temperature=0.2
        )
        assistant = await assistants.create_assistant(uow, actor, draft)
    return actor, assistant.id


def allow_connections(world: World, postgres: EmbeddedPostgres, allowed: bool) -> None:
    """Lets the world's database go away, or come back. A role may end its own sessions only, so the application's are
    ended by itself."""
    assert world.settings.database_app_url
    own = world.settings.database_app_url.get_secret_value()
    with psycopg.connect(postgres.owner_url("postgres"), autocommit=True) as owner:
        database = conninfo_to_dict(own)["dbname"]
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        name = sql.Identifier(str(database))
        if allowed:
            owner.execute(statement.format(name, sql.Literal(True)))
            return
        with psycopg.connect(own, autocommit=True) as application:
            owner.execute(statement.format(name, sql.Literal(False)))
            application.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
