"""Endpoints that answer with success and nonsense, of which OpenAI's library says nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from chatai.core.settings import Settings
from chatai.domains.knowledge.errors import EmbeddingsAway
from chatai.domains.models.errors import SpeechAway
from chatai.integrations.openai.embeddings import OpenAIEmbedder
from chatai.integrations.openai.speech import OpenAISpeech

JSON = "application/json"
VECTOR = {"index": 0, "embedding": [0.1, 0.2]}


@asynccontextmanager
async def endpoint(body: str, kind: str) -> AsyncIterator[str]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<html>Welcome</html>", "text/html"),
        ("[1]", JSON),
        ("{}", JSON),
        ('{"error": {"message": "no"}}', JSON),
        ('{"data": null}', JSON),
        (json.dumps({"data": [{"embedding": [0.1]}, {"embedding": [0.1]}]}), JSON),
        (json.dumps({"data": [{**VECTOR, "embedding": None}]}), JSON),
        (json.dumps({"data": [{**VECTOR, "embedding": "AAAA"}]}), JSON),
        (json.dumps({"data": [{**VECTOR, "embedding": ["a"]}]}), JSON),
        (json.dumps({"data": [VECTOR, VECTOR]}), JSON),
    ],
)
async def test_vectors_that_are_none_are_an_endpoint_that_is_away(settings: Settings, body: str, kind: str) -> None:
    async with endpoint(body, kind) as address:
        values = {"embedding_model": "m", "openai_base_url": address, "model_timeout_seconds": 5.0}
        embedder = OpenAIEmbedder(settings.model_copy(update=values))
        with pytest.raises(EmbeddingsAway):
            await embedder.embed(["words"], "query")
        await embedder.close()


@pytest.mark.parametrize(
    ("body", "kind"), [("<html>Welcome</html>", "text/html"), ("[1]", JSON), ('{"text": 5}', JSON)]
)
async def test_a_transcription_that_is_none_is_an_endpoint_that_is_away(
    settings: Settings, tmp_path: Path, body: str, kind: str
) -> None:
    recording = tmp_path / "recording"
    recording.write_bytes(b"OggS")
    async with endpoint(body, kind) as address:
        values = {"transcription_model": "m", "transcription_base_url": address, "model_timeout_seconds": 5.0}
        speech = OpenAISpeech(settings.model_copy(update=values))
        with pytest.raises(SpeechAway):
            await speech.transcribe(recording, "voice.ogg")
        await speech.close()
