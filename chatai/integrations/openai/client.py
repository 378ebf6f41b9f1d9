"""The connection to OpenAI or a compatible endpoint, and its errors in our words."""

from __future__ import annotations

import httpx2
import openai

from chatai.core.errors import ChatAIError
from chatai.core.settings import Settings
from chatai.domains.models.errors import ModelAway, ModelBusy, ModelRefused, ModelSlow


def make_client(settings: Settings) -> openai.AsyncOpenAI:
    """A client that retries nothing by itself: the callers know what may be tried again."""
    return openai.AsyncOpenAI(
        # Local endpoints need no key, but the client wants one.
        api_key=settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none",
        base_url=settings.openai_base_url or None,
        timeout=httpx2.Timeout(settings.model_timeout_seconds, connect=10, pool=10),
        max_retries=0,
    )


def explained(error: Exception) -> ChatAIError | None:
    """What an error of the client means for people; None for what is no failure of the endpoint."""
    match error:
        case openai.APITimeoutError() | httpx2.TimeoutException() | TimeoutError():
            return ModelSlow()
        case openai.RateLimitError():
            return ModelBusy()
        case openai.APIStatusError(status_code=status) if status < 500:
            return ModelRefused()
        case openai.APIError() | httpx2.HTTPError() | OSError():
            return ModelAway()
    return None
