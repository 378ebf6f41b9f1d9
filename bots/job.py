"""One update in a worker: what its handlers can ask for and do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bots.delivery import Delivery, Dropped, Later, Place, Undeliverable
from bots.formatting import Part, Source, quoted, render
from bots.reply import Reply, Streaming
from bots.texts import text
from bots.wire import Message, Wire
from chatai.core.i18n import Language, language_of

SHOW_SECONDS = 1.0
SHOW_SECONDS_IN_GROUPS = 4.0
"""How often a growing answer is shown: a chat bears one message a second, a group twenty a minute."""

GATHER_SECONDS = 0.1
"""Words that come after a pause are shown so much later, with those that follow them."""

REMEMBERED_CHATS = 500
ONCE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class BotConfig:
    """What a worker knows of its bot.

    `api`: address of the Bot API server; `memory_mb`: of its own, at most; `incoming`: folder for files on their way to
    the answer process; `sees`: pictures are understood; `hears_seconds`: the longest recording that is, 0 for none;
    `streaming`: see `reply`; `look_seconds`: how soon the first words of an answer are looked for.
    """

    bot: str
    token: str = field(repr=False)
    api: str
    telegram_id: int
    username: str
    language: Language
    memory_mb: int
    incoming: str
    sees: bool
    hears_seconds: int
    streaming: Streaming = "auto"
    look_seconds: float = 0.4

    @classmethod
    def of(cls, told: Message) -> BotConfig:
        """As the manager tells it. One of another version may say more, or less than has no default here."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in told.items() if name in known})


@dataclass(frozen=True, slots=True)
class Base:
    """An earlier update whose question is asked anew: its number, and the messages that answer it."""

    update: int
    replies: list[int]


@dataclass(frozen=True, slots=True)
class Around:
    """An update that came in the same chat. Times are seconds since the epoch; 0 for one that is not settled."""

    update: int
    payload: dict[str, Any]
    replies: tuple[int, ...]
    received: float
    done: float

    def done_before(self, other: Around) -> bool:
        """Whether it was settled before the other one had even come."""
        return 0 < self.done < other.received


class Asked:
    """What was asked for, as it comes."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Message] = asyncio.Queue()
        self.ended = False

    async def next(self, seconds: float | None = None) -> Message | None:
        """The next event; None when there is none within that time."""
        if self.events.empty():
            try:
                async with asyncio.timeout(seconds):
                    event = await self.events.get()
            except TimeoutError:
                return None
        else:
            event = self.events.get_nowait()
        self.ended = event["event"] != "delta"
        return event

    async def last(self) -> Message:
        """The event after which there is no other."""
        while True:
            event = await self.next()
            if event is not None and self.ended:
                return event


class Link:
    """The worker's end of the wire to the manager, shared by its jobs."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._asks: dict[int, Asked] = {}
        self._permits: dict[int, asyncio.Future[Message]] = {}
        self._last_ask = 0
        self.chosen: dict[int, str] = {}
        self._told: dict[tuple[str, int], float] = {}
        self._last_permit = 0

    def take_event(self, message: Message) -> None:
        """Hands an event to the job that asked. One that no longer listens is no error."""
        asked = self._asks.get(message["ask"])
        if asked is not None:
            asked.events.put_nowait(message)

    @contextmanager
    def ask(self, update: int, kind: str, **fields: Any) -> Iterator[Asked]:
        """Asks the answer process (see `answers`). What is left before its last event came is cancelled."""
        self._last_ask += 1
        number = self._last_ask
        self._asks[number] = asked = Asked()
        self.wire.send({"type": "ask", "ask": number, "update": update, "kind": kind, **fields})
        try:
            yield asked
        finally:
            del self._asks[number]
            if not asked.ended:
                self.wire.send({"type": "cancel", "ask": number})

    def remember_choice(self, chat_id: int, chosen: str) -> None:
        """The language that was chosen in a chat, empty where none was. Only this bot can change it, so it holds."""
        if len(self.chosen) >= REMEMBERED_CHATS:
            self.chosen.clear()
        self.chosen[chat_id] = chosen

    async def permit(self, update: int, chat: int, *, new: bool = False, spare: int = 0) -> float:
        """See `delivery.Gate`."""
        self._last_permit += 1
        number = self._last_permit
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._permits[number] = future
        asked: Message = {"type": "permit", "permit": number, "update": update, "chat": chat, "new": new}
        self.wire.send(asked | {"spare": spare} if spare else asked)
        try:
            answer = await future
        finally:
            del self._permits[number]
        if answer.get("refused"):
            raise Dropped
        if answer.get("closed"):
            raise Undeliverable("the chat took no messages from the bot; nobody has written there since")
        return float(answer["wait"])

    def take_permit(self, message: Message) -> None:
        """Hands the manager's answer to the call that waits. One that was given up is no error."""
        future = self._permits.get(message["permit"])
        if future is not None and not future.done():
            future.set_result(message)

    def unsent(self, update: int) -> None:
        self.wire.send({"type": "unsent", "update": update})

    def throttled(self, seconds: float) -> None:
        self.wire.send({"type": "throttled", "seconds": seconds})

    def closed(self, chat: int) -> None:
        self.wire.send({"type": "closed", "chat": chat})

    def tell(self, event: str, **about: Any) -> None:
        """Has the bot's people see something on its page: one of `event_texts.TOLD_BY_WORKERS`, with what fills it."""
        self.wire.send({"type": "tell", "event": event, "about": about})

    def tell_once(self, event: str, chat_id: int, **about: Any) -> None:
        """As `tell`, but no more than once an hour about a chat, for as long as this process lives."""
        now = time.monotonic()
        if now - self._told.get((event, chat_id), -ONCE_SECONDS) < ONCE_SECONDS:
            return
        if len(self._told) >= REMEMBERED_CHATS:
            self._told.clear()
        self._told[event, chat_id] = now
        self.tell(event, **about)

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

        return Reply(self.delivery, place, self.update, list(self.replies), sent, self.bot.streaming)

    async def say(self, place: Place, words: str) -> None:
        """Sends words of our own, as they are."""
        await self.reply_at(place).show([Part(words)])

    async def show(self, place: Place, parts: Sequence[Part]) -> None:
        await self.reply_at(place).show(parts)

    def taking_over(self, replies: Sequence[int]) -> Job:
        """This job with messages that stand already: they are changed instead of new ones being sent."""
        return replace(self, replies=self.replies or list(replies))

    async def ask(self, kind: str, **fields: Any) -> Message:
        """Asks for something that is answered in one piece (see `answers`).

        Raises:
            Later: The answer process or its database went away.
        """
        with self.link.ask(self.update, kind, **{"language": self.bot.language, **fields}) as asked:
            event = await asked.last()
        _raise_if_lost(event)
        return event

    async def language(self, place: Place, fallback: Language) -> Language:
        """What was chosen in the chat with /language, or else the fallback. Raises Later."""
        chosen: Language = (await self.ask("language", chat=place.chat_id, language=fallback))["language"]
        return chosen

    async def around(
        self, chat_id: int, most: int, message_id: int = 0, *, business: str | None = None
    ) -> list[Around]:
        """What came in the chat before and after this update, in order; with a message's id, about that one only, of
        the business account if one is named."""
        found = await self.ask("around", chat=chat_id, most=most, message=message_id, business=business)
        return [Around(**{**row, "replies": tuple(row["replies"])}) for row in found["updates"]]

    async def answer(
        self, place: Place, language: Language, base: Base | None = None, *, notes: Sequence[str] = (), **question: Any
    ) -> None:
        """Asks for an answer and shows it while it grows. Raises as `Delivery.call`, and Later as `ask`.

        Args:
            place: Where it goes.
            language: To speak where none was chosen in the chat.
            base: The question that this one takes the place of.
            notes: What is said below the answer: why a file was left out, say.
            question: See `answers`.

        A business's customers see answers alone, in its name: no word about files, recordings or what went wrong, and
        no half of an answer. What went wrong is told to the bot's people.
        """
        known = self.link.chosen.get(place.chat_id)
        language = language_of(known, language) if known else language
        reply, aloud = self.reply_at(place), place.business is None
        growing: list[str] = []
        heard: list[str] = []
        question["chosen"] = known
        if base is not None:
            question["external"] = base.update
        interval = SHOW_SECONDS_IN_GROUPS if place.chat_id < 0 else SHOW_SECONDS

        async def follow(asked: Asked) -> Message:
            """Shows the answer while it grows; its last event."""
            shown, look_at = 0, time.monotonic() + self.bot.look_seconds
            while True:
                # An answer that is sent again is not played again: its messages stand already.
                news = (len(growing) > shown or reply.fades) and not self.replies
                wait = look_at - time.monotonic() if news else interval
                if wait <= 0 and asked.events.empty():
                    shown = len(growing)
                    words = "".join(growing) + ("" if reply.by_draft else " …")
                    await reply.show_growing(_heard_parts(heard, language) + render(words))
                    self.link.wire.flush()  # that it was sent is known before what comes next can fail
                    look_at = time.monotonic() + interval
                elif (event := await asked.next(wait)) is None:
                    continue
                elif event["event"] != "delta":
                    return event
                else:
                    if not news:  # late words may be the whole answer, or half of a sentence
                        look_at = max(look_at, time.monotonic() + GATHER_SECONDS)
                    growing.append(event["text"])
                    heard.extend(event.get("heard", ()) if aloud else ())

        # Nothing says that the bot is typing once the answer's last words are on their way.
        async with self.delivery.typing(place):
            with self.link.ask(self.update, "answer", language=language, **question) as asked:
                last = await follow(asked)
        if last["event"] == "lost" and last.get("blame", True) and self.last:
            self.link.log("error", "no answer after the last try", update=self.update)
            await reply.show([Part(text("failed", language))] if aloud else [])
            return
        _raise_if_lost(last)
        language = last.get("language", language)
        if "chosen" in last:
            self.link.remember_choice(place.chat_id, last["chosen"])
        if not aloud and (last["event"] == "failed" or not last["text"]):
            self.link.tell_once("business_unanswered", place.chat_id, reason=last.get("code", ""))
            await reply.show([])
            return
        parts = _heard_parts(heard, language) + _final_parts(last, language)
        if aloud and (said := [*notes, *last.get("notes", ())]):
            parts.append(Part("\n\n".join(said)))
        await reply.show(parts)


def _raise_if_lost(event: Message) -> None:
    """Raises: Later, when the event says that there will be no answer this time."""
    if event["event"] == "lost":
        raise Later("the answer process went away", blame=event.get("blame", True))
    if event["event"] == "away":
        raise Later("the answer process or its database is away")


def _heard_parts(heard: Sequence[str], language: Language) -> list[Part]:
    """What was made of a recording, so that the person sees what is answered."""
    if not heard:
        return []
    return quoted(f"🎤 {text('heard', language)}", "\n".join(heard))


def _final_parts(last: Message, language: Language) -> list[Part]:
    """What an answer's last event shows. One that broke off shows what had come, and why it ends."""
    sources = [Source(**source) for source in last["sources"]]
    parts = render(last["text"], sources=sources, language=language, answer=last.get("answer", ""))
    if last["event"] == "failed":
        parts.append(Part(last["sentence"]))
    return parts or [Part(text("failed", language))]
