"""The table of Bot API methods, and what each of them is called with."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bots.sandbox.errors import ApiError, bad_request, forbidden
from bots.sandbox.parameters import Parameters
from bots.sandbox.state import Chat, Sandbox, SandboxBot


@dataclass(slots=True)
class Call:
    sandbox: Sandbox
    bot: SandboxBot
    method: str
    parameters: Parameters
    note: str = ""  # goes beside a `true` result as `description`

    def chat(self) -> Chat:
        """The chat of `chat_id`, if the bot may write there.

        Raises:
            ApiError: There is none, or it is closed to the bot.
        """
        chat = find_chat(self.bot, self.parameters.text("chat_id"))
        if chat.migrated_to:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, text, migrated_to=chat.migrated_to)
        if chat.closed:
            raise forbidden(chat.closed)
        self.sandbox.limits.check(self.bot.id, self.method, chat.id, group=not chat.private)
        return chat


Method = Callable[[Call], Awaitable[Any]]
METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[Method], Method]:
    def register(function: Method) -> Method:
        METHODS[name.lower()] = function
        return function

    return register


def find_chat(bot: SandboxBot, chat_id: str) -> Chat:
    if not chat_id:
        raise bad_request("chat_id is empty")
    if chat_id.startswith("@"):
        for chat in bot.chats.values():
            if not chat.private and str(chat.wire.get("username", "")).lower() == chat_id[1:].lower():
                return chat
        raise bad_request("chat not found")
    if not re.fullmatch(r"-?\d{1,18}", chat_id) or (found := bot.chats.get(int(chat_id))) is None:
        raise bad_request("chat not found")
    return found


def unknown_method() -> ApiError:
    return ApiError(404, "Not Found: method not found")
