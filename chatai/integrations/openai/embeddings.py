"""An embedding model behind OpenAI's embeddings API (https://platform.openai.com/docs/api-reference/embeddings)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import openai
import structlog

from chatai.core.settings import Settings
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.domains.knowledge.ports import Measured, Purpose
from chatai.domains.knowledge.sizing import estimated, estimated_room
from chatai.integrations.openai.library import explained, make_client

_log = structlog.get_logger(__name__)


class OpenAIEmbedder:
    """Fulfils `chatai.domains.knowledge.ports.Embedder`."""

    def __init__(self, settings: Settings) -> None:
        self._client = make_client(settings)
        self._name = settings.embedding_model
        self._dimensions = settings.embedding_dimensions
        self._limit = settings.embedding_max_tokens

    @property
    def model(self) -> str:
        return f"{self._name}@{self._dimensions}" if self._dimensions else self._name

    async def embed(self, texts: Sequence[str], purpose: Purpose, *, model: str | None = None) -> list[list[float]]:
        name, dimensions = _parts(model or self.model)
        options: dict[str, Any] = {"dimensions": dimensions} if dimensions else {}
        try:
            response = await self._client.embeddings.create(
                model=name,
                input=list(texts),
                encoding_format="float",  # not every compatible endpoint knows the client's default, base64
                **options,
            )
        except Exception as error:
            meaning = explained(error)
            if meaning is None:
                raise
            _log.warning("embedding call failed", model=self.model, error=type(error).__name__)
            raise (EmbeddingsRefused if _is_final(error, meaning.code) else EmbeddingsAway)() from None
        vectors = _vectors(response)
        if len(vectors) != len(texts) or not _sound(vectors):
            _log.warning("embedding answer makes no sense", model=self.model, asked=len(texts), got=len(vectors))
            raise EmbeddingsAway
        return vectors

    async def measure(self, texts: Sequence[str]) -> Measured:
        return Measured([estimated(text) for text in texts], estimated_room(self._limit))

    async def close(self) -> None:
        await self._client.close()


def _parts(model: str) -> tuple[str, int]:
    """Name and dimensions (0: the model's own) out of `Embedder.model`."""
    name, _, dimensions = model.rpartition("@")
    return (name, int(dimensions)) if name and dimensions.isdecimal() else (model, 0)


def _is_final(error: Exception, code: str) -> bool:
    """Whether asking again is of no use: refused, or nothing is left of the balance (which OpenAI tells as 429)."""
    return code == "model_refused" or (isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota")


def _vectors(response: Any) -> list[list[float]]:
    """In the texts' order; none where the answer makes no sense, of which the library says nothing."""
    try:
        found = sorted(response.data, key=lambda item: item.index)
        return [[float(value) for value in item.embedding] for item in found]
    except (AttributeError, TypeError, ValueError):
        return []


def _sound(vectors: Sequence[Sequence[float]]) -> bool:
    return len({len(vector) for vector in vectors}) == 1 and all(
        math.isfinite(value) for vector in vectors for value in vector
    )
