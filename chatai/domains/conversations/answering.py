"""The one generator that makes answers, for the web chat, Telegram and the API alike.

    question stored → passages found → model asked (or passages quoted) → citations checked → answer stored

No transaction is open while the model writes. Whatever happens in between, the question stays and the answer's row
says how far it came; asked again under the same external name, a complete answer is given again and an incomplete
one is made anew in its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID

import structlog

from chatai.core.actor import Actor
from chatai.core.database import Database, DatabaseAway
from chatai.core.errors import ChatAIError
from chatai.core.i18n import Language, language_of, language_of_text
from chatai.core.ids import new_id
from chatai.core.roundtrip import Statement
from chatai.core.statements import Statements
from chatai.domains.conversations import repository, unanswered
from chatai.domains.conversations.citations import CitationFilter
from chatai.domains.conversations.errors import Interrupted
from chatai.domains.conversations.extractive import quote_passages
from chatai.domains.conversations.pinpoint import pinpoint, statements
from chatai.domains.conversations.prompt import build_prompt, search_query
from chatai.domains.conversations.schemas import (
    AnswerEvent,
    ChannelTalk,
    CitationView,
    Completed,
    Ending,
    Failed,
    MessageState,
    MessageView,
    Question,
    Searched,
    Started,
    TextDelta,
)
from chatai.domains.conversations.turns import Turn, begin, must_last
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.schemas import Passage
from chatai.domains.models import service as models
from chatai.domains.models.errors import ModelCut
from chatai.domains.models.ports import LanguageModel, language_model
from chatai.domains.models.schemas import ModelEnd, ModelText, Usage

_log = structlog.get_logger(__name__)

PASSAGES = 8
BEAT_SECONDS = 5.0
EXTRACTIVE = "extractive"


async def answer(
    database: Database, actor: Actor, talk: UUID | ChannelTalk, question: Question
) -> AsyncIterator[AnswerEvent]:
    """Stores the question, makes its answer and streams it.

    Closing the iterator early stops the answer: what had arrived is stored as interrupted.

    Args:
        database: Where it is stored.
        actor: Who asks.
        talk: The conversation, or the channel's own name of it.
        question: What is asked.

    Yields:
        `Started`, `Searched`, any number of `TextDelta`, and at last `Completed` or `Failed`. For a question whose
        complete answer is stored already, `Completed` alone.

    Raises:
        ConversationNotFound, AssistantNotFound, EmptyQuestion, TooLongQuestion, StillAnswering, MessageNotFound:
            before anything is stored.
        DatabaseAway: PostgreSQL is away; ask again.
    """
    turn = await begin(database, actor, talk, question)
    if isinstance(turn, MessageView):
        yield Completed(turn)
        return
    yield Started(turn.question.id, turn.answer_id)
    statements = database.statements(actor.workspace_id, actor.account_id, lasting=must_last(question))
    writing = _Writing(statements, actor, turn)
    settled = False
    beats = _Beats(writing)
    try:
        yield Searched(await writing.find())
        async with aclosing(writing.pieces()) as pieces:
            async for piece in pieces:
                yield TextDelta(piece)
        message = await writing.settle("complete")
        settled = True
        yield Completed(message)
    except ChatAIError as error:
        _log.warning("answer failed", code=error.code, conversation_id=str(turn.conversation_id))
        message = await writing.settle("interrupted" if writing.text else "failed", error.code)
        settled = True
        yield Failed(error.code, error.sentence("en"), error.sentence("ru"), message)
    finally:
        beats.cancel()
        if not settled:  # stopped by the person, cancelled, or broken by a fault of ours
            await asyncio.shield(writing.settle("interrupted", Interrupted.code))


class _Beats:
    """Shows that an answer is being written, if that takes long: most are done before the first beat."""

    def __init__(self, writing: _Writing) -> None:
        self._writing = writing
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._start)

    def _start(self) -> None:
        self._task = asyncio.create_task(self._writing.beat())

    def cancel(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


class _Writing:
    """The answer while it is written: its text so far, its passages, and what it used."""

    def __init__(self, statements: Statements, actor: Actor, turn: Turn) -> None:
        self._statements = statements
        self._actor = actor
        self._turn = turn
        self._passages: list[Passage] = []
        self._filter = CitationFilter(0)
        self._end = ModelEnd(model=EXTRACTIVE)
        self._started = time.monotonic()
        self._usage_id = new_id()
        self._settling: asyncio.Task[MessageView] | None = None
        self.text = ""

    async def find(self) -> int:
        """Finds the passages; how many."""
        turn = self._turn
        query = search_query(turn.question, turn.history)
        vector = await knowledge.embed_query(query, turn.assistant.id)
        depth = knowledge.search_depth(PASSAGES)
        found = await knowledge.search(self._statements, turn.assistant.id, query, limit=depth, vector=vector)
        self._passages = await knowledge.reranked(turn.question.text, found, PASSAGES)
        return len(self._passages)

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece. Raises what the model raises."""
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
        if self._filter.untold and not self.text.strip():
            self.text = unanswered.NOT_TOLD[self._language()]
            yield self.text
        if self._end.cut_short:
            raise ModelCut

    async def beat(self) -> None:
        """Keeps what has been written so far, and shows that it is still being written. Until cancelled."""
        turn = self._turn
        while True:
            try:
                await repository.keep_writing(self._statements, turn.conversation_id, turn.answer_id, self.text)
            except DatabaseAway:
                _log.warning("the answer in the making could not be kept", conversation_id=str(turn.conversation_id))
            await asyncio.sleep(BEAT_SECONDS)

    async def _quoted(self) -> AsyncGenerator[str, None]:
        question = self._turn.question
        yield quote_passages(question.text, self._passages, self._language(), question.attachment_text)

    def _language(self) -> Language:
        """The asker's."""
        question, asked = self._turn.question, self._turn.asked
        return asked.language or language_of_text(question.text, language_of(self._turn.default_language))

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
        """Stores how the answer ended, its citations and what it used.

        Once begun it goes on, also when who waits for it is cancelled: asked then again, it gives what it has stored.
        After a failure the ending of the latter time counts.
        """
        if self._settling is None or (self._settling.done() and self._settling.exception() is not None):
            self._settling = asyncio.create_task(self._settle(state, error_code))
        return await asyncio.shield(self._settling)

    async def _settle(self, state: MessageState, error_code: str) -> MessageView:
        turn, actor, end = self._turn, self._actor, self._end
        ending = Ending(self.text.strip(), state, error_code, end.model[:100], end.prompt_tokens, end.completion_tokens)
        said = statements(ending.text, range(1, len(self._filter.used) + 1))
        cited = [
            _citation(number, await self._pinpointed(passage, said[number]))
            for number, passage in enumerate((self._passages[used - 1] for used in self._filter.used), start=1)
        ]
        chunk_ids = [self._passages[used - 1].chunk_id for used in self._filter.used]
        together: list[Statement] = [repository.settling(turn.answer_id, ending, cited, chunk_ids)]
        if end.model != EXTRACTIVE:
            usage = Usage(
                purpose="answer",
                model=end.model,
                prompt_tokens=end.prompt_tokens,
                completion_tokens=end.completion_tokens,
                duration_ms=int((time.monotonic() - self._started) * 1000),
            )
            assistant, conversation = turn.assistant.id, turn.conversation_id
            recording = models.recording(
                actor, usage, record_id=self._usage_id, assistant_id=assistant, conversation_id=conversation
            )
            together.append(recording)
        lacking = self._lacking(state, cited=bool(cited))  # first, since it locks the conversation
        rows = await self._statements.run_together([*lacking, *together])
        kept = repository.kept_citations(rows[len(lacking)])
        return MessageView(
            id=turn.answer_id,
            role="assistant",
            text=ending.text,
            state=state,
            error_code=error_code,
            citations=tuple(c if c.number in kept else replace(c, document_id=None) for c in cited),
            created_at=turn.answer_at,
            reply_to=turn.question.id,
        )

    def _lacking(self, state: MessageState, *, cited: bool) -> list[Statement]:
        """What records the question as unanswered, if the answer leaves it so."""
        turn = self._turn
        if state != "complete":
            return []
        reason = unanswered.why_unanswered(turn.question, turn.asked, untold=self._filter.untold, cited=cited)
        if reason is None:
            return []
        text, language = turn.question.text, turn.default_language
        return [unanswered.recording(turn.conversation_id, turn.answer_id, text, reason, language)]

    async def _pinpointed(self, passage: Passage, statement: str) -> Passage:
        """The passage, cut down to the sentences that prove what the answer says there."""
        span = pinpoint(passage.text, statement)
        return await knowledge.narrow(self._statements, passage, *span) if span else passage


def _citation(number: int, passage: Passage) -> CitationView:
    return CitationView(
        number=number,
        document_id=passage.document_id,
        document_name=passage.document_name,
        page=passage.page,
        page_end=passage.page_end,
        char_start=passage.char_start,
        char_end=passage.char_end,
        quote=passage.text,
    )
