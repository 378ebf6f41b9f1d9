"""OpenAI's own library, for texts to embed and recordings to write down. An answer's way goes past it (see `client`):
to import it takes as long as half of all else that an answer process needs."""

from __future__ import annotations

import json

import aiohttp
import httpx2
import openai

from chatai.core.errors import ChatAIError
from chatai.core.settings import Settings
from chatai.domains.models.errors import ModelAway, ModelBusy, ModelRefused, ModelSlow
from chatai.integrations.http import KEPT_SECONDS
from chatai.integrations.openai.client import CONNECT_SECONDS, MOST_CONNECTIONS


def make_client(settings: Settings) -> openai.AsyncOpenAI:
    """A client that retries nothing by itself: the callers know what may be tried again. Its connections are aiohttp's,
    which take half the CPU of the library's own."""
    patience = httpx2.Timeout(settings.model_timeout_seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
    limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=KEPT_SECONDS)
    return openai.AsyncOpenAI(
        # Local endpoints need no key, but the client wants one.
        api_key=settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none",
        base_url=settings.openai_base_url or None,
        timeout=patience,
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(timeout=patience, limits=limits),
    )


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
