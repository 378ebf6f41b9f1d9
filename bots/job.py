"""One update in a worker: what its handlers can ask for and do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from bots.delivery import Delivery, Later, Place, Reply
from bots.formatting import Part, Source, render
from bots.texts import text
from bots.wire import Message, Wire
from chatai.core.i18n import Language

EDIT_SECONDS = 1.1
EDIT_SECONDS_IN_GROUPS = 4.0
FIRST_LOOK_SECONDS = 0.4
"""How often a growing answer is edited: a chat bears one message a second, a group twenty a minute.
Until the first words have come they are looked for more often."""


@dataclass(frozen=True, slots=True)
class BotConfig:
    """What a worker knows of its bot. `api`: address of the Bot API server; `memory_mb`: of its own, at most."""

    bot: str
    token: str = field(repr=False)
    api: str
    telegram_id: int
    username: str
    language: Language
    memory_mb: int


class Link:
    """The worker's end of the wire to the manager, shared by its jobs."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._asks: dict[int, asyncio.Queue[Message]] = {}
        self._last_ask = 0

    def take_event(self, message: Message) -> None:
        """Hands an event to the job that asked. One that no longer listens is no error."""
        queue = self._asks.get(message["ask"])
        if queue is not None:
            queue.put_nowait(message)

    async def ask(self, update: int, kind: str, **fields: Any) -> AsyncIterator[Message]:
        """Asks the answer process; yields its events, the last one included (see `answers`)."""
        self._last_ask += 1
        number = self._last_ask
        queue: asyncio.Queue[Message] = asyncio.Queue()
        self._asks[number] = queue
        ended = False
        self.wire.send({"type": "ask", "ask": number, "update": update, "kind": kind, **fields})
        try:
            while not ended:
                event = await queue.get()
                ended = event["event"] != "delta"
                yield event
        finally:
            del self._asks[number]
            if not ended:
                self.wire.send({"type": "cancel", "ask": number})

    def log(self, level: str, event: str, **fields: Any) -> None:
        self.wire.send({"type": "log", "level": level, "event": event, "fields": fields})


@dataclass(frozen=True, slots=True)
class Job:
    """One update being worked on.

    `replies`: messages that an earlier try has sent for it; `last`: there will be no further try.
    """

    update: int
    replies: list[int]
    last: bool
    bot: BotConfig
    link: Link
    delivery: Delivery

    def reply_at(self, place: Place) -> Reply:
        def sent(messages: list[int]) -> None:
            self.link.wire.send({"type": "sent", "update": self.update, "messages": messages})

        return Reply(self.delivery, place, list(self.replies), sent)

    async def say(self, place: Place, words: str) -> None:
        """Sends words of our own, as they are."""
        await self.reply_at(place).show([Part(words)])

    async def request(self, kind: str, **fields: Any) -> str:
        """Asks for something that is answered in one piece.

        Raises:
            Later: The answer process or its database went away.
        """
        text = ""
        async for event in self.link.ask(self.update, kind, **fields):
            _raise_if_lost(event)
            text = str(event.get("text") or "")
        return text

    async def answer(self, place: Place, language: Language, **question: Any) -> None:
        """Asks for an answer and shows it while it grows. Raises as `Delivery.call`, and Later as `request`."""
        reply = self.reply_at(place)
        growing: list[str] = []
        interval = EDIT_SECONDS_IN_GROUPS if place.chat_id < 0 else EDIT_SECONDS

        async def listen() -> Message:
            async for event in self.link.ask(self.update, "answer", language=language, **question):
                if event["event"] == "delta":
                    growing.append(event["text"])
            return event

        async with self.delivery.typing(place):
            listener = asyncio.create_task(listen())
            try:
                shown = 0
                while not listener.done():
                    await asyncio.wait({listener}, timeout=interval if shown else FIRST_LOOK_SECONDS)
                    # An answer that is sent again is not played again: its messages stand already.
                    if not listener.done() and len(growing) > shown and not self.replies:
                        shown = len(growing)
                        await reply.show_growing(render("".join(growing) + " …"))
                last = await listener
            finally:
                listener.cancel()
            if last["event"] == "lost" and self.last:
                self.link.log("error", "no answer after the last try", update=self.update)
                await reply.show([Part(text("failed", language))])
                return
            _raise_if_lost(last)
            await reply.show(_final_parts(last, language))


def _raise_if_lost(event: Message) -> None:
    """Raises: Later, when the event says that there will be no answer this time."""
    if event["event"] == "lost":
        raise Later("the answer process went away", blame=True)
    if event["event"] == "away":
        raise Later("the answer process or its database is away")


def _final_parts(last: Message, language: Language) -> list[Part]:
    """What an answer's last event shows. One that broke off shows what had come, and why it ends."""
    sources = [Source(**source) for source in last["sources"]]
    parts = render(last["text"], sources=sources, language=language)
    if last["event"] == "failed":
        parts.append(Part(last["sentence"]))
    return parts or [Part(text("failed", language))]
