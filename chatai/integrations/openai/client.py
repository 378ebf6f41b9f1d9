"""An answer's call to OpenAI or a compatible endpoint, and its errors in words. What is called now and then goes by
OpenAI's own library (see `library`). Source: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from pydantic import SecretStr

from chatai.core.errors import ChatAIError
from chatai.domains.models.errors import ModelAway, ModelBusy, ModelRefused, ModelSlow
from chatai.integrations.http import Connections

OPENAI = "https://api.openai.com/v1"
CONNECT_SECONDS = 10
MOST_CONNECTIONS = 1000
MOST_SAID_BYTES = 64 * 1024
"""Of what an endpoint says to a refusal."""


class EndpointRefusal(Exception):
    """The endpoint answered with a status of failure.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status


class EndpointFault(Exception):
    """What came tells of a fault in its middle."""


class Endpoint:
    """One endpoint and the key for it. What it does not do is try again: the callers know what may be.

    Args:
        base_url: Empty: OpenAI's.
        api_key: None: local endpoints need none; those that want one, but do not look at it, get a word.
        patience: Seconds that nothing may come.
    """

    def __init__(self, base_url: str, api_key: SecretStr | None, patience: float) -> None:
        self._base_url = (base_url or OPENAI).rstrip("/")
        self._connections = Connections(self._base_url, most=MOST_CONNECTIONS, by_proxy=True)
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=patience)
        key = api_key.get_secret_value() if api_key else "none"
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": "ChatAI",
        }

    @asynccontextmanager
    async def post(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[aiohttp.StreamReader]:
        """What the endpoint sends back, as it comes.

        Args:
            path: As `chat/completions`.
            body: Goes as JSON.

        Raises:
            EndpointRefusal: It answered with a status of failure.
            aiohttp.ClientError, TimeoutError, OSError: See `explained`.
        """
        url, data = f"{self._base_url}/{path}", _encoded(body)
        session, headers = self._connections.session, self._headers
        async with session.post(url, data=data, headers=headers, timeout=self._timeout) as response:
            if response.status >= 400:
                raise EndpointRefusal(response.status, (await _start(response.content)).decode("utf-8", "replace"))
            yield response.content

    async def close(self) -> None:
        await self._connections.close()


def explained(error: Exception) -> ChatAIError | None:
    """What an error of a call means for people; None for what is no failure of the endpoint."""
    match error:
        case TimeoutError():
            return ModelSlow()
        case EndpointRefusal(status=429):
            return ModelBusy()
        case EndpointRefusal(status=status) if status < 500:
            return ModelRefused()
        case EndpointRefusal() | EndpointFault() | aiohttp.ClientError() | OSError() | json.JSONDecodeError():
            return ModelAway()
    return None


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def _start(content: aiohttp.StreamReader) -> bytes:
    """As much as is worth reading of a body that may have no end."""
    said = bytearray()
    async for piece in content.iter_any():
        said += piece
        if len(said) >= MOST_SAID_BYTES:
            break
    return bytes(said[:MOST_SAID_BYTES])
