"""A new bot like another one: with a copy of its assistant."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import Database, UnitOfWork
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDraft
from chatai.domains.audit import service as audit
from chatai.domains.channels import repository, service
from chatai.domains.channels.access import require_manage_bots
from chatai.domains.channels.schemas import BotView
from chatai.domains.channels.service import KnownToken
from chatai.domains.knowledge import service as knowledge

LONGEST_NAME = 100


async def clone_bot(
    database: Database,
    actor: Actor,
    source_id: UUID,
    token: str,
    *,
    documents: bool,
    managed_by: UUID | None = None,
    made_by: int | None = None,
) -> BotView:
    """Connects the bot of a token, with an assistant of its own that begins as a copy of the source's.

    Args:
        database: Whose.
        actor: Must be allowed to manage bots.
        source_id: The bot to be like.
        token: The new bot's.
        documents: Also copy what the assistant knows.
        managed_by: The bot that the new one was made with.
        made_by: Telegram's number of the person who did.

    Raises:
        BotNotFound, MayNotManageBots, StorageFull, and what `check_token` and `add_bot` raise.
    """
    require_manage_bots(actor)
    known = await service.check_token(actor, token)
    files: list[knowledge.CopiedFile] = []
    try:
        async with database.workspace(actor.workspace_id, actor.account_id) as uow:
            return await _clone(uow, actor, source_id, known, documents, (managed_by, made_by), files)
    except BaseException:
        await knowledge.discard_copies(files)
        raise


async def _clone(
    uow: UnitOfWork,
    actor: Actor,
    source_id: UUID,
    known: KnownToken,
    documents: bool,
    made: tuple[UUID | None, int | None],
    files: list[knowledge.CopiedFile],
) -> BotView:
    source = await repository.require(uow, source_id)
    original = await assistants.get_assistant(uow, actor, source.assistant_id)
    draft = AssistantDraft(
        name=known.identity.name.strip()[:LONGEST_NAME] or original.name,
        description=original.description,
        instructions=original.instructions,
        greeting=original.greeting,
        model=original.model,
        temperature=original.temperature,
    )
    copied = await assistants.create_assistant(uow, actor, draft)
    bot = await service.add_bot(uow, actor, copied.id, known, managed_by=made[0], made_by=made[1])
    if source.always_on:
        await repository.change(uow, bot.id, restarts=False, always_on=True)
    if documents:
        await knowledge.copy_documents(uow, actor, original.id, copied.id, files)
    await audit.record(uow, actor, "channels:bot:clone", bot.id, source=source_id, documents=documents)
    return replace(bot, always_on=source.always_on)
