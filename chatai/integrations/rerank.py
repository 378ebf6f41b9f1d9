"""A reranking model behind the /rerank request that Cohere, Jina, vLLM, llama.cpp and others share.

https://docs.cohere.com/reference/rerank and https://jina.ai/reranker say the same of it: `query` and `documents` go in,
`results` with `index` and `relevance_score` come out, the best first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import httpx

from chatai.core.settings import Settings
from chatai.domains.knowledge.ports import RerankerAway

CONNECT_SECONDS = 1.0
SECONDS = 5.0


class RerankClient:
    """Fulfils `chatai.domains.knowledge.ports.Reranker`."""

    def __init__(self, settings: Settings) -> None:
        key = settings.rerank_api_key.get_secret_value() if settings.rerank_api_key else ""
        self._url = settings.rerank_url
        self._model = settings.rerank_model
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
        )

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        body = {"model": self._model, "query": query, "documents": list(texts), "top_n": len(texts)}
        try:
            response = await self._client.post(self._url, json=body)
            response.raise_for_status()
            return _scores(response.json(), len(texts))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise RerankerAway(type(error).__name__) from None  # the error's own text may hold the address and its key

    async def close(self) -> None:
        await self._client.aclose()


def _scores(answer: Any, count: int) -> list[float]:
    """One score a text, in the texts' order. Raises ValueError, KeyError or TypeError where it makes no sense."""
    found = {int(result["index"]): float(result["relevance_score"]) for result in answer["results"]}
    if set(found) != set(range(count)) or not all(map(math.isfinite, found.values())):
        raise ValueError
    return [found[place] for place in range(count)]
