"""What the channels need of Telegram."""

from __future__ import annotations

from typing import Any, Protocol

from chatai.core.ports import Port
from chatai.domains.channels.schemas import BotIdentity, BotProfile, WebhookInfo


class TelegramRefusal(Exception):
    """Telegram said no. `status` is the Bot API's `error_code`; `description` its own words, without the token."""

    def __init__(self, status: int, description: str, retry_after: int = 0) -> None:
        super().__init__(f"{status}: {description}")
        self.status = status
        self.description = description
        self.retry_after = retry_after


class TelegramAway(Exception):
    """No answer from the Bot API server, or none that makes sense. Carries no address, so no token."""


class Telegram(Protocol):
    """The Bot API, as far as registering and receiving goes. Every method may raise TelegramRefusal or TelegramAway."""

    async def get_me(self, token: str) -> BotIdentity:
        """Who the token belongs to."""

    async def set_commands(self, token: str) -> None:
        """Tells people's apps, in their language, which commands the bot knows."""

    async def get_profile(self, token: str) -> BotProfile:
        """What Telegram shows of the bot."""

    async def set_name(self, token: str, name: str) -> None:
        """1 to 64 characters."""

    async def set_description(self, token: str, text: str) -> None:
        """Up to 512 characters, shown in an empty chat."""

    async def set_short_description(self, token: str, text: str) -> None:
        """Up to 120 characters, shown in the profile."""

    async def set_photo(self, token: str, jpeg: bytes) -> None:
        """The bot's picture, as JPEG."""

    async def remove_photo(self, token: str) -> None:
        """Takes the bot's picture away."""

    async def get_managed_token(self, token: str, bot_id: int) -> str:
        """The token of a bot that was made for the bot with `token` (Bot API 9.6)."""

    async def replace_managed_token(self, token: str, bot_id: int) -> str:
        """Makes the token of such a bot useless; the new one."""

    async def get_webhook_info(self, token: str) -> WebhookInfo:
        """How the bot's webhook fares."""

    async def set_webhook(self, token: str, url: str, secret: str) -> None:
        """From now on Telegram posts updates to the address, with the secret in a header."""

    async def delete_webhook(self, token: str) -> None:
        """Ends the webhook, so that the bot can be polled. Waiting updates stay."""

    async def get_updates(self, token: str, offset: int, seconds: int) -> list[dict[str, Any]]:
        """The updates from `offset` on; waits up to `seconds` for the first. Confirms all before `offset`."""

    async def close(self) -> None:
        """Closes what is open."""


telegram: Port[Telegram] = Port("telegram")
