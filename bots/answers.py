"""The process that makes the answers for the bots: it holds the database and the model, the bots' processes do not.

Started by the manager (see `answer_launch`). What is asked is bound to a bot by the manager. Kinds:

    answer    chat, topic, person, author, language, chosen, text, attached, files, external
              → begun (for the manager: what costs time here is done, another one may begin), any number of delta
              {text, heard}, then complete {text, sources, language, notes} or failed {the same, sentence, and the
              error's code where it has one}: what had come before it broke off. attached: pairs of name and text;
              files: as in `downloads`; external: number of an earlier update whose question this one replaces; heard:
              what recordings said; notes: sentences about what was left out; chosen: the language that was chosen in
              the chat, empty for none, null where the bot does not know; the last event tells it and `answer`, the
              answer's id, for `source`
    source    chat, answer, number, language → text {text, name, page, page_end, address, language}: the passage
              behind a number of an answer that was given in that chat; text is empty where there is none
    greeting  chat, chat_kind, title, source, language → text {text, language}
    new       chat, topic, person, language → text {language}; what is said next opens a new conversation
    language  chat, language → text {language}: what was chosen there, or else the one that is given
    choose    chat, chat_kind, title, language → text {language}: from now on this one is spoken there
    presence  chat, chat_kind, title, here, language → text {language}: the bot was added, or is gone
    migrated  chat, to → text {}: the group goes on under another number
    around    chat, most, message, business → text {updates}: what came in the chat before and after (see `job.Around`)
    managed   managed, person, language → text {outcome, username}: a bot was made (see `channels.managed`)
    business  connection, chat, message → text {known, account, name, answers, full, number}: whether a customer's
              message is answered; full: it would be, but within an hour the chat got `number` answers, all it may
    connected   a `business.Connection` → text {allowed}: Telegram tells of a business account
    invitation  → text {link}: by which people make bots with this one; empty where it takes none
Each may end with `away` (the database is away) or `lost` (a fault of ours).
"""

from __future__ import annotations

if __name__ == "__main__":
    from bots import uncollected  # noqa: F401 - before all that takes long to import

# isort: split
import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import structlog

from bots import heap, incoming, lookups
from bots.gathering import gather
from bots.own_process import call_process
from bots.storage import open_database
from bots.texts import text
from bots.wire import Message, Wire
from chatai import wiring
from chatai.core.actor import Actor
from chatai.core.database import Database, DatabaseAway
from chatai.core.errors import ChatAIError
from chatai.core.i18n import Language
from chatai.core.logging import configure
from chatai.core.scrubbing import scrub
from chatai.core.settings import Settings, get_settings
from chatai.domains.channels import chats
from chatai.domains.conversations import service as conversations
from chatai.domains.conversations.schemas import (
    ChannelTalk,
    Completed,
    Failed,
    MessageView,
    Question,
    Searched,
    TextDelta,
)
from chatai.domains.models import service as models

log = structlog.get_logger(__name__)

NAME = "chatai-answers"
SWEEP_SECONDS = 600
WITH_FILES_AT_ONCE = 8
"""Questions of one process that come with files: their pictures and recordings are in its memory meanwhile."""
DELTA_SECONDS = 0.05
"""Words that come sooner after others go on with the next ones, or with the whole answer: each frame wakes three
processes, and a chat is edited once a second."""


class Answerer:
    """Serves the questions that come over one wire, all at once."""

    def __init__(self, database: Database, wire: Wire, run_dir: Path) -> None:
        self._database = database
        self._run_dir = run_dir
        self._wire = wire
        self._running: dict[int, asyncio.Task[None]] = {}
        self._with_files = asyncio.Semaphore(WITH_FILES_AT_ONCE)

    async def serve(self) -> None:
        """Until told to stop, or until the manager is gone. What is under way is then stored as interrupted."""
        while (message := await self._wire.receive()) is not None:
            match message["type"]:
                case "ask":
                    self._running[message["ask"]] = asyncio.create_task(self._answer(message))
                case "cancel":
                    running = self._running.get(message["ask"])
                    if running is not None:
                        running.cancel()
                case "ping":
                    self._wire.send({"type": "pong", "beat": message["beat"]})
                case "stop":
                    break
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)

    async def _answer(self, ask: Message) -> None:
        """Ends in one last event whatever was asked, and be it nonsense: until then it has a place in this process."""
        try:
            await self._attempt(ask)
        except Exception as error:  # a fault of ours in one answer must not end the others
            log.exception("an answer failed", bot_id=ask["bot"], update=ask.get("update"), error=scrub(repr(error)))
            self._say(ask, "lost")
        finally:
            self._running.pop(ask["ask"], None)

    async def _attempt(self, ask: Message) -> None:
        try:
            await self._dispatch(ask, _actor(ask))
        except DatabaseAway:
            self._say(ask, "away")
        except ChatAIError as error:
            language = ask["language"]
            sentence = error.sentence(language)
            self._say(ask, "failed", code=error.code, sentence=sentence, text="", sources=[], language=language)

    async def _dispatch(self, ask: Message, actor: Actor) -> None:
        match ask["kind"]:
            case "answer":
                async with self._with_files if ask["files"] else nullcontext():
                    await self._stream(ask, actor)
            case "new":
                conversation, chosen = await self._conversation(ask, actor)
                async with self._database.workspace(actor.workspace_id) as uow:
                    await conversations.close_conversation(uow, actor, conversation)
                self._say(ask, "text", language=chosen or ask["language"])
            case kind:
                self._say(ask, "text", **await lookups.answer(self._database, actor, kind, ask))

    async def _stream(self, ask: Message, actor: Actor) -> None:
        chosen: Language | None = ask["chosen"] or None
        if ask["chosen"] is None:
            chosen = await chats.chosen_language(self._database.statements(actor.workspace_id), actor, ask["chat"])
        language: Language = chosen or ask["language"]
        ask["language"] = language
        folder = incoming.folder_of(self._run_dir, ask["bot"])
        if ask["files"]:
            self._say(ask, "begun")  # a recording may take long to be heard, and costs little here
        gathered = await gather(ask["text"], ask["attached"], ask["files"], folder, language)
        if gathered.usages:
            conversation, _ = await self._conversation(ask, actor)
            async with self._database.workspace(actor.workspace_id) as uow:
                for usage in gathered.usages:
                    assistant = UUID(ask["assistant"])
                    await models.record_usage(uow, actor, usage, assistant_id=assistant, conversation_id=conversation)
        if gathered.is_empty:
            sentence = "\n\n".join(gathered.notes) or text("failed", language)
            self._say(ask, "failed", sentence=sentence, text="", sources=[], language=language)
            return
        if gathered.heard:
            self._say(ask, "delta", text="", heard=gathered.heard)
        name, attached = gathered.attachment() if gathered.attached else ("", "")
        question = Question(
            gathered.words,
            external_id=str(ask.get("external") or ask["update"]),
            revised=bool(ask.get("external")),
            author=ask["author"],
            attachment_name=name,
            attachment_text=attached,
            pictures=tuple(gathered.pictures),
            language=chosen,
        )
        with_it = {"language": language, "chosen": chosen or "", "notes": gathered.notes}
        events = conversations.answer(self._database, actor, _talk(ask, language), question)
        growing: list[str] = []
        said = time.monotonic()  # what is there at once goes with the end
        async with aclosing(cast(Any, events)):
            async for event in events:
                match event:
                    case Searched():
                        self._say(ask, "begun")
                    case TextDelta():
                        growing.append(event.text)
                        if time.monotonic() - said >= DELTA_SECONDS:
                            self._say(ask, "delta", text="".join(growing))
                            await self._wire.drain()
                            growing, said = [], time.monotonic()
                    case Completed():
                        self._say(ask, "complete", **_shown(event.message), **with_it)
                    case Failed(code=DatabaseAway.code):
                        # What came of it is not kept: it is asked anew, and the chat need not be told.
                        self._say(ask, "away")
                    case Failed():
                        why = {"code": event.code, "sentence": event.sentence(language)}
                        self._say(ask, "failed", **why, **_shown(event.message), **with_it)

    async def _conversation(self, ask: Message, actor: Actor) -> tuple[UUID, Language | None]:
        """The chat's conversation, the one that goes on or a new one, and the language that was chosen in the chat.
        Each topic of a forum has a conversation of its own."""
        async with self._database.workspace(actor.workspace_id) as uow:
            chosen = await chats.chosen_language(uow, actor, ask["chat"])
            view = await conversations.start_conversation(
                uow,
                actor,
                UUID(ask["assistant"]),
                channel="telegram",
                external_id=lookups.conversation_name(ask["bot"], ask["chat"], ask["topic"]),
                person_name=ask["person"],
                language=chosen or ask["language"],
            )
        return view.id, chosen

    def _say(self, ask: Message, event: str, **fields: Any) -> None:
        self._wire.send({"type": "event", "ask": ask["ask"], "event": event, **fields})


def _actor(ask: Message) -> Actor:
    """The bot that asks. The workspace comes from the manager, never from the bot's own process."""
    language: Language = ask["language"]
    return Actor(kind="bot", workspace_id=UUID(ask["workspace"]), bot_id=UUID(ask["bot"]), language=language)


def _talk(ask: Message, language: Language) -> ChannelTalk:
    """The chat's conversation. Each topic of a forum has its own."""
    name = lookups.conversation_name(ask["bot"], ask["chat"], ask["topic"])
    return ChannelTalk(UUID(ask["assistant"]), "telegram", name, ask["person"], language)


def _shown(message: MessageView) -> dict[str, Any]:
    sources = [
        {
            "number": citation.number,
            "name": citation.document_name,
            "page": citation.page,
            "page_end": citation.page_end,
        }
        for citation in message.citations
    ]
    return {"text": message.text, "sources": sources, "answer": message.id.hex}


async def _sweep(run_dir: Path) -> None:
    """Removes files that killed processes left behind, for as long as this process lives."""
    while True:
        try:
            removed = await asyncio.to_thread(incoming.sweep, run_dir)
            if removed:
                log.info("files that were left behind are removed", files=removed)
        except OSError as error:
            log.warning("the incoming files cannot be tidied", error=error.strerror)
        await asyncio.sleep(SWEEP_SECONDS)


async def run(descriptor: int, settings: Settings) -> None:
    """Serves the manager at the other end of an inherited socket."""
    database = open_database(settings)
    wiring.bind(settings)
    wire = await Wire.over(socket.socket(fileno=descriptor))
    heap.keep_for_good()
    wire.send({"type": "ready"})
    sweeping = asyncio.create_task(_sweep(settings.run_dir))
    await Answerer(database, wire, settings.run_dir).serve()
    sweeping.cancel()
    await wire.close()
    await wiring.close()
    await database.close()


def main(descriptor: int, settings: Settings) -> None:
    import uvloop

    os.set_inheritable(descriptor, False)  # all bots' questions pass here: no program started from here may have it
    call_process(NAME)
    # The manager says when to stop; Ctrl-C in the terminal and the stop of a whole unit are meant for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: None)  # not ignored, which what is started here would inherit
    configure("bots-answers", settings)
    uvloop.run(run(descriptor, settings))


if __name__ == "__main__":
    main(int(sys.argv[1]), get_settings())
