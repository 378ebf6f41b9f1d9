"""Questions that the documents did not answer: kept for those who tend the assistant, grouped, and settled by them.

A question is recorded in the transaction that settles its answer, by one statement and only in that case. It goes with
its answer: with a conversation that is deleted, and with an answer that is made anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from sqlalchemy import TextClause, text

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import Database, UnitOfWork
from chatai.core.i18n import Language, language_of, language_of_text
from chatai.core.ids import new_id
from chatai.core.roundtrip import Statement
from chatai.domains.audit import service as audit
from chatai.domains.conversations.access import may_tend_questions, require_question_tender
from chatai.domains.conversations.courtesy import is_courtesy, normalised
from chatai.domains.conversations.schemas import Question, Said

Reason = Literal["not_told", "no_source"]
"""not_told: the answerer said that the documents don't tell. no_source: it answered, and cited nothing."""
State = Literal["open", "answered", "dismissed"]

LONGEST = 2_000  # characters of a question that are kept here
PAGE = 20
REMOVED_AT_ONCE = 2_000
# Of one conversation, and of all that were begun in one chat of a bot: what more a person asks without an answer tells
# those who tend the assistant little new, and a stranger who writes nonsense to a bot must not fill their list.
MOST_OPEN = 20

# The assistant is locked first: whoever deletes it has its row before those of its conversations. The conversation is
# locked before the answer, as everywhere. A question that somebody has dismissed stays dismissed.
_RECORD: LiteralString = """
    INSERT INTO unanswered_question (id, created_at, workspace_id, assistant_id, conversation_id, message_id, question,
                                     key, language, reason, state)
    SELECT %(id)s, %(now)s, talk.workspace_id, talk.assistant_id, talk.id, answer.id, %(question)s, %(key)s::text,
           %(language)s, %(reason)s,
           CASE WHEN EXISTS (
               SELECT FROM unanswered_question AS former
               WHERE former.assistant_id = talk.assistant_id AND former.key = %(key)s::text
                 AND former.state = 'dismissed'
           ) THEN 'dismissed' ELSE 'open' END
    FROM conversation AS talk JOIN assistant ON assistant.id = talk.assistant_id
         JOIN message AS answer ON answer.conversation_id = talk.id
    WHERE talk.id = %(conversation)s AND answer.id = %(answer)s AND (
        SELECT count(*) FROM conversation AS same JOIN unanswered_question AS open ON open.conversation_id = same.id
        WHERE same.assistant_id = talk.assistant_id AND same.channel = talk.channel
          AND same.external_id = talk.external_id AND (same.id = talk.id OR talk.external_id <> '')
          AND open.state = 'open'
    ) < %(most)s
    FOR KEY SHARE OF assistant, talk
    ON CONFLICT (message_id) DO NOTHING
"""
_GROUPS = text("""
    SELECT key, (array_agg(question ORDER BY id DESC))[1] AS question, count(*) AS asked, max(created_at) AS last_at,
           (array_agg(conversation_id ORDER BY id DESC))[1] AS conversation_id,
           (array_agg(reason ORDER BY id DESC))[1] AS reason
    FROM unanswered_question
    WHERE assistant_id = :assistant_id AND state = :state
    GROUP BY key
    HAVING CAST(:before AS timestamptz) IS NULL OR (max(created_at), key) < (CAST(:before AS timestamptz), :before_key)
    ORDER BY last_at DESC, key DESC LIMIT :limit
""")
_COUNT = text(
    "SELECT count(DISTINCT key) FROM unanswered_question WHERE assistant_id = :assistant_id AND state = 'open'"
)
_SETTLE = text("""
    UPDATE unanswered_question SET state = :state, settled_at = :now
    WHERE assistant_id = :assistant_id AND key = :key AND state <> :state AND state = ANY(CAST(:from AS text[]))
    RETURNING id
""")
_REMOVE: TextClause = text("""
    DELETE FROM unanswered_question WHERE id IN (
        SELECT id FROM unanswered_question WHERE created_at < now() - make_interval(days => :days)
        ORDER BY created_at LIMIT :most)
    RETURNING 1
""")


@dataclass(frozen=True, slots=True)
class UnansweredGroup:
    """One question, however often it was asked; words, conversation and reason are of the last time."""

    key: str
    question: str
    asked: int
    last_at: datetime
    conversation_id: UUID
    reason: Reason


def why_unanswered(question: Said, asked: Question, *, untold: bool, cited: bool) -> Reason | None:
    """Whether a complete answer leaves its question unanswered, and by what one knows.

    Args:
        question: As it is stored.
        asked: As it was asked.
        untold: The answerer said that the documents don't tell.
        cited: It named a passage.
    """
    if (cited and not untold) or is_courtesy(question.text):
        return None
    if untold:
        return "not_told"
    # What a person attached may be told from without a passage.
    attached = question.attachment_name or question.attachment_text or asked.pictures
    return None if attached else "no_source"


def recording(
    conversation_id: UUID, answer_id: UUID, question: str, reason: Reason, default_language: str
) -> Statement:
    """The statement that keeps a question as unanswered. Nothing happens if its answer is gone,
    or if `MOST_OPEN` of its conversation or chat are open."""
    values = {
        "id": new_id(),
        "now": now(),
        "conversation": conversation_id,
        "answer": answer_id,
        "question": question[:LONGEST],
        "key": key_of(question),
        "language": language_of_text(question, language_of(default_language)),
        "reason": reason,
        "most": MOST_OPEN,
    }
    return _RECORD, values


def key_of(question: str) -> str:
    """What equal questions have in common."""
    return hashlib.sha256(normalised(question).encode()).hexdigest()


async def list_unanswered(
    uow: UnitOfWork,
    actor: Actor,
    assistant_id: UUID,
    *,
    state: State = "open",
    before: tuple[datetime, str] | None = None,
    limit: int = PAGE,
) -> list[UnansweredGroup]:
    """An assistant's unanswered questions in a state, the last asked first.

    Args:
        uow: In the assistant's workspace.
        actor: Must be allowed to tend them.
        assistant_id: Whose.
        state: Which ones.
        before: `last_at` and `key` of the last one on the page before.
        limit: How many at most.
    """
    require_question_tender(actor)
    moment, key = before or (None, "")
    values = {"assistant_id": assistant_id, "state": state, "before": moment, "before_key": key, "limit": limit}
    rows: Sequence[Any] = (await uow.session.execute(_GROUPS, values)).all()
    return [UnansweredGroup(*row) for row in rows]


async def count_unanswered(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> int:
    """How many different questions are open; 0 for those who may not see them."""
    if not may_tend_questions(actor):
        return 0
    return int((await uow.session.execute(_COUNT, {"assistant_id": assistant_id})).scalar_one())


async def mark_answered(uow: UnitOfWork, actor: Actor, assistant_id: UUID, key: str) -> None:
    """An answer was written for this question. Asked again without an answer, it is open again."""
    await _settle(uow, actor, assistant_id, key, "answered", ("open", "dismissed"))


async def dismiss_unanswered(uow: UnitOfWork, actor: Actor, assistant_id: UUID, key: str) -> None:
    """Nobody wants to answer this question, now or when it is asked again."""
    await _settle(uow, actor, assistant_id, key, "dismissed", ("open",))


async def reopen_unanswered(uow: UnitOfWork, actor: Actor, assistant_id: UUID, key: str) -> None:
    """Takes a dismissal back."""
    await _settle(uow, actor, assistant_id, key, "open", ("dismissed",))


async def _settle(
    uow: UnitOfWork, actor: Actor, assistant_id: UUID, key: str, state: State, before: Sequence[State]
) -> None:
    require_question_tender(actor)
    values = {"assistant_id": assistant_id, "key": key, "state": state, "from": list(before), "now": now()}
    changed = (await uow.session.execute(_SETTLE, values)).all()
    if changed:
        await audit.record(uow, actor, f"conversation:unanswered:{state}", assistant_id, questions=len(changed))


async def remove_old_unanswered(database: Database, days: int) -> int:
    """Removes what was asked longer ago, a few at a time; how many."""
    total = 0
    while True:
        async with database.system() as uow:
            removed = len((await uow.session.execute(_REMOVE, {"days": days, "most": REMOVED_AT_ONCE})).all())
        total += removed
        if removed < REMOVED_AT_ONCE:
            return total


NOT_TOLD: dict[Language, str] = {
    "en": "The documents do not tell this.",
    "ru": "В документах об этом ничего не сказано.",
}
"""Said where a model gave the sign and no words."""
