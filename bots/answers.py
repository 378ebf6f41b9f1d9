"""The process that makes the answers for the bots: it holds the database and the model, the bots' processes do not.

Started by the manager (`python -m bots.answers FD`). What is asked is bound to a bot by the manager. Kinds:

    answer    chat, topic, person, language, text → any number of delta {text}, then complete {text, sources} or
              failed {sentence, text, sources}: what had come before it broke off
    greeting  language → text {text}
    new       chat, topic, person, language → text {text: ""}; what is said next opens a new conversation
Each may end with `away` (the database is away) or `lost` (a fault of ours).
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import aclosing
from typing import Any, cast
from uuid import UUID

import structlog

from bots.storage import open_database
from bots.wire import Message, Wire
from chatai import wiring
from chatai.core.actor import Actor
from chatai.core.database import Database, DatabaseAway
from chatai.core.errors import ChatAIError
from chatai.core.i18n import Language
from chatai.core.logging import configure, scrub
from chatai.core.settings import Settings, get_settings
from chatai.domains.assistants import service as assistants
from chatai.domains.conversations import service as conversations
from chatai.domains.conversations.schemas import Completed, Failed, MessageView, Question, TextDelta

log = structlog.get_logger(__name__)


class Answerer:
    """Serves the questions that come over one wire, all at once."""

    def __init__(self, database: Database, wire: Wire) -> None:
        self._database = database
        self._wire = wire
        self._running: dict[int, asyncio.Task[None]] = {}

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
        try:
            await self._dispatch(ask, _actor(ask))
        except DatabaseAway:
            self._say(ask, "away")
        except ChatAIError as error:
            self._say(ask, "failed", sentence=error.sentence(ask["language"]), text="", sources=[])
        except Exception as error:  # a fault of ours in one answer must not end the others
            log.exception("an answer failed", bot_id=ask["bot"], update=ask["update"], error=scrub(repr(error)))
            self._say(ask, "lost")
        finally:
            self._running.pop(ask["ask"], None)

    async def _dispatch(self, ask: Message, actor: Actor) -> None:
        match ask["kind"]:
            case "answer":
                await self._stream(ask, actor)
            case "greeting":
                async with self._database.workspace(actor.workspace_id) as uow:
                    assistant = await assistants.get_assistant(uow, actor, UUID(ask["assistant"]))
                self._say(ask, "text", text=assistant.greeting)
            case "new":
                conversation = await self._conversation(ask, actor)
                async with self._database.workspace(actor.workspace_id) as uow:
                    await conversations.close_conversation(uow, actor, conversation)
                self._say(ask, "text", text="")

    async def _stream(self, ask: Message, actor: Actor) -> None:
        conversation = await self._conversation(ask, actor)
        question = Question(ask["text"], external_id=str(ask["update"]))
        events = conversations.answer(self._database, actor, conversation, question)
        async with aclosing(cast(Any, events)):
            async for event in events:
                match event:
                    case TextDelta():
                        self._say(ask, "delta", text=event.text)
                        await self._wire.drain()
                    case Completed():
                        self._say(ask, "complete", **_shown(event.message))
                    case Failed():
                        self._say(ask, "failed", sentence=event.sentence(ask["language"]), **_shown(event.message))

    async def _conversation(self, ask: Message, actor: Actor) -> UUID:
        """The chat's conversation: the one that goes on, or a new one. Each topic of a forum has its own."""
        name = ":".join(str(part) for part in (ask["bot"], ask["chat"], ask["topic"]) if part is not None)
        async with self._database.workspace(actor.workspace_id) as uow:
            view = await conversations.start_conversation(
                uow,
                actor,
                UUID(ask["assistant"]),
                channel="telegram",
                external_id=name,
                person_name=ask["person"],
                language=ask["language"],
            )
        return view.id

    def _say(self, ask: Message, event: str, **fields: Any) -> None:
        self._wire.send({"type": "event", "ask": ask["ask"], "event": event, **fields})


def _actor(ask: Message) -> Actor:
    """The bot that asks. The workspace comes from the manager, never from the bot's own process."""
    language: Language = ask["language"]
    return Actor(kind="bot", workspace_id=UUID(ask["workspace"]), bot_id=UUID(ask["bot"]), language=language)


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
    return {"text": message.text, "sources": sources}


async def run(descriptor: int, settings: Settings) -> None:
    """Serves the manager at the other end of an inherited socket."""
    database = open_database(settings)
    wiring.bind(settings)
    wire = await Wire.over(socket.socket(fileno=descriptor))
    wire.send({"type": "ready"})
    await Answerer(database, wire).serve()
    await wire.close()
    await wiring.close()
    await database.close()


def main(descriptor: int) -> None:
    import uvloop

    # The manager says when to stop; a Ctrl-C in the terminal is meant for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = get_settings()
    configure("bots-answers", settings)
    uvloop.run(run(descriptor, settings))


if __name__ == "__main__":
    main(int(sys.argv[1]))
