"""aiogram's HTTP session: over our own small client, made before the fork, and safe to log."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator
from typing import Any, cast

import certifi
from aiogram import Bot
from aiogram import __version__ as aiogram_version
from aiogram.client.session.base import BaseSession
from aiogram.client.session.middlewares.base import NextRequestMiddlewareType
from aiogram.exceptions import ClientDecodeError, TelegramNetworkError
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType

from bots.http import PIECE_BYTES, HttpClient, HttpError, NotReached
from chatai.core.scrubbing import scrub


class NotConnected(TelegramNetworkError):
    """Telegram was not reached: what was asked for has certainly not happened."""


class Session(BaseSession):
    """Calls, and what fetches files, go over `HttpClient`. Bots send no files, so there is nothing here for that."""

    def __init__(self) -> None:
        super().__init__()
        # The expensive part of TLS; made here, in the zygote, it is shared.
        tls = ssl.create_default_context(cafile=certifi.where())
        self._http = HttpClient(tls, {"User-Agent": f"ChatAI aiogram/{aiogram_version}", "Accept": "application/json"})

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's signature
    ) -> TelegramType:
        """Calls one method.

        Raises:
            TelegramAPIError and its kin, ClientDecodeError.
            TypeError: It carries a file.
        """
        files: dict[str, Any] = {}
        values = {
            key: self.prepare_value(value, bot=bot, files=files, _dumps_json=False)
            for key, value in method.model_dump(warnings=False).items()
        }
        if files:
            raise TypeError(f"{method.__api_method__} carries a file")
        body = json.dumps(
            {key: value for key, value in values.items() if value is not None and value != ""},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode("utf-8", "replace")
        url = self.api.api_url(token=bot.token, method=method.__api_method__)
        seconds = self.timeout if timeout is None else timeout
        try:
            status, answer = await self._http.post(url, body, "application/json", seconds)
        except NotReached as error:
            raise NotConnected(method, str(error)) from None
        except HttpError as error:
            raise TelegramNetworkError(method, str(error)) from None
        response = self.check_response(bot, method, status, answer.decode("utf-8", "replace"))
        return cast(TelegramType, response.result)

    def download(self, bot: Bot, file_path: str, seconds: float) -> AsyncGenerator[bytes, None]:
        """The content of a file that `getFile` named, in pieces. Raises as `HttpClient.fetch`."""
        return self.stream_content(self.api.file_url(bot.token, file_path), timeout=seconds)

    def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: float = 30,
        chunk_size: int = PIECE_BYTES,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        """aiogram's name for what `download` does. What else it would say is settled: see `HttpClient.fetch`."""
        return self._http.fetch(url, timeout)

    def rest(self) -> None:
        """Closes what is only useful while there is something to do."""
        self._http.close_idle()

    async def close(self) -> None:
        self._http.close_idle()


def build_session() -> Session:
    """A session without connections: each worker makes its own, in its own loop."""
    session = Session()
    session.middleware(_leave_secrets_out)
    return session


async def _leave_secrets_out(
    make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
) -> Response[TelegramType]:
    """Errors that leave here carry no address and no content: no token and nobody's words."""
    try:
        return await make_request(bot, method)
    except NotConnected as error:
        raise NotConnected(method, scrub(error.message)) from None
    except TelegramNetworkError as error:
        raise TelegramNetworkError(method, scrub(error.message)) from None
    except ClientDecodeError as error:
        raise ClientDecodeError(error.message, ValueError(type(error.original).__name__), "<left out>") from None
