"""The embedding model that is set, and the ones before it whose vectors still serve while it takes their place."""

from __future__ import annotations

from collections.abc import Sequence

from chatai.core.settings import Settings
from chatai.domains.knowledge.errors import EmbeddingsRefused
from chatai.domains.knowledge.ports import Embedder, Measured, Purpose
from chatai.integrations.local_embeddings.location import another, is_local, locate
from chatai.integrations.local_embeddings.process import LocalEmbedder


class Embedders:
    """Fulfils `chatai.domains.knowledge.ports.Embedder`, by a local model or an endpoint, as a model's name says.

    Args:
        settings: With `embedding_model`; an endpoint is only asked where one is set.

    Raises:
        SettingsError: A local model is set that is not there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local: dict[str, LocalEmbedder] = {}
        self._endpoint: Embedder | None = None
        self._set = self._local_one(settings.embedding_model) if is_local(settings.embedding_model) else self._remote()

    @property
    def model(self) -> str:
        return self._set.model

    async def embed(self, texts: Sequence[str], purpose: Purpose, *, model: str | None = None) -> list[list[float]]:
        return await self._by(model or self.model).embed(texts, purpose, model=model)

    async def measure(self, texts: Sequence[str]) -> Measured:
        return await self._set.measure(texts)

    def _by(self, name: str) -> Embedder:
        if name == self.model:
            return self._set
        if not is_local(name):
            return self._remote()
        if name in self._local:
            return self._local[name]
        found = another(name, self._set.located if isinstance(self._set, LocalEmbedder) else None)
        if found is None:
            raise EmbeddingsRefused
        return self._keep(LocalEmbedder(found, idle_seconds=self._settings.embedding_idle_seconds))

    def _local_one(self, name: str) -> LocalEmbedder:
        return self._keep(LocalEmbedder(locate(name), idle_seconds=self._settings.embedding_idle_seconds))

    def _keep(self, made: LocalEmbedder) -> LocalEmbedder:
        self._local[made.model] = made
        return made

    def _remote(self) -> Embedder:
        if self._endpoint is None:
            if not (self._settings.openai_api_key or self._settings.openai_base_url):
                raise EmbeddingsRefused
            from chatai.integrations.openai.embeddings import OpenAIEmbedder

            self._endpoint = OpenAIEmbedder(self._settings)
        return self._endpoint

    async def close(self) -> None:
        for local in self._local.values():
            await local.close()
        if self._endpoint is not None:
            await self._endpoint.close()  # type: ignore[attr-defined]
