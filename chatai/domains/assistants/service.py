"""Assistants: made, set up, rolled back, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, LiteralString
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.assistants import repository
from chatai.domains.assistants.access import require_editor, require_reader
from chatai.domains.assistants.errors import (
    AssistantNotFound,
    InvalidAssistant,
    InvalidTemperature,
    TooLongField,
    VersionNotFound,
)
from chatai.domains.assistants.models import Assistant, AssistantVersion
from chatai.domains.assistants.schemas import AssistantDetail, AssistantDraft, AssistantSummary, VersionSummary
from chatai.domains.audit import service as audit

LIMITS = {"name": 100, "description": 500, "instructions": 20_000, "greeting": 1_000, "model": 100}


def clean_draft(draft: AssistantDraft) -> AssistantDraft:
    """The draft without stray white space. Raises: InvalidAssistant, TooLongField, InvalidTemperature."""
    values = {name: getattr(draft, name).replace("\x00", "").strip() for name in LIMITS}
    if not values["name"] or len(values["name"]) > LIMITS["name"]:
        raise InvalidAssistant
    for name, limit in LIMITS.items():
        if len(values[name]) > limit:
            raise TooLongField(field=name, limit=limit)
    if not 0 <= draft.temperature <= 2:
        raise InvalidTemperature
    return AssistantDraft(**values, temperature=round(float(draft.temperature), 2))


async def list_assistants(uow: UnitOfWork, actor: Actor) -> list[AssistantSummary]:
    """The workspace's assistants, the last changed first."""
    require_reader(actor)
    names = [field.name for field in fields(AssistantSummary)]
    return [AssistantSummary(**{name: getattr(row, name) for name in names}) for row in await repository.summaries(uow)]


async def create_assistant(uow: UnitOfWork, actor: Actor, draft: AssistantDraft) -> AssistantDetail:
    require_editor(actor)
    assistant = Assistant(workspace_id=actor.workspace_id, **asdict(clean_draft(draft)))
    uow.session.add(assistant)
    await uow.session.flush()
    await _keep_version(uow, actor, assistant)
    await audit.record(uow, actor, "assistant:assistant:create", assistant.id)
    return _detail(assistant)


async def get_assistant(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> AssistantDetail:
    return described(await uow.run(*describing(actor, assistant_id)))


def describing(actor: Actor, assistant_id: UUID) -> tuple[LiteralString, dict[str, object]]:
    """The statement of `get_assistant`, for who runs it together with others; `described` reads its rows."""
    require_reader(actor)
    return repository.describing(assistant_id)


def described(rows: Sequence[tuple[Any, ...]]) -> AssistantDetail:
    """Raises: AssistantNotFound."""
    if not rows:
        raise AssistantNotFound
    return AssistantDetail(*rows[0])


async def update_assistant(uow: UnitOfWork, actor: Actor, assistant_id: UUID, draft: AssistantDraft) -> AssistantDetail:
    """Sets the assistant up anew and keeps the result as a version. The same draft again changes nothing."""
    require_editor(actor)
    assistant = await _find(uow, assistant_id, lock=True)
    cleaned = asdict(clean_draft(draft))
    if all(getattr(assistant, name) == value for name, value in cleaned.items()):
        return _detail(assistant)
    for name, value in cleaned.items():
        setattr(assistant, name, value)
    assistant.version += 1
    assistant.updated_at = now()
    await _keep_version(uow, actor, assistant)
    await audit.record(uow, actor, "assistant:assistant:update", assistant.id, version=assistant.version)
    return _detail(assistant)


async def delete_assistant(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> None:
    """Deletes the assistant with its documents, conversations and bots. The page asks twice before."""
    require_editor(actor)
    from chatai.domains.knowledge import service as knowledge  # which itself asks this service whether one exists

    assistant = await _find(uow, assistant_id, lock=True)
    await knowledge.forget_assistant(uow, assistant_id)
    await uow.session.delete(assistant)
    await uow.session.flush()
    await audit.record(uow, actor, "assistant:assistant:delete", assistant_id)
    await uow.notify("chatai_bots", "")


async def keep(uow: UnitOfWork, assistant_id: UUID) -> None:
    """Has who deletes the assistant wait until this transaction ends: for work that locks what belongs to it.

    Raises: AssistantNotFound: It has been deleted meanwhile.
    """
    if not await repository.keep(uow, assistant_id):
        raise AssistantNotFound


async def names(uow: UnitOfWork) -> dict[UUID, str]:
    """The names of the workspace's assistants, for other domains' lists."""
    return await repository.names(uow)


async def list_versions(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> list[VersionSummary]:
    """The latest first."""
    require_reader(actor)
    assistant = await _find(uow, assistant_id)
    return [
        VersionSummary(
            number=version.number,
            name=version.name,
            instructions=version.instructions,
            account_id=version.account_id,
            created_at=version.created_at,
            is_current=version.number == assistant.version,
        )
        for version in await repository.versions(uow, assistant_id)
    ]


async def restore_version(uow: UnitOfWork, actor: Actor, assistant_id: UUID, number: int) -> AssistantDetail:
    """Makes an earlier set-up the present one, as a new version: nothing is lost. Raises: VersionNotFound."""
    require_editor(actor)
    version = await repository.version(uow, assistant_id, number)
    if version is None:
        raise VersionNotFound
    draft = AssistantDraft(**{field.name: getattr(version, field.name) for field in fields(AssistantDraft)})
    return await update_assistant(uow, actor, assistant_id, draft)


async def _find(uow: UnitOfWork, assistant_id: UUID, *, lock: bool = False) -> Assistant:
    assistant = await repository.get(uow, assistant_id, lock=lock)
    if assistant is None:
        raise AssistantNotFound
    return assistant


async def _keep_version(uow: UnitOfWork, actor: Actor, assistant: Assistant) -> None:
    uow.session.add(
        AssistantVersion(
            workspace_id=assistant.workspace_id,
            assistant_id=assistant.id,
            number=assistant.version,
            account_id=actor.account_id,
            **{name: getattr(assistant, name) for name in (*LIMITS, "temperature")},
        )
    )
    await uow.session.flush()


def _detail(assistant: Assistant) -> AssistantDetail:
    return AssistantDetail(**{field.name: getattr(assistant, field.name) for field in fields(AssistantDetail)})
