"""The table of Bot API methods, and what each of them is called with."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bots.sandbox.errors import ApiError, bad_request, forbidden
from bots.sandbox.parameters import Parameters
from bots.sandbox.state import Business, Chat, Sandbox, SandboxBot


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
        account = self.business()
        if account is not None:
            known = account.chats.get(self.parameters.integer("chat_id"))
            if known is None:
                raise bad_request("chat not found")
            self.sandbox.limits.check(self.bot.id, self.method, known.id, group=False)
            return known
        chat = find_chat(self.bot, self.parameters.text("chat_id"))
        if chat.migrated_to:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, text, migrated_to=chat.migrated_to)
        if chat.closed:
            raise forbidden(chat.closed)
        self.sandbox.limits.check(self.bot.id, self.method, chat.id, group=not chat.private)
        return chat

    def business(self) -> Business | None:
        """The account that the bot writes for; None where the call names none.

        Raises:
            ApiError: The bot is not connected to it, or may not write there.
        """
        number = self.parameters.text("business_connection_id")
        if not number:
            return None
        account = self.bot.business.get(number)
        if account is None or not account.enabled:
            raise bad_request("BUSINESS_CONNECTION_INVALID")
        if not account.can_reply:
            raise bad_request("BUSINESS_CONNECTION_NOT_ALLOWED")
        return account

    def show(self, kind: str, **content: Any) -> None:
        """Tells the pages what the bot has done in a chat, its own or one of the account that the call names."""
        self.sandbox.publish(self.bot, kind, connection=self.parameters.text("business_connection_id"), **content)


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
