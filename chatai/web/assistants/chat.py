"""The web chat with an assistant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import reflex as rx

from chatai.core.actor import Actor
from chatai.core.database import get_database
from chatai.core.errors import ChatAIError, NotFound
from chatai.domains.conversations import service as conversations
from chatai.domains.conversations.schemas import AnswerEvent, Completed, Failed, Question, TextDelta
from chatai.domains.knowledge import service as knowledge
from chatai.web.assistants.one import Current, assistant_page
from chatai.web.conversations.turns import Turn, answered, asked, turn_of, turn_view, typing
from chatai.web.shared.elements import button, icon, link_button, note, skeleton, tile
from chatai.web.shared.guard import handler, language_for, place_of, route_id, unit
from chatai.web.shared.i18n import t
from chatai.web.shared.layout import Session
from chatai.web.shared.parts import Prose, Thread
from chatai.web.shared.texts import chat as texts

FLUSH_SECONDS = 0.07  # a changed text is sent whole: often enough to look live, seldom enough to stay light
LISTEN_SECONDS = 0.25  # how soon a stop is noticed while the model is silent
SIGN_SECONDS = 2.0  # how often the event that writes an answer shows that it lives
SILENT_SECONDS = 8.0  # without that sign for so long it does not: its process was killed


class Chat(rx.State):
    """One conversation in the web chat. The answer in the making is apart from the turns that are done."""

    turns: list[Turn] = []  # noqa: RUF012  Reflex copies it for each browser
    asking: str = ""
    writing: str = ""
    busy: bool = False
    error: str = ""
    draft: str = ""
    drafts: int = 0
    loaded_for: str = ""
    has_documents: bool = True
    _conversation: str = ""
    _run: str = ""  # the answer that is shown while it is written
    _stopped: str = ""  # the answer that a person wants no more of
    _sign_at: float = 0.0

    @rx.var
    def is_empty(self) -> bool:
        return not self.turns and not self.busy

    @handler
    async def load(self, actor: Actor) -> None:
        """Shows the conversation in the address (`?c=`), or goes on with the one that is open here."""
        assistant_id = route_id(self, "assistant_id")
        wanted = self.router.url.query_parameters.get("c", "")
        if self.loaded_for != str(assistant_id) or (wanted and wanted != self._conversation):
            self._turn_to(wanted)
        self._let_go_of_dead()
        async with unit(actor) as uow:
            documents = await knowledge.list_documents(uow, actor, assistant_id)
        self.has_documents = any(item.state == "ready" for item in documents)
        if not self.busy:
            await self._reload(actor, assistant_id)
        self.loaded_for, self.error = str(assistant_id), ""

    async def _reload(self, actor: Actor, assistant_id: UUID) -> None:
        """Reads the turns from the database. A conversation that is gone, or another assistant's, is let go."""
        if not self._conversation:
            return
        try:
            async with unit(actor) as uow:
                detail = await conversations.get_conversation(uow, actor, UUID(self._conversation))
        except (NotFound, ValueError):
            self._conversation, self.turns = "", []
            return
        if detail.view.assistant_id != assistant_id:
            self._conversation, self.turns = "", []
            return
        self.turns = [turn_of(item) for item in detail.messages]

    def _turn_to(self, conversation: str) -> None:
        """Shows another conversation. An answer that is being written goes on unseen, and is stored."""
        self._conversation, self.turns, self.error = conversation, [], ""
        self._rest()

    def _rest(self) -> None:
        self._run, self.busy, self.asking, self.writing = "", False, "", ""

    def _let_go_of_dead(self) -> None:
        if self.busy and time.time() - self._sign_at > SILENT_SECONDS:
            self._rest()

    @handler
    async def start_anew(self, actor: Actor) -> Any:
        self._stopped = self._run
        self._turn_to("")
        if "c" in self.router.url.query_parameters:  # or a lost connection would turn back to that conversation
            return rx.redirect(place_of(self), replace=True)
        return None

    @handler
    async def stop(self, actor: Actor) -> None:
        """The background event notices and closes the answer; what has arrived is kept."""
        self._stopped = self._run
        self._let_go_of_dead()
        if not self.busy:
            await self._reload(actor, route_id(self, "assistant_id"))

    @handler(background=True, error="error")
    async def ask(self, actor: Actor, form: dict[str, Any]) -> None:
        text = str(form.get("question", "")).strip()
        if text:
            await self._converse(actor, Question(text=text), text)

    @handler(background=True, error="error")
    async def answer_again(self, actor: Actor, question_id: str) -> None:
        """Answers a question of this conversation anew, in place of the answer it had."""
        try:
            question = Question(repeat_of=UUID(question_id))
        except ValueError:
            raise NotFound from None
        await self._converse(actor, question, "")

    async def _converse(self, actor: Actor, question: Question, text: str) -> None:
        run = uuid4().hex
        async with self:
            self._let_go_of_dead()
            if self.busy:
                self._put_back(text)
                return
            assistant_id = route_id(self, "assistant_id")
            language = await language_for(self)
            self._run, self._sign_at, conversation = run, time.time(), self._conversation
            self.busy, self.asking, self.writing, self.error, self.draft = True, text, "", "", ""
            if question.repeat_of:
                self.turns = [turn for turn in self.turns if turn.reply_to != str(question.repeat_of)]
        try:
            if not conversation:
                async with unit(actor) as uow:
                    made = await conversations.start_conversation(uow, actor, assistant_id, language=language)
                conversation = str(made.id)
                async with self:
                    if self._run == run:
                        self._conversation = conversation
            await self._stream(conversations.answer(get_database(), actor, UUID(conversation), question), run)
        except ChatAIError:
            async with self:
                if self._run == run:
                    self._put_back(text)
            raise
        finally:
            async with self:
                if self._run == run:
                    self._rest()
                if not self._run and self._conversation == conversation:
                    await self._reload(actor, assistant_id)

    def _put_back(self, text: str) -> None:
        """Into the field again: nothing typed is lost."""
        if not text:
            return
        self.draft, self.drafts = text, self.drafts + 1

    async def _stream(self, events: AsyncIterator[AnswerEvent], run: str) -> None:
        """Shows the answer as it comes, until it is complete or stopped."""
        text, shown_at = "", 0.0
        waiting: asyncio.Future[AnswerEvent] | None = None
        try:
            while True:
                waiting = waiting or asyncio.ensure_future(anext(events))
                await asyncio.wait({waiting}, timeout=LISTEN_SECONDS)
                if waiting.done():
                    try:
                        event = waiting.result()
                    except StopAsyncIteration:
                        return
                    finally:
                        waiting = None
                    if isinstance(event, TextDelta):
                        text += event.text
                    elif isinstance(event, Completed | Failed):
                        return
                if time.monotonic() - shown_at >= FLUSH_SECONDS:
                    async with self:
                        if self._stopped == run:
                            return
                        if self._run == run and self.writing != text:
                            self.writing = text
                        if self._run == run and time.time() - self._sign_at > SIGN_SECONDS:
                            self._sign_at = time.time()
                    shown_at = time.monotonic()
        finally:
            if waiting is not None:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            await events.aclose()  # type: ignore[attr-defined]  # it is a generator; closing it stops the model


def composer() -> rx.Component:
    return rx.el.div(
        rx.cond(Chat.error, note(Chat.error, "bad", style={"marginBottom": "var(--s3)"})),
        rx.el.form(
            rx.el.label(t(texts.YOUR_QUESTION), html_for="question", class_name="sr"),
            rx.el.textarea(
                id="question",
                key=Chat.drafts.to_string(),
                default_value=Chat.draft,
                name="question",
                class_name="area",
                rows="1",
                placeholder=t(texts.ASK),
                max_length=8000,
                required=True,
                enter_key_submit=~Chat.busy,
                auto_complete="off",
            ),
            rx.cond(
                Chat.busy,
                button(texts.STOP, icon_name="square", on_click=Chat.stop),
                rx.el.button(
                    icon("arrow-up", 18),
                    type="submit",
                    class_name="btn icon primary",
                    aria_label=t(texts.SEND),
                    title=t(texts.SEND),
                ),
            ),
            on_submit=Chat.ask,
            reset_on_submit=True,
        ),
        class_name="composer",
    )


def welcome() -> rx.Component:
    return rx.el.div(
        tile(icon("message-circle", 26)),
        rx.el.h2(t(texts.START_TITLE, name=Current.name)),
        rx.el.p(rx.cond(Current.greeting, Current.greeting, t(texts.START))),
        rx.cond(
            ~Chat.has_documents,
            rx.el.div(
                note(texts.NO_DOCUMENTS, "warn"),
                link_button(
                    texts.ADD_DOCUMENTS, f"/assistants/{Current.id}/knowledge", kind="primary", icon_name="file-up"
                ),
                class_name="stack",
                style={"justifyItems": "center"},
            ),
        ),
        class_name="empty",
        style={"margin": "auto"},
    )


def last_turn_actions(turn: rx.Var[Turn], position: rx.Var[int]) -> rx.Component:
    last = (position == Chat.turns.length() - 1) & ~Chat.busy & (turn.reply_to != "")
    return rx.cond(
        last,
        rx.el.div(
            button(
                texts.AGAIN, kind="ghost", small=True, icon_name="refresh-cw", on_click=Chat.answer_again(turn.reply_to)
            )
        ),
    )


def page() -> rx.Component:
    thread = Thread.create(
        rx.cond(Chat.is_empty, welcome()),
        rx.foreach(
            Chat.turns,
            lambda turn, position: rx.cond(
                turn.role == "person", turn_view(turn), answered(turn, last_turn_actions(turn, position))
            ),
        ),
        rx.cond(Chat.asking, asked(Chat.asking)),
        rx.cond(
            Chat.busy,
            rx.el.div(
                rx.cond(Chat.writing, Prose.create(text=Chat.writing), typing()),
                class_name="turn",
                aria_live="polite",
                aria_busy="true",
            ),
        ),
        class_name="thread",
        tab_index=0,
        role="log",
        aria_label=t(texts.CONVERSATION),
    )
    return assistant_page(
        "chat",
        rx.cond(
            Chat.loaded_for == Current.id,
            rx.el.section(
                rx.el.div(
                    rx.el.span(t(texts.CONVERSATION), class_name="small muted"),
                    button(
                        texts.NEW_CHAT,
                        kind="ghost",
                        small=True,
                        icon_name="square-pen",
                        on_click=Chat.start_anew,
                        disabled=Chat.is_empty,
                    ),
                    class_name="row between",
                    style={
                        "padding": "var(--s2) var(--s3) var(--s2) var(--s5)",
                        "borderBottom": "1px solid var(--line)",
                    },
                ),
                thread,
                composer(),
                class_name="card chat",
            ),
            skeleton(420),
        ),
    )


ON_LOAD = [Session.enter, Current.load, Chat.load]
