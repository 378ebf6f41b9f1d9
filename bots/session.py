"""aiogram's HTTP session, made before the fork and safe to log."""

from __future__ import annotations

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import NextRequestMiddlewareType
from aiogram.exceptions import ClientDecodeError, TelegramNetworkError
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiohttp import ClientConnectorError

from chatai.core.logging import scrub


class NotConnected(TelegramNetworkError):
    """Telegram was not reached: what was asked for has certainly not happened."""


def build_session() -> AiohttpSession:
    """A session without connections: the loop of the first request makes them, so each worker has its own.

    The TLS context is the expensive part; made here, in the zygote, it is shared.
    """
    session = AiohttpSession(limit=0)
    session.middleware(_leave_secrets_out)
    return session


async def _leave_secrets_out(
    make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
) -> Response[TelegramType]:
    """Errors that leave here carry no address and no content: no token and nobody's words."""
    try:
        return await make_request(bot, method)
    except TelegramNetworkError as error:
        if isinstance(error.__cause__, ClientConnectorError):
            raise NotConnected(method, scrub(error.message)) from None
        raise TelegramNetworkError(method, scrub(error.message)) from None
    except ClientDecodeError as error:
        raise ClientDecodeError(error.message, ValueError(type(error.original).__name__), "<left out>") from None
