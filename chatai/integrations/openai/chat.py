"""A chat model behind OpenAI's chat completions API (https://platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import structlog

from chatai.core.settings import Settings
from chatai.domains.models.errors import ModelCut
from chatai.domains.models.schemas import ModelEnd, ModelText, Prompt, PromptMessage
from chatai.integrations.openai.client import Endpoint, EndpointFault, explained
from chatai.integrations.openai.events import events

_log = structlog.get_logger(__name__)


class OpenAIChat:
    """Fulfils `chatai.domains.models.ports.LanguageModel`."""

    def __init__(self, settings: Settings) -> None:
        self._patience = settings.model_timeout_seconds
        self._endpoint = Endpoint(settings.openai_base_url, settings.openai_api_key, self._patience)
        self._default_model = settings.openai_model

    async def stream(self, prompt: Prompt) -> AsyncIterator[ModelText | ModelEnd]:
        """The answer as it comes. An end without a finish reason means that the connection broke: `cut_short`."""
        model = prompt.model or self._default_model
        body = {
            "model": model,
            "messages": [{"role": message.role, "content": _content(message)} for message in prompt.messages],
            "temperature": prompt.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        end, begun = _End(), False
        try:
            async with (
                asyncio.timeout(self._patience) as deadline,
                self._endpoint.post("chat/completions", body) as content,
                aclosing(events(content.iter_any())) as batches,
            ):
                async for batch in batches:
                    deadline.reschedule(asyncio.get_running_loop().time() + self._patience)
                    if text := "".join(end.take(json.loads(data)) for data in batch):
                        begun = True
                        yield ModelText(text)
        except Exception as error:
            meaning = explained(error)
            if meaning is None:
                raise
            _log.warning("model call failed", model=model, error=type(error).__name__, detail=_detail(error))
            raise (ModelCut() if begun and meaning.code == "model_away" else meaning) from None
        yield ModelEnd(model, end.prompt_tokens, end.completion_tokens, cut_short=not end.finished)

    async def close(self) -> None:
        await self._endpoint.close()


class _End:
    """What is known of the answer's end by now."""

    def __init__(self) -> None:
        self.finished = False
        self.prompt_tokens = 0
        self.completion_tokens = 0

    def take(self, chunk: Any) -> str:
        """Takes a chunk of the stream; the text in it.

        Raises:
            EndpointFault: The endpoint reports an error in the middle of the answer.
        """
        if not isinstance(chunk, dict):
            return ""
        if error := chunk.get("error"):
            message = error.get("message") if isinstance(error, dict) else error
            raise EndpointFault(str(message or "an error in the stream"))
        if usage := chunk.get("usage"):
            self.prompt_tokens = int(usage.get("prompt_tokens") or 0)
            self.completion_tokens = int(usage.get("completion_tokens") or 0)
        choices = chunk.get("choices")
        if not choices:
            return ""
        self.finished = self.finished or choices[0].get("finish_reason") is not None
        return (choices[0].get("delta") or {}).get("content") or ""


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
