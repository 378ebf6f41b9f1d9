"""The Bot API over HTTP, for registering bots and receiving their updates. Answers are sent by `bots`."""

from chatai.integrations.telegram.client import TelegramClient

__all__ = ["TelegramClient"]
