"""A bot in the test's own database, without Telegram."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.channels import repository
from chatai.domains.channels.models import Bot


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
