"""Assistants: set up, kept in versions, rolled back, deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from chatai.core.actor import Actor, Role
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.domains.assistants import service
from chatai.domains.assistants.errors import (
    AssistantNotFound,
    InvalidAssistant,
    InvalidTemperature,
    TooLongField,
    VersionNotFound,
)
from chatai.domains.assistants.schemas import AssistantDraft


async def test_each_change_is_a_version_that_can_be_restored(database: Database, actor: Actor) -> None:
    async with database.workspace(actor.workspace_id) as uow:
        made = await service.create_assistant(uow, actor, AssistantDraft(name=" Helper ", instructions="Be brief."))
        assert (made.name, made.version) == ("Helper", 1)
        draft = AssistantDraft(name="Helper", instructions="Be thorough.", temperature=0.7)
        assert (await service.update_assistant(uow, actor, made.id, draft)).version == 2
        assert (await service.update_assistant(uow, actor, made.id, draft)).version == 2  # nothing changed
        restored = await service.restore_version(uow, actor, made.id, 1)
        assert (restored.instructions, restored.version) == ("Be brief.", 3)
        versions = await service.list_versions(uow, actor, made.id)
        assert [(v.number, v.instructions, v.is_current) for v in versions] == [
            (3, "Be brief.", True),
            (2, "Be thorough.", False),
            (1, "Be brief.", False),
        ]
        with pytest.raises(VersionNotFound):
            await service.restore_version(uow, actor, made.id, 9)


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (AssistantDraft(name="  "), InvalidAssistant),
        (AssistantDraft(name="x" * 101), InvalidAssistant),
        (AssistantDraft(name="x", greeting="x" * 1001), TooLongField),
        (AssistantDraft(name="x", temperature=2.1), InvalidTemperature),
    ],
)
async def test_bad_drafts_are_refused(
    database: Database, actor: Actor, draft: AssistantDraft, error: type[Exception]
) -> None:
    async with database.workspace(actor.workspace_id) as uow:
        with pytest.raises(error):
            await service.create_assistant(uow, actor, draft)
        assert await service.list_assistants(uow, actor) == []


async def test_only_admins_set_up_and_delete(
    database: Database, actor: Actor, stranger: Actor, new_actor: Callable[..., Awaitable[Actor]]
) -> None:
    operator = await new_actor(workspace_id=actor.workspace_id, role=Role.OPERATOR)
    async with database.workspace(actor.workspace_id) as uow:
        made = await service.create_assistant(uow, actor, AssistantDraft(name="Helper"))
    async with database.workspace(actor.workspace_id, operator.account_id) as uow:
        assert [a.name for a in await service.list_assistants(uow, operator)] == ["Helper"]
        for attempt in (
            service.create_assistant(uow, operator, AssistantDraft(name="Mine")),
            service.update_assistant(uow, operator, made.id, AssistantDraft(name="Mine")),
            service.delete_assistant(uow, operator, made.id),
        ):
            with pytest.raises(Forbidden):
                await attempt
    async with database.workspace(stranger.workspace_id, stranger.account_id) as uow:
        with pytest.raises(AssistantNotFound):
            await service.delete_assistant(uow, stranger, made.id)
    async with database.workspace(actor.workspace_id) as uow:
        await service.delete_assistant(uow, actor, made.id)
        assert await service.list_assistants(uow, actor) == []
