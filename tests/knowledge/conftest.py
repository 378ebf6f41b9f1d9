"""Knowledge with a real reader, real files and a real database; an embedding model where a test binds one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.knowledge import service
from chatai.domains.knowledge.ports import document_reader, embedder, file_store
from chatai.domains.knowledge.schemas import DocumentView
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.storage import LocalFileStore

Add = Callable[..., Awaitable[DocumentView]]


@pytest.fixture
def ports(settings: Settings) -> Iterator[None]:
    before = document_reader.optional, file_store.optional, embedder.optional
    document_reader.bind(ChildReader(timeout_seconds=60, memory_mb=1024))
    file_store.bind(LocalFileStore(settings.uploads_dir))
    embedder.bind(None)
    yield
    for port, implementation in zip((document_reader, file_store, embedder), before, strict=True):
        port.bind(implementation)


async def make_assistant(database: Database, actor: Actor, name: str = "Helper") -> UUID:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        return (await assistants.create_assistant(uow, actor, AssistantDraft(name=name))).id


@pytest.fixture
async def assistant_id(ports: None, database: Database, actor: Actor) -> UUID:
    return await make_assistant(database, actor)


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]


@pytest.fixture
def add(database: Database, actor: Actor, assistant_id: UUID) -> Add:
    """Uploads a file as the edge does; does not read it yet."""

    async def adding(
        name: str, content: bytes | Path | str, *, to: UUID | None = None, by: Actor | None = None
    ) -> DocumentView:
        data = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        data = data.encode() if isinstance(data, str) else data
        who = by or actor
        upload = await service.receive(who, name, in_pieces(data))
        try:
            async with database.workspace(who.workspace_id, who.account_id) as uow:
                return await service.add_document(uow, who, to or assistant_id, upload)
        except BaseException:
            await service.discard(upload)
            raise

    return adding


@pytest.fixture
def ready(database: Database, actor: Actor, add: Add) -> Add:
    """Uploads a file and reads it to the end."""

    async def making(name: str, content: bytes | Path | str, **where: UUID) -> DocumentView:
        document = await add(name, content, **where)
        await service.ingest(database, actor.workspace_id, document.id)
        async with database.workspace(actor.workspace_id) as uow:
            return await service.get_document(uow, actor, document.id)

    return making
