"""aiogram's HTTP session, made before the fork and safe to log."""

from __future__ import annotations

import re

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import ClientDecodeError, TelegramNetworkError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType

_TOKEN = re.compile(r"\d{6,12}:[A-Za-z0-9_-]{30,}")


def scrub(text: str) -> str:
    """The text without bot tokens: they stand in the addresses that HTTP errors like to quote."""
    return _TOKEN.sub("<token>", text)


class TelegramSession(AiohttpSession):
    """Errors that leave here carry no address and no content, so no token and nobody's words.

    The TLS context is the expensive part and is made by the constructor; the connections are made in the loop of the
    first request. One session is made in the zygote and each worker has its own copy by the fork.
    """

    def __init__(self) -> None:
        super().__init__(limit=0)

    async def make_request(
        self, bot: Bot, method: TelegramMethod[TelegramType], timeout: int | None = None
    ) -> TelegramType:
        try:
            return await super().make_request(bot, method, timeout)
        except TelegramNetworkError as error:
            raise TelegramNetworkError(method, scrub(error.message)) from None
        except ClientDecodeError as error:
            raise ClientDecodeError(error.message, ValueError(type(error.original).__name__), "<left out>") from None
