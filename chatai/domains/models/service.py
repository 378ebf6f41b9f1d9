"""What model calls use, recorded where the money goes: per workspace, assistant and conversation."""

from __future__ import annotations

from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.domains.models.models import UsageRecord
from chatai.domains.models.schemas import Usage


async def record_usage(
    uow: UnitOfWork, actor: Actor, usage: Usage, *, assistant_id: UUID | None, conversation_id: UUID | None
) -> None:
    """Adds one call's tokens to the transaction."""
    uow.session.add(
        UsageRecord(
            workspace_id=actor.workspace_id,
            assistant_id=assistant_id,
            conversation_id=conversation_id,
            purpose=usage.purpose,
            model=usage.model[:100],
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            duration_ms=usage.duration_ms,
        )
    )
