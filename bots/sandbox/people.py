"""What people do: write, edit, press buttons, send files, block a bot, take it into a group."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from bots.sandbox.entities import Formatted, tidy
from bots.sandbox.methods.files import attachment
from bots.sandbox.methods.messages import CONTENT
from bots.sandbox.parameters import Upload
from bots.sandbox.state import Chat, Sandbox, SandboxBot, Wire

FIRST_GROUP = 1_000_000_000_000
SERVICE = {"forum_topic_created", "migrate_to_chat_id", "migrate_from_chat_id"}
ANONYMOUS: Wire = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
CHANNEL: Wire = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}


class PersonError(Exception):
    """A person can't do that; the text says why."""


def person(sandbox: Sandbox, number: int, first_name: str = "", *, username: str = "", language: str = "") -> Wire:
    """The person with this number, made on first mention; names that are given replace the old ones."""
    known = sandbox.people.get(number)
    if known is None:
        known = {"id": number, "is_bot": False, "first_name": first_name or f"Person {number}"}
        sandbox.people[number] = known
        sandbox.on_change()
    changes = {"first_name": first_name, "username": username, "language_code": language}
    known.update({key: value for key, value in changes.items() if value})
    return known


def new_group(
    sandbox: Sandbox, bot: SandboxBot, title: str, founder: Wire, *, forum: bool = False, kind: str = "supergroup"
) -> Chat:
    """A group with this bot in it. The bot is told, as by Telegram, with `my_chat_member`."""
    number = FIRST_GROUP + secrets.randbelow(FIRST_GROUP - 1) + 1
    wire: Wire = {"id": -number, "title": title, "type": kind}
    if forum:
        wire["is_forum"] = True
    chat = sandbox.add_chat(bot, wire)
    chat.members[founder["id"]] = founder
    _tell_membership(sandbox, bot, chat, founder, "left", "member")
    return chat


def new_topic(sandbox: Sandbox, bot: SandboxBot, chat: Chat, name: str, founder: Wire) -> int:
    """A topic in a forum; gives back its `message_thread_id`."""
    if not chat.wire.get("is_forum"):
        raise PersonError("this group has no topics")
    message = _message(sandbox, bot, chat, founder)
    number = int(message["message_id"])
    chat.topics[number] = name
    message.update(
        message_thread_id=number, is_topic_message=True, forum_topic_created={"name": name, "icon_color": 7322096}
    )
    _arrive(sandbox, bot, chat, message)
    sandbox.on_change()
    return number


def write(
    sandbox: Sandbox,
    bot: SandboxBot,
    author: Wire,
    chat: Chat,
    *,
    text: str = "",
    reply_to: int = 0,
    topic: int = 0,
    kind: str = "",
    upload: Upload | None = None,
    content: Wire | None = None,
    quote: str = "",
) -> tuple[Wire, Wire | None]:
    """A message to the bot, with a file where `kind` (document, photo, voice, …) and `upload` are given.

    `content` goes into the message as it is, in the Bot API's shape: `sticker`, `media_group_id`, `forward_origin`,
    `sender_chat`. `quote` is a part of the message that is replied to.

    Returns:
        The message, and the update that carries it; None when the bot does not get to see it.
    """
    if content is not None and not isinstance(content, dict):
        raise PersonError("`content` is an object with parts of a message")
    formatted = tidy(Formatted(text))
    if not formatted.text and upload is None and not (content or {}).keys() - {"sender_chat"}:
        raise PersonError("the message is empty")
    if topic and topic not in chat.topics:
        raise PersonError("this group has no such topic")
    if chat.private and chat.closed:
        unblock(sandbox, bot, chat, author)
    if not chat.private:
        chat.members.setdefault(author["id"], author)
    message = _message(sandbox, bot, chat, author)
    if topic:
        message.update(message_thread_id=topic, is_topic_message=True)
    if reply_to in chat.messages:
        replied = chat.messages[reply_to]
        message["reply_to_message"] = {key: value for key, value in replied.items() if key != "reply_to_message"}
        if quote and quote in str(replied.get("text", replied.get("caption", ""))):
            position = str(replied.get("text", replied.get("caption", ""))).index(quote)
            message["quote"] = {"text": quote, "position": position, "is_manual": True}
    message.update(content or {})
    if "sender_chat" in message:  # an anonymous admin, or a channel: Telegram puts a stand-in in the person's place
        message["from"] = dict(ANONYMOUS if message["sender_chat"]["id"] == chat.id else CHANNEL)
    text_key, entities_key = "text", "entities"
    if upload is not None:
        message.update(attachment(sandbox, kind, upload))
        text_key, entities_key = "caption", "caption_entities"
    if formatted.text:
        message[text_key] = formatted.text
        if formatted.entities:
            message[entities_key] = formatted.entities
    return message, _arrive(sandbox, bot, chat, message)


def forward(sandbox: Sandbox, bot: SandboxBot, author: Wire, chat: Chat, message_id: int) -> tuple[Wire, Wire | None]:
    """Forwards a message of the chat to where it stands, with the name of who said it first."""
    original = chat.messages.get(message_id)
    if original is None:
        raise PersonError("there is no such message")
    message = _message(sandbox, bot, chat, author)
    message.update({key: original[key] for key in CONTENT if key in original})
    origin = {"type": "user", "sender_user": original["from"], "date": original["date"]}
    message["forward_origin"] = original.get("forward_origin", origin)
    return message, _arrive(sandbox, bot, chat, message)


def migrate(sandbox: Sandbox, bot: SandboxBot, chat: Chat, author: Wire) -> Chat:
    """Makes a supergroup of a basic group. The bot is told in both: each names the other."""
    if chat.wire["type"] != "group":
        raise PersonError("only a basic group becomes a supergroup")
    wire = {**chat.wire, "id": -(FIRST_GROUP + secrets.randbelow(FIRST_GROUP - 1) + 1), "type": "supergroup"}
    grown = sandbox.add_chat(bot, wire)
    grown.members.update(chat.members)
    for place, key, other in ((chat, "migrate_to_chat_id", grown), (grown, "migrate_from_chat_id", chat)):
        message = _message(sandbox, bot, place, author)
        message[key] = other.id
        _arrive(sandbox, bot, place, message)
    chat.migrated_to = grown.id
    sandbox.on_change()
    return grown


def edit(sandbox: Sandbox, bot: SandboxBot, chat: Chat, message_id: int, text: str) -> tuple[Wire, Wire | None]:
    old = chat.messages.get(message_id)
    if old is None or old["from"]["id"] == bot.id:
        raise PersonError("only a person's own message can be edited")
    formatted = tidy(Formatted(text))
    if not formatted.text:
        raise PersonError("the message is empty")
    key = "text" if "text" in old else "caption"
    fresh = {name: value for name, value in old.items() if name not in ("entities", "caption_entities")}
    fresh.update({key: formatted.text, "edit_date": int(time.time())})
    if formatted.entities:
        fresh["entities" if key == "text" else "caption_entities"] = formatted.entities
    chat.messages[message_id] = fresh
    sandbox.publish(bot, "edited", message=fresh)
    update = sandbox.queue_update(bot, "edited_message", fresh) if _sees(bot, chat, fresh) else None
    return fresh, update


def press(sandbox: Sandbox, bot: SandboxBot, chat: Chat, author: Wire, message_id: int, data: str) -> Wire | None:
    """Presses the inline button with this `callback_data`."""
    message = chat.messages.get(message_id)
    rows = (message or {}).get("reply_markup", {}).get("inline_keyboard", [])
    if message is None or not any(button.get("callback_data") == data for row in rows for button in row):
        raise PersonError("the message has no such button")
    number = str(secrets.randbits(62))
    bot.callbacks[number] = time.monotonic()
    if len(bot.callbacks) > 1000:
        bot.callbacks.popitem(last=False)
    query = {"id": number, "from": author, "message": message, "chat_instance": str(chat.id * 7919), "data": data}
    return sandbox.queue_update(bot, "callback_query", query)


def block(sandbox: Sandbox, bot: SandboxBot, chat: Chat, author: Wire) -> None:
    """The person blocks the bot, or takes it out of the group: it may not write there any more."""
    if not chat.closed:
        kind = chat.wire["type"]
        chat.closed = "bot was blocked by the user" if chat.private else f"bot was kicked from the {kind} chat"
        _tell_membership(sandbox, bot, chat, author, "member", "kicked")
        sandbox.on_change()


def unblock(sandbox: Sandbox, bot: SandboxBot, chat: Chat, author: Wire) -> None:
    if chat.closed:
        chat.closed = ""
        _tell_membership(sandbox, bot, chat, author, "kicked", "member")
        sandbox.on_change()


def tell_manager(sandbox: Sandbox, bot: SandboxBot, owner: Wire) -> None:
    """The token of a managed bot was changed by its owner: its manager is told."""
    manager = sandbox.bots.get(bot.managed_by)
    if manager is not None:
        sandbox.queue_update(manager, "managed_bot", {"user": owner, "bot": bot.user()})


def announce(sandbox: Sandbox, bot: SandboxBot, chat: Chat, author: Wire, **content: Any) -> None:
    """A service message: something that a person did, told in the chat."""
    message = _message(sandbox, bot, chat, author)
    message.update(content)
    _arrive(sandbox, bot, chat, message)


def _message(sandbox: Sandbox, bot: SandboxBot, chat: Chat, author: Wire) -> Wire:
    return {
        "message_id": sandbox.next_message_id(bot),
        "from": author,
        "chat": chat.wire,
        "date": int(time.time()),
    }


def _arrive(sandbox: Sandbox, bot: SandboxBot, chat: Chat, message: Wire) -> Wire | None:
    sandbox.keep_message(chat, message)
    sandbox.publish(bot, "message", message=message)
    return sandbox.queue_update(bot, "message", message) if _sees(bot, chat, message) else None


def _sees(bot: SandboxBot, chat: Chat, message: Wire) -> bool:
    """In a group a bot with privacy on gets commands, mentions, replies to it and service messages."""
    if chat.private:
        return True
    if chat.closed:
        return False
    if not bot.privacy or message.get("reply_to_message", {}).get("from", {}).get("id") == bot.id:
        return True
    if SERVICE & message.keys():
        return True
    text = str(message.get("text", message.get("caption", "")))
    command = re.match(r"/\w+(?:@(\w+))?", text)
    if command:
        return command[1] is None or command[1].lower() == bot.username.lower()
    return f"@{bot.username.lower()}" in text.lower()


def _tell_membership(sandbox: Sandbox, bot: SandboxBot, chat: Chat, author: Wire, old: str, new: str) -> None:
    def member(status: str) -> dict[str, Any]:
        ended = {"until_date": 0} if status == "kicked" else {}
        return {"status": status, "user": bot.user(), **ended}

    change = {
        "chat": chat.wire,
        "from": author,
        "date": int(time.time()),
        "old_chat_member": member(old),
        "new_chat_member": member(new),
    }
    sandbox.queue_update(bot, "my_chat_member", change)
    sandbox.publish(bot, "chats")
