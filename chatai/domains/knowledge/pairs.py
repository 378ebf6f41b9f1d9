"""Questions with the answers that their owner wants given. They are searched like documents, and win over them."""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.assistants import service as assistants
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import postings, repository
from chatai.domains.knowledge.access import require_keeper, require_reader
from chatai.domains.knowledge.errors import BadPair, DuplicatePair, PairNotFound
from chatai.domains.knowledge.models import Document, QAPair
from chatai.domains.knowledge.names import shown_name
from chatai.domains.knowledge.queueing import enqueue
from chatai.domains.knowledge.schemas import PairView, ReadHeading, ReadPage

MOST_QUESTION_CHARS = 500
MOST_ANSWER_CHARS = 8_000


async def list_pairs(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> list[PairView]:
    """The assistant's pairs, the latest first."""
    require_reader(actor)
    rows = await uow.session.execute(
        select(QAPair, col(Document.state))
        .join(Document, col(Document.id) == col(QAPair.document_id))
        .where(col(QAPair.assistant_id) == assistant_id)
        .order_by(col(QAPair.id).desc())
    )
    return [PairView(pair.id, pair.question, pair.answer, pair.document_id, state) for pair, state in rows]


async def add_pair(uow: UnitOfWork, actor: Actor, assistant_id: UUID, question: str, answer: str) -> UUID:
    """Adds a question with its answer; its identifier.

    Raises:
        BadPair: One of them is empty or too long.
        DuplicatePair: The assistant has this question.
        Forbidden, AssistantNotFound
    """
    require_keeper(actor)
    await assistants.get_assistant(uow, actor, assistant_id)
    question, answer = checked(question, answer)
    document = document_of(actor, assistant_id, question, answer)
    try:
        async with uow.session.begin_nested():
            uow.session.add(document)
    except IntegrityError as error:
        raise DuplicatePair(question=question) from error
    pair = QAPair(
        workspace_id=actor.workspace_id,
        assistant_id=assistant_id,
        document_id=document.id,
        question=question,
        answer=answer,
    )
    uow.session.add(pair)
    await uow.session.flush()
    await enqueue(uow, document)
    await audit.record(uow, actor, "knowledge:pair:create", pair.id, assistant_id=assistant_id)
    return pair.id


def document_of(actor: Actor, assistant_id: UUID, question: str, answer: str) -> Document:
    """The document that makes a pair findable, not stored yet."""
    if actor.account_id is None:
        raise ValueError("a pair is written by a person")
    return Document(
        workspace_id=actor.workspace_id,
        assistant_id=assistant_id,
        uploaded_by=actor.account_id,
        name=shown_name(question),
        media_type="text/plain",
        kind="answer",
        size_bytes=len(question.encode()) + len(answer.encode()),
        sha256=digest_of(question),
        storage_name="",
    )


async def change_pair(uow: UnitOfWork, actor: Actor, pair_id: UUID, question: str, answer: str) -> None:
    """Gives a pair other words. Raises: PairNotFound, BadPair, DuplicatePair, Forbidden."""
    require_keeper(actor)
    pair = await _find(uow, pair_id)
    question, answer = checked(question, answer)
    document = await repository.get(uow, pair.document_id, lock=True)
    if document is None:
        raise PairNotFound
    pair.question, pair.answer = question, answer
    try:
        async with uow.session.begin_nested():
            document.sha256, document.name = digest_of(question), shown_name(question)
            document.state, document.updated_at = "queued", now()
    except IntegrityError as error:
        raise DuplicatePair(question=question) from error
    await enqueue(uow, document)
    await audit.record(uow, actor, "knowledge:pair:change", pair_id)


async def delete_pair(uow: UnitOfWork, actor: Actor, pair_id: UUID) -> None:
    """Raises: PairNotFound, Forbidden."""
    require_keeper(actor)
    pair = await _find(uow, pair_id)
    document = await repository.get(uow, pair.document_id, lock=True)
    if document is not None:
        await postings.remove_chunks(uow, document.workspace_id, document.assistant_id, document.id)
        await uow.session.delete(document)  # the pair goes with it
        await uow.session.flush()
        await postings.enqueue_tending(uow, document.workspace_id, document.assistant_id)
    await audit.record(uow, actor, "knowledge:pair:delete", pair_id)


async def pages_of(uow: UnitOfWork, document_id: UUID) -> list[ReadPage]:
    """What the pair says, as a reader would give it."""
    pair = (
        await uow.session.execute(select(QAPair).where(col(QAPair.document_id) == document_id))
    ).scalar_one_or_none()
    if pair is None:
        return []
    return [ReadPage(1, f"{pair.question}\n\n{pair.answer}", (ReadHeading(0, 1, pair.question),))]


def digest_of(question: str) -> str:
    """What makes a pair the same one: its question, whatever its case and spaces."""
    return hashlib.sha256(f"answer {' '.join(question.lower().split())}".encode()).hexdigest()


def checked(question: str, answer: str) -> tuple[str, str]:
    """Both as they are kept. Raises: BadPair."""
    question = " ".join(question.replace("\x00", "").split())
    answer = answer.replace("\x00", "").strip()
    if not question or not answer or len(question) > MOST_QUESTION_CHARS or len(answer) > MOST_ANSWER_CHARS:
        raise BadPair(question=MOST_QUESTION_CHARS, answer=MOST_ANSWER_CHARS)
    return question, answer


async def _find(uow: UnitOfWork, pair_id: UUID) -> QAPair:
    pair = await uow.session.get(QAPair, pair_id)
    if pair is None:
        raise PairNotFound
    return pair
