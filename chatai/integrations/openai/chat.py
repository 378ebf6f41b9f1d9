"""A chat model behind OpenAI's chat completions API (https://platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, cast

import structlog

from chatai.core.settings import Settings
from chatai.domains.models.errors import ModelCut
from chatai.domains.models.schemas import ModelEnd, ModelText, Prompt, PromptMessage
from chatai.integrations.openai.client import explained, make_client

_log = structlog.get_logger(__name__)


class OpenAIChat:
    """Fulfils `chatai.domains.models.ports.LanguageModel`."""

    def __init__(self, settings: Settings) -> None:
        self._client = make_client(settings)
        self._default_model = settings.openai_model
        self._patience = settings.model_timeout_seconds

    async def stream(self, prompt: Prompt) -> AsyncIterator[ModelText | ModelEnd]:
        """The answer as it comes. An end without a finish reason means that the connection broke: `cut_short`."""
        model = prompt.model or self._default_model
        messages = [{"role": message.role, "content": _content(message)} for message in prompt.messages]
        finished, begun = False, False
        prompt_tokens = completion_tokens = 0
        try:
            async with asyncio.timeout(self._patience) as deadline:
                stream = await self._client.chat.completions.create(
                    model=model,
                    messages=cast(Any, messages),
                    temperature=prompt.temperature,
                    stream=True,
                    stream_options={"include_usage": True},
                )
                async with stream:
                    async for chunk in stream:
                        deadline.reschedule(asyncio.get_running_loop().time() + self._patience)
                        if chunk.usage:
                            prompt_tokens = chunk.usage.prompt_tokens
                            completion_tokens = chunk.usage.completion_tokens
                        for choice in chunk.choices[:1]:
                            finished = finished or choice.finish_reason is not None
                            if choice.delta and choice.delta.content:
                                begun = True
                                yield ModelText(choice.delta.content)
        except Exception as error:
            meaning = explained(error)
            if meaning is None:
                raise
            _log.warning("model call failed", model=model, error=type(error).__name__, detail=_detail(error))
            raise (ModelCut() if begun and meaning.code == "model_away" else meaning) from None
        yield ModelEnd(model, prompt_tokens, completion_tokens, cut_short=not finished)

    async def close(self) -> None:
        await self._client.close()


def _content(message: PromptMessage) -> str | list[dict[str, Any]]:
    """The words alone, or with the pictures after them as data addresses."""
    if not message.pictures:
        return message.content
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}]
    for picture in message.pictures:
        address = f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": address}})
    return parts


def _detail(error: Exception) -> str:
    """The endpoint's own words, shortened. It may repeat a part of the key: the log scrubs those."""
    return str(error)[:300]
