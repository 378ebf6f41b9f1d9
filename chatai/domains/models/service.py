"""What model calls use, recorded where the money goes: per workspace, assistant and conversation."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.core.ids import new_id
from chatai.domains.models.schemas import Usage

_RECORD: LiteralString = """
    INSERT INTO usage_record (id, workspace_id, assistant_id, conversation_id, purpose, model, prompt_tokens,
                              completion_tokens, duration_ms)
    VALUES (%(id)s, %(workspace)s, %(assistant)s, %(conversation)s, %(purpose)s, %(model)s, %(prompt)s, %(completion)s,
            %(duration)s)
"""


async def record_usage(
    uow: UnitOfWork, actor: Actor, usage: Usage, *, assistant_id: UUID | None, conversation_id: UUID | None
) -> None:
    """Adds one call's tokens to the transaction."""
    values = {
        "id": new_id(),
        "workspace": actor.workspace_id,
        "assistant": assistant_id,
        "conversation": conversation_id,
        "purpose": usage.purpose,
        "model": usage.model[:100],
        "prompt": usage.prompt_tokens,
        "completion": usage.completion_tokens,
        "duration": usage.duration_ms,
    }
    await uow.run(_RECORD, values)
