"""What model calls use, recorded where the money goes: per workspace, assistant and conversation."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.ids import new_id
from chatai.core.statements import Runs
from chatai.domains.models.schemas import Usage

_RECORD: LiteralString = """
    INSERT INTO usage_record (id, workspace_id, assistant_id, conversation_id, purpose, model, prompt_tokens,
                              completion_tokens, duration_ms)
    VALUES (%(id)s, %(workspace)s, (SELECT id FROM assistant WHERE id = %(assistant)s FOR KEY SHARE),
            (SELECT id FROM conversation WHERE id = %(conversation)s FOR KEY SHARE), %(purpose)s, %(model)s, %(prompt)s,
            %(completion)s, %(duration)s)
    ON CONFLICT (id) DO NOTHING
"""


async def record_usage(
    uow: Runs, actor: Actor, usage: Usage, *, assistant_id: UUID | None, conversation_id: UUID | None
) -> None:
    """Adds one call's tokens to the transaction."""
    record_id = new_id()
    await uow.run(
        *recording(actor, usage, record_id=record_id, assistant_id=assistant_id, conversation_id=conversation_id)
    )


def recording(
    actor: Actor, usage: Usage, *, record_id: UUID, assistant_id: UUID | None, conversation_id: UUID | None
) -> tuple[LiteralString, dict[str, object]]:
    """The statement that records one call's tokens, for who runs it together with others. What the call was for may be
    gone meanwhile; the tokens are spent all the same. Run again under the same `record_id`, it records nothing."""
    values: dict[str, object] = {
        "id": record_id,
        "workspace": actor.workspace_id,
        "assistant": assistant_id,
        "conversation": conversation_id,
        "purpose": usage.purpose,
        "model": usage.model[:100],
        "prompt": usage.prompt_tokens,
        "completion": usage.completion_tokens,
        "duration": usage.duration_ms,
    }
    return _RECORD, values
