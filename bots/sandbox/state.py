"""What the sandbox knows: bots, people, chats, messages, updates, files. All of it in memory and bounded."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bots.sandbox.faults import Faults, Limits

if TYPE_CHECKING:
    from bots.sandbox.webhooks import Courier

Wire = dict[str, Any]  # an object in the Bot API's own shape

TOKEN = re.compile(r"\d{6,12}:[A-Za-z0-9_-]{35}")
UNASKED = {"chat_member", "message_reaction", "message_reaction_count"}  # only sent to bots that name them
EPOCH = 1_767_225_600  # 2026-01-01: first identifiers count from here, so that a new sandbox never repeats an old one's
DEFAULT_PERSON: Wire = {"id": 1001, "is_bot": False, "first_name": "Anna", "username": "anna", "language_code": "ru"}


@dataclass(frozen=True, slots=True)
class Options:
    """How a sandbox behaves.

    Attributes:
        strict: Refuse tokens that were never made here; else a well-formed one becomes a bot at its first call.
        keep_path: File in which bots, tokens and chats outlive the process.
        redelivery_delay: Seconds until a refused webhook delivery is tried again; doubles up to a minute.
        kept_calls: How many calls are remembered for each bot.
        kept_messages: How many messages are remembered in each chat.
        kept_file_bytes: How much of files is remembered in all; the oldest go first.
        conflict_pause: Seconds within which a second 409 for rival polls is held back, as Telegram does.
    """

    strict: bool = False
    keep_path: Path | None = None
    redelivery_delay: float = 1.0
    kept_calls: int = 200
    kept_messages: int = 200
    kept_file_bytes: int = 256 * 1024 * 1024
    conflict_pause: float = 3.0


@dataclass(slots=True)
class Chat:
    """A chat as one bot sees it."""

    id: int
    wire: Wire
    messages: OrderedDict[int, Wire] = field(default_factory=OrderedDict)
    drafts: dict[int, Wire] = field(default_factory=dict)
    topics: dict[int, str] = field(default_factory=dict)
    members: dict[int, Wire] = field(default_factory=dict)
    migrated_to: int = 0  # the supergroup that this basic group has become
    closed: str = ""  # why the bot may not write here, in Telegram's words

    @property
    def private(self) -> bool:
        return bool(self.wire["type"] == "private")

    def view(self) -> Wire:
        """The chat as the control API shows it."""
        return {
            "chat": self.wire,
            "closed": self.closed,
            "topics": [{"message_thread_id": number, "name": name} for number, name in self.topics.items()],
            "members": list(self.members.values()),
            "last_message": next(reversed(self.messages.values()), None),
        }


@dataclass(slots=True)
class Business:
    """A business account that the bot is connected to, and its chats with customers."""

    id: str
    owner: Wire
    date: int
    can_reply: bool = True
    enabled: bool = True
    chats: dict[int, Chat] = field(default_factory=dict)

    def wire(self) -> Wire:
        rights = {"can_reply": True, "can_delete_sent_messages": True} if self.can_reply else {}
        return {
            "id": self.id,
            "user": self.owner,
            "user_chat_id": self.owner["id"],
            "date": self.date,
            "rights": rights,
            "is_enabled": self.enabled,
        }


@dataclass(slots=True)
class Webhook:
    url: str = ""
    secret: str = ""
    max_connections: int = 40
    last_error_date: int = 0
    last_error_message: str = ""


@dataclass(slots=True)
class StoredFile:
    file_id: str
    unique_id: str
    path: str
    name: str
    media_type: str
    data: bytes


@dataclass(slots=True, eq=False)
class SandboxBot:
    """One bot: what Telegram would keep of it."""

    token: str
    name: str
    username: str
    next_update_id: int
    next_message_id: int
    reserved_until: int = 0  # identifiers up to here are written down as used
    privacy: bool = True  # in groups it gets only commands, mentions and replies to it
    description: str = ""
    short_description: str = ""
    photo: str = ""  # file id of the profile photo
    can_manage_bots: bool = False  # what its owner allows in BotFather's "Bot Management Mode"
    managed_by: int = 0  # the bot that this one was made for
    names: dict[str, str] = field(default_factory=dict)  # by language, for the three texts: "name:ru"
    commands: dict[str, list[Wire]] = field(default_factory=dict)  # by scope and language
    chats: dict[int, Chat] = field(default_factory=dict)
    business: dict[str, Business] = field(default_factory=dict)
    updates: dict[int, Wire] = field(default_factory=dict)  # waiting, in order
    allowed_updates: list[str] = field(default_factory=list)
    webhook: Webhook = field(default_factory=Webhook)
    courier: Courier | None = None
    poll: asyncio.Future[str] | None = None  # the waiting getUpdates; its result is a refusal, or empty
    next_conflict_at: float = 0.0
    callbacks: OrderedDict[str, float] = field(default_factory=OrderedDict)
    calls: deque[Wire] = field(default_factory=deque)
    call_count: int = 0
    watchers: set[asyncio.Event] = field(default_factory=set)

    @property
    def id(self) -> int:
        return int(self.token.partition(":")[0])

    def user(self) -> Wire:
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": self.username}

    def wants(self, kind: str) -> bool:
        return kind in self.allowed_updates if self.allowed_updates else kind not in UNASKED


class Sandbox:
    """All state of one sandbox and the few steps that more than one method needs."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.bots: dict[int, SandboxBot] = {}
        self.revoked: set[str] = set()
        self.people: dict[int, Wire] = {1001: dict(DEFAULT_PERSON)}
        self.files: OrderedDict[str, StoredFile] = OrderedDict()
        self.file_bytes = 0
        self.faults = Faults()
        self.limits = Limits()
        self.call_count = 0
        self.listeners: dict[int, set[asyncio.Queue[Wire]]] = {}  # pages that watch a bot, by bot
        self.on_change: Callable[[], None] = lambda: None  # something that is kept changed
        self.start_courier: Callable[[SandboxBot], None] = lambda _bot: None
        self.observers: list[Callable[[SandboxBot, Wire], None]] = []  # told of every call, once it is done
        self.serial = itertools.count(1)  # people and questions of loads

    # --- Bots

    def new_bot(self, name: str = "", *, username: str = "", token: str = "") -> SandboxBot:
        """A new bot, with a token as BotFather would give it."""
        token = token or f"{self._free_bot_id()}:AA{secrets.token_urlsafe(40).replace('=', '')[:33]}"
        if not TOKEN.fullmatch(token):
            raise ValueError("a token is 6 to 12 digits, a colon and 35 letters, digits, _ or -")
        number = int(token.partition(":")[0])
        if number in self.bots:
            raise ValueError("there is a bot with that number already")
        first = int(time.time() - EPOCH) * 20 % 2_000_000_000
        bot = SandboxBot(
            token=token,
            name=name or f"Bot {number}",
            username=username or f"sandbox_{number}_bot",
            next_update_id=first,
            next_message_id=first,
            calls=deque(maxlen=self.options.kept_calls),
        )
        self.revoked.discard(token)
        self.bots[number] = bot
        self.on_change()
        return bot

    def _free_bot_id(self) -> int:
        while (number := secrets.randbelow(8_999_999_999) + 1_000_000_000) in self.bots:
            pass
        return number

    def bot_of(self, token: str) -> SandboxBot | None:
        """The bot with this token; None when Telegram would answer 401."""
        number = token.partition(":")[0]
        bot = self.bots.get(int(number)) if number.isdecimal() and len(number) <= 12 else None
        if bot is not None:
            return bot if secrets.compare_digest(bot.token.encode(), token.encode()) else None
        if self.options.strict or token in self.revoked or not TOKEN.fullmatch(token):
            return None
        return self.new_bot(token=token)

    def revoke(self, bot: SandboxBot) -> str:
        """Gives the bot a new token, as BotFather's "Revoke" does; the old one answers 401 from now on."""
        self.revoked.add(bot.token)
        bot.token = f"{bot.id}:AA{secrets.token_urlsafe(40)[:33]}"
        self.end_poll(bot, "Unauthorized")
        self.on_change()
        return bot.token

    def remove_bot(self, bot: SandboxBot) -> None:
        self.revoked.add(bot.token)
        self.end_poll(bot, "Unauthorized")
        if bot.courier:
            bot.courier.stop()
        del self.bots[bot.id]
        self.on_change()

    # --- Updates

    def queue_update(self, bot: SandboxBot, kind: str, content: Wire, *, update_id: int = 0) -> Wire | None:
        """Puts an update into the bot's queue; None when the bot did not ask for this kind."""
        if not bot.wants(kind):
            return None
        update: Wire = {"update_id": update_id or self._next_update_id(bot), kind: content}
        bot.updates[update["update_id"]] = update
        if bot.courier:
            bot.courier.offer(update)
        elif bot.poll and not bot.poll.done():
            bot.poll.set_result("")
        return update

    def end_poll(self, bot: SandboxBot, reason: str) -> None:
        """Ends the bot's waiting getUpdates with this refusal."""
        if bot.poll and not bot.poll.done():
            bot.poll.set_result(reason)

    def _next_update_id(self, bot: SandboxBot) -> int:
        bot.next_update_id += 1
        self._reserve(bot)
        return bot.next_update_id

    def next_message_id(self, bot: SandboxBot) -> int:
        bot.next_message_id += 1
        self._reserve(bot)
        return bot.next_message_id

    def _reserve(self, bot: SandboxBot) -> None:
        """Identifiers are written down in blocks, ahead of use: after a restart none comes twice."""
        if max(bot.next_update_id, bot.next_message_id) >= bot.reserved_until:
            bot.reserved_until = max(bot.next_update_id, bot.next_message_id) + 10_000
            self.on_change()

    # --- Chats and messages

    def private_chat(self, bot: SandboxBot, person: Wire) -> Chat:
        """The person's chat with the bot, opened on first use."""
        number = int(person["id"])
        self.people.setdefault(number, person)
        chat = bot.chats.get(number)
        if chat is None:
            wire = {"id": number, "type": "private", "first_name": person["first_name"]}
            wire.update({key: person[key] for key in ("last_name", "username") if person.get(key)})
            chat = self.add_chat(bot, wire)
            chat.members[number] = person
        return chat

    def add_chat(self, bot: SandboxBot, wire: Wire) -> Chat:
        chat = bot.chats[wire["id"]] = Chat(wire["id"], wire)
        self.on_change()
        return chat

    def keep_message(self, chat: Chat, message: Wire) -> Wire:
        chat.messages[message["message_id"]] = message
        if len(chat.messages) > self.options.kept_messages:
            chat.messages.popitem(last=False)
        return message

    def keep_file(self, name: str, media_type: str, data: bytes, folder: str) -> StoredFile:
        """Remembers a file; the oldest files go when there are too many bytes of them."""
        unique = secrets.token_urlsafe(11)
        suffix = Path(name).suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", Path(name).suffix) else ""
        stored = StoredFile(
            file_id=f"BQAC{secrets.token_urlsafe(50)}",
            unique_id=unique,
            path=f"{folder}/file_{len(self.files)}_{secrets.token_hex(4)}{suffix}",
            name=name,
            media_type=media_type,
            data=data,
        )
        self.files[stored.file_id] = stored
        self.file_bytes += len(data)
        while self.file_bytes > self.options.kept_file_bytes and len(self.files) > 1:
            self.file_bytes -= len(self.files.popitem(last=False)[1].data)
        return stored

    # --- What others watch

    def publish(self, bot: SandboxBot, kind: str, **content: Any) -> None:
        """Tells the pages that watch this bot. A page that does not keep up is told to load anew."""
        for queue in self.listeners.get(bot.id, ()):
            if queue.qsize() < queue.maxsize - 1:
                queue.put_nowait({"kind": kind, **content})
            elif not queue.full():
                queue.put_nowait({"kind": "reload"})

    def record_call(self, bot: SandboxBot, call: Wire) -> None:
        bot.call_count += 1
        self.call_count += 1
        call["seq"] = bot.call_count
        bot.calls.append(call)
        for event in bot.watchers:
            event.set()
        for observe in self.observers:
            observe(bot, call)
        if bot.id in self.listeners:
            self.publish(bot, "call", call=call)
