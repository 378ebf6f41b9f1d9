"""A Bot API server with bots that are connected to it, and bots without Telegram."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest

from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Options
from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.statements import Runs
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.channels import inbox, repository, service
from chatai.domains.channels.models import Bot
from chatai.domains.channels.ports import telegram
from chatai.domains.channels.schemas import BotView, StoredUpdate
from chatai.integrations.telegram import TelegramClient

Connect = Callable[..., Awaitable[BotView]]


async def take(uow: Runs, bot_id: UUID, fence: int, *, known: tuple[int, ...] = (), most: int) -> list[StoredUpdate]:
    """A bot's undone updates, taken up."""
    taken = await inbox.take(uow, [inbox.Wish(bot_id, fence, known)], most)
    return taken.get(bot_id, [])


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(Options(strict=True)) as server:
        client = TelegramClient(server.url)
        telegram.bind(client)
        yield server
        await client.close()
        telegram.bind(None)


@pytest.fixture
def new_assistant(database: Database, actor: Actor) -> Callable[..., Awaitable[UUID]]:
    async def make(name: str = "Shop", who: Actor = actor) -> UUID:
        async with database.workspace(who.workspace_id) as uow:
            draft = AssistantDraft(name=name, instructions="Be kind.", greeting="Hello!")
            return (await assistants.create_assistant(uow, who, draft)).id

    return make


@pytest.fixture
def connect(
    database: Database, actor: Actor, sandbox: SandboxServer, new_assistant: Callable[..., Awaitable[UUID]]
) -> Connect:
    """Connects a bot: a new one of the sandbox, or the one with this token."""

    async def make(token: str = "", assistant_id: UUID | None = None, who: Actor = actor) -> BotView:
        token = token or sandbox.sandbox.new_bot("Shop").token
        known = await service.check_token(who, token)
        assistant_id = assistant_id or await new_assistant(who=who)
        async with database.workspace(who.workspace_id) as uow:
            return await service.add_bot(uow, who, assistant_id, known)

    return make


@pytest.fixture
def new_bot(database: Database) -> Callable[..., Awaitable[UUID]]:
    """Makes a bot in an actor's workspace; its id."""
    numbers = iter(range(1_000_000, 2_000_000))

    async def make(actor: Actor) -> UUID:
        number = next(numbers)
        async with database.workspace(actor.workspace_id) as uow:
            draft = AssistantDraft(name="Shop", description="", instructions="", greeting="", model="", temperature=0)
            assistant = await assistants.create_assistant(uow, actor, draft)
            bot = Bot(
                workspace_id=actor.workspace_id,
                assistant_id=assistant.id,
                telegram_id=number,
                username=f"shop_{number}_bot",
                name="Shop",
                token_encrypted="-",
                webhook_secret="-",
            )
            assert await repository.insert(uow, bot)
        return bot.id

    return make


@pytest.fixture
async def bot_id(new_bot: Callable[..., Awaitable[UUID]], actor: Actor) -> UUID:
    """A bot of `actor`'s workspace."""
    return await new_bot(actor)
