"""The connection to OpenAI or a compatible endpoint, and its errors in our words."""

from __future__ import annotations

import json

import aiohttp
import httpx2
import openai

from chatai.core.errors import ChatAIError
from chatai.core.settings import Settings
from chatai.domains.models.errors import ModelAway, ModelBusy, ModelRefused, ModelSlow

MOST_CONNECTIONS = 1000


def make_http(settings: Settings) -> httpx2.AsyncClient:
    """The library's connections over aiohttp, which takes half the CPU of its own transport."""
    limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=30)
    return openai.DefaultAioHttpClient(timeout=_timeout(settings), limits=limits)


def _timeout(settings: Settings) -> httpx2.Timeout:
    return httpx2.Timeout(settings.model_timeout_seconds, connect=10, pool=10)


def make_client(settings: Settings, http: httpx2.AsyncClient | None = None) -> openai.AsyncOpenAI:
    """A client that retries nothing by itself: the callers know what may be tried again. `http`: as `make_http`."""
    return openai.AsyncOpenAI(
        # Local endpoints need no key, but the client wants one.
        api_key=settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none",
        base_url=settings.openai_base_url or None,
        timeout=_timeout(settings),
        max_retries=0,
        http_client=http or make_http(settings),
    )


async def refusal(response: httpx2.Response) -> openai.APIStatusError:
    """The library's error for an answer with a status of failure, whose body is read for it."""
    said = (await response.aread()).decode("utf-8", "replace")
    kind = openai.RateLimitError if response.status_code == 429 else openai.APIStatusError
    return kind(f"{response.status_code}: {said}", response=response, body=None)


def explained(error: Exception) -> ChatAIError | None:
    """What an error of the client means for people; None for what is no failure of the endpoint."""
    if _hung_up(error):
        return ModelAway()
    match error:
        case openai.APITimeoutError() | httpx2.TimeoutException() | TimeoutError():
            return ModelSlow()
        case openai.RateLimitError():
            return ModelBusy()
        case openai.APIStatusError(status_code=status) if status < 500:
            return ModelRefused()
        case openai.APIError() | httpx2.HTTPError() | OSError() | json.JSONDecodeError():
            return ModelAway()
    return None


def _hung_up(error: BaseException | None) -> bool:
    """Whether the endpoint broke the connection: the library's transport calls that a timeout."""
    while error is not None:
        if isinstance(error, aiohttp.ClientConnectionError):
            return not isinstance(error, TimeoutError)
        error = error.__cause__
    return False
