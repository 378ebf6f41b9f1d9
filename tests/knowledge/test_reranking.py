"""What search found is put in the order of a reranking endpoint, which may be away or talk nonsense."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from chatai.core.ids import new_id
from chatai.core.settings import Settings
from chatai.domains.knowledge import service
from chatai.domains.knowledge.ports import reranker
from chatai.domains.knowledge.schemas import Passage
from chatai.integrations.rerank import RerankClient


class Endpoint:
    """A /rerank endpoint that likes long documents."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.status = 200
        self.seen: list[tuple[str, Any]] = []

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.seen.append((request.headers.get("Authorization", ""), body))
        ranked = sorted(enumerate(body["documents"]), key=lambda entry: -len(entry[1]))
        results = [{"index": index, "relevance_score": len(piece) / 100} for index, piece in ranked]
        return web.json_response(self.answer or {"results": results}, status=self.status)


@pytest.fixture
async def endpoint(settings: Settings) -> AsyncIterator[Endpoint]:
    handler = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/rerank", handler.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # aiohttp tells a chosen port nowhere else
    values = {
        "rerank_url": f"http://127.0.0.1:{port}/v1/rerank",
        "rerank_model": "judge",
        "rerank_api_key": SecretStr("rk-1"),
    }
    client = RerankClient(settings.model_copy(update=values))
    reranker.bind(client)
    yield handler
    reranker.bind(None)
    await client.close()
    await runner.cleanup()


def passage(text: str) -> Passage:
    return Passage(new_id(), new_id(), "a.txt", 1, 1, 0, len(text), "", text, 0.5)


PASSAGES = [passage("short"), passage("the longest of all three"), passage("in between")]


async def test_the_order_is_the_endpoints(endpoint: Endpoint) -> None:
    assert service.search_depth(8) == 24
    found = await service.reranked("which", PASSAGES, 2)
    assert [piece.text for piece in found] == ["the longest of all three", "in between"]
    assert found[0].score == pytest.approx(0.24)
    ((key, body),) = endpoint.seen
    assert key == "Bearer rk-1"
    assert (body["model"], body["query"], body["top_n"]) == ("judge", "which", 3)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, None),
        (200, {"results": []}),
        (200, {"results": [{"index": 7, "relevance_score": 1}] * 3}),
        (200, {"results": [{"index": place, "relevance_score": "much"} for place in range(3)]}),
        (200, ["what"]),
    ],
)
async def test_without_a_sound_answer_it_stays_as_it_came(endpoint: Endpoint, status: int, answer: Any) -> None:
    endpoint.status, endpoint.answer = status, answer
    assert await service.reranked("which", PASSAGES, 2) == PASSAGES[:2]


async def test_without_an_endpoint_nothing_changes() -> None:
    assert service.search_depth(8) == 8
    assert await service.reranked("which", PASSAGES, 2) == PASSAGES[:2]
