"""The one generator that makes answers, for the web chat, Telegram and the API alike.

    question stored → passages found → model asked (or passages quoted) → citations checked → answer stored

No transaction is open while the model writes. Whatever happens in between, the question stays and the answer's row
says how far it came; asked again under the same external name, a complete answer is given again and an incomplete
one is made anew in its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import Database, DatabaseAway, UnitOfWork
from chatai.core.errors import ChatAIError
from chatai.core.i18n import language_of, language_of_text
from chatai.domains.assistants import service as assistants
from chatai.domains.assistants.schemas import AssistantDetail
from chatai.domains.conversations import repository
from chatai.domains.conversations.access import require_participant
from chatai.domains.conversations.attachments import MAX_ATTACHMENT
from chatai.domains.conversations.citations import CitationFilter
from chatai.domains.conversations.errors import (
    EmptyQuestion,
    Interrupted,
    MessageNotFound,
    StillAnswering,
    TooLongQuestion,
)
from chatai.domains.conversations.extractive import quote_passages
from chatai.domains.conversations.models import Citation, Conversation, Message
from chatai.domains.conversations.pinpoint import pinpoint, statements
from chatai.domains.conversations.prompt import build_prompt, search_query
from chatai.domains.conversations.schemas import (
    AnswerEvent,
    Completed,
    Failed,
    MessageState,
    MessageView,
    Question,
    Started,
    TextDelta,
)
from chatai.domains.conversations.views import message_view
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.models import service as models
from chatai.domains.models.errors import ModelCut
from chatai.domains.models.ports import LanguageModel, language_model
from chatai.domains.models.schemas import ModelEnd, ModelText, Usage

_log = structlog.get_logger(__name__)

MAX_QUESTION = 8_000  # characters
PASSAGES = 8
BEAT_SECONDS = 5.0
# An answer whose writer has been silent for so long belongs to a process that died.
ABANDONED_AFTER = timedelta(seconds=30)
EXTRACTIVE = "extractive"


@dataclass(slots=True)
class _Turn:
    """One question and the answer in the making."""

    conversation_id: UUID
    assistant: AssistantDetail
    question: Message
    answer: Message
    history: list[Message]
    asked: Question
    default_language: str


async def answer(
    database: Database, actor: Actor, conversation_id: UUID, question: Question
) -> AsyncIterator[AnswerEvent]:
    """Stores the question, makes its answer and streams it.

    Closing the iterator early stops the answer: what had arrived is stored as interrupted.

    Yields:
        `Started`, any number of `TextDelta`, and at last `Completed` or `Failed`. For a question whose complete
        answer is stored already, `Completed` alone.

    Raises:
        ConversationNotFound, EmptyQuestion, TooLongQuestion, StillAnswering, MessageNotFound: before anything is
            stored.
        DatabaseAway: PostgreSQL is away; ask again.
    """
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        begun = await _begin(uow, actor, conversation_id, question)
    if isinstance(begun, MessageView):
        yield Completed(begun)
        return
    turn = begun
    yield Started(turn.question.id, turn.answer.id)
    writing = _Writing(database, actor, turn)
    settled = False
    beats = asyncio.create_task(writing.beat())
    try:
        async with aclosing(writing.pieces()) as pieces:
            async for piece in pieces:
                yield TextDelta(piece)
        message = await writing.settle("complete")
        settled = True
        yield Completed(message)
    except ChatAIError as error:
        _log.warning("answer failed", code=error.code, conversation_id=str(conversation_id))
        message = await writing.settle("interrupted" if writing.text else "failed", error.code)
        settled = True
        yield Failed(error.code, error.sentence("en"), error.sentence("ru"), message)
    finally:
        beats.cancel()
        if not settled:  # stopped by the person, cancelled, or broken by a fault of ours
            await asyncio.shield(writing.settle("interrupted", Interrupted.code))


async def _begin(uow: UnitOfWork, actor: Actor, conversation_id: UUID, question: Question) -> _Turn | MessageView:
    """Stores the question and an empty answer; or finds the answer that is there already."""
    conversation = require_participant(actor, await repository.get(uow, conversation_id, lock=True))
    assistant = await assistants.get_assistant(uow, actor, conversation.assistant_id)
    asked, changed = await _question(uow, conversation, question)
    earlier = await repository.answer_to(uow, asked.id)
    if earlier is not None and question.repeat_of is None and earlier.state == "complete" and not changed:
        citations = await repository.citations(uow, [earlier.id])
        return message_view(earlier, citations[earlier.id])
    history = [m for m in await repository.messages(uow, conversation_id, limit=40) if m.id < asked.id]
    if question.external_id is None:
        _refuse_two_at_once(conversation, [*history, *([earlier] if earlier else [])])
    if earlier is not None:
        await uow.session.delete(earlier)
        await uow.session.flush()
    made = Message(
        workspace_id=conversation.workspace_id,
        conversation_id=conversation_id,
        role="assistant",
        state="streaming",
        reply_to=asked.id,
    )
    uow.session.add(made)
    conversation.title = conversation.title or " ".join((asked.text or asked.attachment_name).split())[:80]
    conversation.last_message_at = now()
    await uow.session.flush()
    return _Turn(conversation_id, assistant, asked, made, history, question, conversation.language)


async def _question(uow: UnitOfWork, conversation: Conversation, question: Question) -> tuple[Message, bool]:
    """The stored question, and whether the person has changed it since it was answered."""
    if question.repeat_of is not None:
        asked = await repository.get_message(uow, question.repeat_of)
        if asked is None or asked.conversation_id != conversation.id or asked.role != "person":
            raise MessageNotFound
        return asked, False
    text = question.text.replace("\x00", "").strip()
    attached = question.attachment_text.replace("\x00", "").strip()[:MAX_ATTACHMENT]
    name = " ".join(question.attachment_name.replace("\x00", "").split())[:255]
    if not (text or name or attached):
        raise EmptyQuestion
    if len(text) > MAX_QUESTION:
        raise TooLongQuestion(limit=MAX_QUESTION, length=len(text))
    content = {
        "text": text,
        "author": " ".join(question.author.replace("\x00", "").split())[:200],
        "attachment_name": name,
        "attachment_text": attached,
    }
    stored = await repository.add_question(uow, conversation, question.external_id, **content)
    changed = question.revised and (stored.text, stored.attachment_text) != (text, attached)
    if changed:
        stored.text, stored.attachment_name, stored.attachment_text = text, name, attached
    return stored, changed


def _refuse_two_at_once(conversation: Conversation, messages: Sequence[Message]) -> None:
    """One answer at a time in a conversation of people; a channel with external names keeps its own order."""
    if any(m.state == "streaming" and not is_abandoned(m, conversation) for m in messages):
        raise StillAnswering


def is_abandoned(message: Message, conversation: Conversation) -> bool:
    """Whether nobody writes this unfinished answer any more: the process that did was killed."""
    return message.state == "streaming" and now() - conversation.last_message_at > ABANDONED_AFTER


class _Writing:
    """The answer while it is written: its text so far, its passages, and what it used."""

    def __init__(self, database: Database, actor: Actor, turn: _Turn) -> None:
        self._database = database
        self._actor = actor
        self._turn = turn
        self._passages: list[Passage] = []
        self._filter = CitationFilter(0)
        self._end = ModelEnd(model=EXTRACTIVE)
        self._started = time.monotonic()
        self.text = ""

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece. Raises what the model raises."""
        turn = self._turn
        async with self._database.workspace(self._actor.workspace_id, self._actor.account_id) as uow:
            query = search_query(turn.question, turn.history)
            self._passages = await knowledge.search(uow, turn.assistant.id, query, limit=PASSAGES)
        self._filter = CitationFilter(len(self._passages))
        model = language_model.optional
        source = self._quoted() if model is None else self._modelled(model)
        async with aclosing(source):
            async for raw in source:
                if shown := self._filter.feed(raw):
                    self.text += shown
                    yield shown
        if rest := self._filter.end():
            self.text += rest
            yield rest
        if self._end.cut_short:
            raise ModelCut

    async def beat(self) -> None:
        """Keeps what has been written so far, and shows that it is still being written. Until cancelled."""
        turn, actor = self._turn, self._actor
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with self._database.workspace(actor.workspace_id, actor.account_id) as uow:
                    await repository.keep_writing(uow, turn.conversation_id, turn.answer.id, self.text)
            except DatabaseAway:
                _log.warning("the answer in the making could not be kept", conversation_id=str(turn.conversation_id))

    async def _quoted(self) -> AsyncGenerator[str, None]:
        question, asked = self._turn.question, self._turn.asked
        language = asked.language or language_of_text(question.text, language_of(self._turn.default_language))
        yield quote_passages(question.text, self._passages, language, question.attachment_text)

    async def _modelled(self, model: LanguageModel) -> AsyncGenerator[str, None]:
        turn = self._turn
        prompt = build_prompt(
            turn.assistant,
            self._passages,
            turn.history,
            turn.question,
            language=turn.asked.language,
            pictures=turn.asked.pictures,
        )
        async for event in model.stream(prompt):
            if isinstance(event, ModelText):
                yield event.text
            else:
                self._end = event

    async def settle(self, state: MessageState, error_code: str = "") -> MessageView:
        """Stores how the answer ended, its citations and what it used."""
        turn, actor = self._turn, self._actor
        async with self._database.workspace(actor.workspace_id, actor.account_id) as uow:
            stored = await repository.get_message(uow, turn.answer.id)
            message = stored or turn.answer  # the conversation may have been deleted meanwhile
            message.text, message.state, message.error_code = self.text.strip(), state, error_code
            message.model = self._end.model[:100]
            message.prompt_tokens, message.completion_tokens = self._end.prompt_tokens, self._end.completion_tokens
            citations = await self._citations(uow, message)
            if stored is None:
                return message_view(message, citations)
            await _add_citations(uow, citations)
            if self._end.model != EXTRACTIVE:
                usage = Usage(
                    purpose="answer",
                    model=self._end.model,
                    prompt_tokens=self._end.prompt_tokens,
                    completion_tokens=self._end.completion_tokens,
                    duration_ms=int((time.monotonic() - self._started) * 1000),
                )
                await models.record_usage(
                    uow, actor, usage, assistant_id=turn.assistant.id, conversation_id=turn.conversation_id
                )
            return message_view(message, citations)

    async def _citations(self, uow: UnitOfWork, message: Message) -> list[Citation]:
        """The citations that came through, each pointing at the sentences that prove what the answer says there."""
        said = statements(message.text, range(1, len(self._filter.used) + 1))
        citations = []
        for number, passage_number in enumerate(self._filter.used, start=1):
            passage = self._passages[passage_number - 1]
            if span := pinpoint(passage.text, said[number]):
                passage = await knowledge.narrow(uow, passage, *span)
            citations.append(_citation(message, number, passage))
        return citations


def _citation(message: Message, number: int, passage: Passage) -> Citation:
    return Citation(
        workspace_id=message.workspace_id,
        message_id=message.id,
        number=number,
        document_id=passage.document_id,
        chunk_id=passage.chunk_id,
        document_name=passage.document_name,
        page=passage.page,
        page_end=passage.page_end,
        char_start=passage.char_start,
        char_end=passage.char_end,
        quote=passage.text,
    )


async def _add_citations(uow: UnitOfWork, citations: list[Citation]) -> None:
    """Stores the citations; one whose document was deleted while the answer was written keeps its quotation."""
    try:
        async with uow.session.begin_nested():
            uow.session.add_all(citations)
    except IntegrityError:
        for citation in citations:
            citation.document_id = citation.chunk_id = None
        uow.session.add_all(citations)
