"""An assistant that knows one document, and a model that speaks OpenAI's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.conversations import service
from chatai.domains.models.ports import language_model
from chatai.integrations.openai.chat import OpenAIChat
from tests.channels.conftest import new_bot
from tests.fakes.openai import FakeOpenAI
from tests.knowledge.conftest import Add, add, assistant_id, ports, ready

__all__ = ["add", "assistant_id", "new_bot", "ports", "ready"]

DELIVERY = """# Delivery

Parcels leave our warehouse on the day of the order if it arrives before 14:00.

# Returns

Goods may be returned within 30 days. The refund is paid within five working days.
"""


@pytest.fixture
async def document(ready: Add) -> UUID:
    return (await ready("rules.md", DELIVERY)).id


@pytest.fixture
async def conversation_id(database: Database, actor: Actor, assistant_id: UUID) -> UUID:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        return (await service.start_conversation(uow, actor, assistant_id, language="en")).id


@pytest.fixture
async def model(settings: Settings) -> AsyncIterator[FakeOpenAI]:
    """The endpoint; the assistants' language model is bound to it."""
    async with FakeOpenAI() as fake:
        chat = OpenAIChat(settings.model_copy(update={"openai_base_url": fake.url, "model_timeout_seconds": 1.0}))
        language_model.bind(chat)
        yield fake
        language_model.bind(None)
        await chat.close()
