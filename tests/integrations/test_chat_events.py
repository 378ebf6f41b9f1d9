"""What is read of a chat completion's stream, however it is cut into pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from chatai.core.settings import Settings
from chatai.domains.models.errors import ModelAway, ModelBusy
from chatai.domains.models.schemas import ModelEnd, ModelText, Prompt, PromptMessage
from chatai.integrations.openai.chat import OpenAIChat
from chatai.integrations.openai.events import MAX_LINE_BYTES, events
from tests.fakes.openai import FakeOpenAI, Plan

STREAM = ': hello\r\ndata: {"a": "ё"}\r\n\r\ndata:{"b":\ndata: 2}\n\nevent: x\ndata: 3\n\ndata: [DONE]\n\n'.encode()
PROMPT = Prompt([PromptMessage("user", "Two words")], model="m")


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_are_read_however_they_are_cut(size: int) -> None:
    found = [data for batch in [batch async for batch in events(pieces(STREAM, size))] for data in batch]
    assert found == ['{"a": "ё"}'.encode(), b'{"b":\n2}', b"3"]


async def test_what_comes_together_is_handed_on_together() -> None:
    assert len([batch async for batch in events(pieces(STREAM, 1000))]) == 1


async def test_a_stream_that_breaks_off_gives_what_had_come() -> None:
    assert [batch async for batch in events(pieces(b"data: 1\n\ndata: 2\n", 1000))] == [[b"1"], [b"2"]]


async def test_a_line_without_an_end_is_refused() -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        _ = [batch async for batch in events(pieces(b"x" * (MAX_LINE_BYTES + 2), 100_000))]


async def test_an_endpoint_that_hangs_up_is_away_not_slow(settings: Settings) -> None:
    """It takes the request and closes the connection without a word."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        chat = OpenAIChat(settings.model_copy(update={"openai_base_url": f"http://127.0.0.1:{port}/v1"}))
        with pytest.raises(ModelAway):
            _ = [event async for event in chat.stream(PROMPT)]
        await chat.close()


async def test_an_endpoint_that_is_not_there_is_away(settings: Settings, free_port: Callable[[], int]) -> None:
    chat = OpenAIChat(settings.model_copy(update={"openai_base_url": f"http://127.0.0.1:{free_port()}/v1"}))
    with pytest.raises(ModelAway):
        _ = [event async for event in chat.stream(PROMPT)]
    await chat.close()


async def test_the_end_tells_what_was_used(settings: Settings) -> None:
    async with FakeOpenAI() as fake:
        chat = OpenAIChat(settings.model_copy(update={"openai_base_url": fake.url}))
        fake.plan = Plan(answers=["One two three."])
        *said, end = [event async for event in chat.stream(PROMPT)]
        assert "".join(event.text for event in said if isinstance(event, ModelText)) == "One two three."
        assert isinstance(end, ModelEnd)
        assert (end.cut_short, end.prompt_tokens, end.completion_tokens) == (False, 2, 3)
        fake.plan = Plan(status=429)
        with pytest.raises(ModelBusy):
            _ = [event async for event in chat.stream(PROMPT)]
        await chat.close()
