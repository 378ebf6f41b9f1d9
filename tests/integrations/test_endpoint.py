"""Calls to a model's endpoint: through proxies, with answers that are none, from one loop and another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from chatai.domains.models.errors import ModelAway, ModelBusy, ModelRefused, ModelSlow
from chatai.integrations.openai.client import (
    MOST_SAID_BYTES,
    Endpoint,
    EndpointRefusal,
    explained,
)
from tests.fakes.openai import FakeOpenAI, Plan, ThreadedFakeOpenAI

CHAT = {"model": "m", "messages": [{"role": "user", "content": "words"}]}


async def ask(endpoint: Endpoint) -> dict[str, Any]:
    async with endpoint.post("chat/completions", CHAT) as content:
        return dict(json.loads(await content.read()))


@asynccontextmanager
async def server(*answer: bytes, endless: bool = False, silent: bool = False) -> AsyncIterator[str]:
    """Says the same to everything, `endless`: the last of it again and again, `silent`: then nothing; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(answer))
        try:
            while endless:
                writer.write(answer[-1])
                await writer.drain()
            if silent:
                await reader.read()  # until the other side has gone
        except ConnectionError:
            return
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"


async def test_the_environments_proxy_is_asked_and_not_for_addresses_that_are_excepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with FakeOpenAI() as proxy, FakeOpenAI() as near:
        monkeypatch.setenv("HTTP_PROXY", proxy.root)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        for address in ("http://model.example/v1/", near.url):
            endpoint = Endpoint(address, SecretStr("sk-1"), 5)
            assert (await ask(endpoint))["choices"]
            await endpoint.close()
        assert [request.key for request in proxy.requests] == [request.key for request in near.requests] == ["sk-1"]


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [(429, "insufficient_quota", ModelBusy), (401, "invalid_api_key", ModelRefused), (503, "", ModelAway)],
)
async def test_a_refusal_says_why(status: int, code: str, meaning: type[Exception]) -> None:
    async with FakeOpenAI() as fake:
        fake.plan = Plan(status=status, code=code)
        endpoint = Endpoint(fake.url, SecretStr("sk-1"), 5)
        with pytest.raises(EndpointRefusal, match=str(status)) as refused:
            await ask(endpoint)
        assert refused.value.status == status
        assert isinstance(explained(refused.value), meaning)
        await endpoint.close()


async def test_a_refusal_without_an_end_is_not_read_to_it() -> None:
    async with server(b"HTTP/1.1 500 Oh\r\n\r\n", b"x" * 1000, endless=True) as address:
        endpoint = Endpoint(address, None, 5)
        with pytest.raises(EndpointRefusal) as refused:
            await ask(endpoint)
        assert len(str(refused.value)) == len("500: ") + MOST_SAID_BYTES
        await endpoint.close()


async def test_silence_is_slowness() -> None:
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", silent=True) as address:
        endpoint = Endpoint(address, None, 0.1)
        with pytest.raises(TimeoutError) as silence:
            await ask(endpoint)
        assert isinstance(explained(silence.value), ModelSlow)
        await endpoint.close()


def test_one_endpoint_serves_a_loop_after_another() -> None:
    with ThreadedFakeOpenAI() as fake:
        endpoint = Endpoint(fake.url, SecretStr("sk-1"), 5)

        async def once() -> None:
            assert (await ask(endpoint))["choices"]
            await endpoint.close()

        asyncio.run(once())
        asyncio.run(once())


def test_a_fault_of_ours_is_not_the_endpoints() -> None:
    assert explained(KeyError("name")) is None
