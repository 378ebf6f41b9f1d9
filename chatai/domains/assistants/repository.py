"""The SQL of assistants. Row security keeps every statement in the workspace of the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlmodel import col

from chatai.core.database import UnitOfWork
from chatai.domains.assistants.models import Assistant, AssistantVersion

_SUMMARIES = text(
    """
    SELECT a.id, a.name, a.description, a.updated_at,
           coalesce(d.total, 0) AS document_count, coalesce(d.ready, 0) AS ready_document_count,
           coalesce(d.failed, 0) AS failed_document_count,
           coalesce(b.total, 0) AS bot_count, coalesce(c.total, 0) AS conversation_count
    FROM assistant a
    LEFT JOIN (SELECT assistant_id, count(*) AS total, count(*) FILTER (WHERE state = 'ready') AS ready,
                      count(*) FILTER (WHERE state = 'failed') AS failed
               FROM document WHERE kind <> 'answer' GROUP BY assistant_id) d ON d.assistant_id = a.id
    LEFT JOIN (SELECT assistant_id, count(*) AS total FROM bot GROUP BY assistant_id) b ON b.assistant_id = a.id
    LEFT JOIN (SELECT assistant_id, count(*) AS total FROM conversation GROUP BY assistant_id) c
           ON c.assistant_id = a.id
    ORDER BY a.updated_at DESC, a.id
    """
)

_DETAIL: LiteralString = """
    SELECT id, name, description, instructions, greeting, model, temperature, version, created_at, updated_at
    FROM assistant WHERE id = %(id)s
"""


async def summaries(uow: UnitOfWork) -> Sequence[Row[tuple[object, ...]]]:
    """Every assistant of the workspace with its counts, in one statement."""
    return (await uow.session.execute(_SUMMARIES)).all()


async def get(uow: UnitOfWork, assistant_id: UUID, *, lock: bool = False) -> Assistant | None:
    return await uow.session.get(Assistant, assistant_id, with_for_update=lock or None)


def describing(assistant_id: UUID) -> tuple[LiteralString, dict[str, object]]:
    """The statement that finds what each question needs of an assistant: the fields of `AssistantDetail`."""
    return _DETAIL, {"id": assistant_id}


async def keep(uow: UnitOfWork, assistant_id: UUID) -> bool:
    """Whether the assistant is there, and stays until the transaction ends."""
    return bool(await uow.run("SELECT 1 FROM assistant WHERE id = %(id)s FOR KEY SHARE", {"id": assistant_id}))


async def names(uow: UnitOfWork) -> dict[UUID, str]:
    statement = select(col(Assistant.id), col(Assistant.name))
    return {row[0]: row[1] for row in (await uow.session.execute(statement)).all()}


async def versions(uow: UnitOfWork, assistant_id: UUID) -> Sequence[AssistantVersion]:
    """The latest first."""
    statement = (
        select(AssistantVersion)
        .where(col(AssistantVersion.assistant_id) == assistant_id)
        .order_by(col(AssistantVersion.number).desc())
    )
    return (await uow.session.execute(statement)).scalars().all()


async def version(uow: UnitOfWork, assistant_id: UUID, number: int) -> AssistantVersion | None:
    statement = select(AssistantVersion).where(
        col(AssistantVersion.assistant_id) == assistant_id, col(AssistantVersion.number) == number
    )
    return (await uow.session.execute(statement)).scalar_one_or_none()
