"""The stand-in for OpenAI, seen by OpenAI's own client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.fakes import language
from tests.fakes.openai import FakeOpenAI, Plan, ThreadedFakeOpenAI

PROMPT = """Answer from the passages.

[1] Price list, page 2
Доставка по Москве стоит 300 рублей. Самовывоз бесплатный.
[2] Returns, page 1
Goods are returned within 14 days. The receipt is needed."""


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        yield running


@pytest.fixture
async def client(fake: FakeOpenAI) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=fake.url, api_key="sk-test", max_retries=0) as made:
        yield made


async def ask(client: AsyncOpenAI, question: str) -> str:
    completion = await client.chat.completions.create(
        model="any", messages=[{"role": "system", "content": PROMPT}, {"role": "user", "content": question}]
    )
    return completion.choices[0].message.content or ""


async def test_it_quotes_the_passage_that_fits(client: AsyncOpenAI) -> None:
    assert await ask(client, "Сколько стоит доставка?") == (
        "В документах сказано: «Доставка по Москве стоит 300 рублей.» [1]"
    )
    assert await ask(client, "Can I return goods?") == ("The documents say: “Goods are returned within 14 days.” [2]")
    assert await ask(client, "Who is the king of France?") == "The documents do not say."


async def test_passages_may_stand_in_the_question(client: AsyncOpenAI) -> None:
    content = f"{PROMPT}\n\nIs a receipt needed?"
    completion = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": content}])
    assert completion.choices[0].message.content == "The documents say: “The receipt is needed.” [2]"


async def test_a_stream_comes_word_by_word_with_usage(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "one two three"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert pieces == ["You", " wrote:", " one", " two", " three"]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (3, 5)
    assert fake.chats()[0].outcome == "answered"


async def test_scripted_answers_come_first(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    fake.plan.answers = ["It is so [9]."]
    assert await ask(client, "Is it?") == "It is so [9]."
    assert await ask(client, "Is it?") == "The documents do not say."


async def test_embeddings_put_alike_texts_near(client: AsyncOpenAI) -> None:
    texts = ["Сколько стоит доставка по городу?", "Стоимость доставки: 300 рублей", "Кошки любят молоко"]
    answer = await client.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=256)
    question, near, far = (item.embedding for item in answer.data)

    def likeness(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert len(question) == 256
    assert likeness(question, question) == pytest.approx(1, abs=1e-5)
    assert likeness(question, near) > likeness(question, far) + 0.2
    floats = await client.embeddings.create(
        model="text-embedding-3-small", input=texts[0], dimensions=256, encoding_format="float"
    )
    assert floats.data[0].embedding == pytest.approx(question, abs=1e-6)
    whole = await client.embeddings.create(model="text-embedding-3-small", input=texts[0])
    assert len(whole.data[0].embedding) == 1536


async def test_models_are_listed(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    assert "gpt-4.1-mini" in [model.id async for model in client.models.list()]
    fake.plan.models = ["only-this"]
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        await ask(client, "?")


async def test_refusals_are_openai_s_own(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    fake.plan = Plan(status=429, retry_after=7, times=1)
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(client, "?")
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "rate_limit_exceeded"
    assert await ask(client, "?")  # it met one request only
    fake.plan = Plan(keys={"sk-test": 401})
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        await ask(client, "?")
    fake.plan = Plan(status=500, paths=["embeddings"])
    assert await ask(client, "?")
    with pytest.raises(openai.InternalServerError):
        await client.embeddings.create(model="m", input="x")
    fake.plan = Plan(max_prompt=5)
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(client, "?")
    assert refused.value.code == "context_length_exceeded"


async def test_a_cut_stream_breaks_in_the_middle(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    fake.plan = Plan(answers=["one two three four"], cut_after=2)
    text = ""
    stream = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
    try:
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    except (httpx2.HTTPError, openai.APIConnectionError) as error:
        broken: Exception | None = error
    else:
        broken = None
    assert broken is not None
    assert text == "one two"
    assert fake.chats()[0].outcome == "cut"


async def test_a_hanging_stream_ends_when_the_client_goes(fake: FakeOpenAI) -> None:
    fake.plan = Plan(hang_after=0)
    async with AsyncOpenAI(base_url=fake.url, api_key="k", max_retries=0, timeout=0.3) as hasty:
        stream = await hasty.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True
        )
        with pytest.raises((httpx2.TimeoutException, openai.APITimeoutError)):
            async for _chunk in stream:
                pass
    assert fake.chats()[0].outcome == "left"


async def test_slowness_is_as_planned(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    fake.plan = Plan(answers=["one two three"], first_token_delay=0.2, token_delay=0.05)
    started = time.monotonic()
    stream = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True)
    moments = [time.monotonic() - started async for chunk in stream if chunk.choices[0].delta.content]
    assert moments[0] >= 0.2
    assert moments[2] - moments[0] >= 0.08


async def test_down_and_up_again_on_the_same_port(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    await fake.stop()
    with pytest.raises(openai.APIConnectionError):
        await ask(client, "?")
    await fake.start()
    assert await ask(client, "?")


def test_in_a_thread_and_controlled_over_http() -> None:
    with ThreadedFakeOpenAI() as fake, httpx2.Client() as http:
        http.put(f"{fake.root}/control", json={"answers": ["scripted"]}).raise_for_status()
        with OpenAI(base_url=fake.url, api_key="sk-x") as client:
            completion = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        assert completion.choices[0].message.content == "scripted"
        seen = http.get(f"{fake.root}/control").json()
        assert [(item["path"], item["key"]) for item in seen["requests"]] == [("/v1/chat/completions", "sk-x")]
        assert http.put(f"{fake.root}/control", json={"nonsense": 1}).status_code == 400
        http.delete(f"{fake.root}/control")
        assert not fake.requests


async def test_as_a_process() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.openai", "--port", "0", stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode().strip()
        async with AsyncOpenAI(base_url=line.removeprefix("OPENAI_BASE_URL="), api_key="k") as client:
            assert await ask(client, "Доставка?")
    finally:
        process.terminate()
        await process.wait()


def test_words_are_joined_by_their_stems() -> None:
    assert language.stem("доставки") == language.stem("доставка") == language.stem("доставкой")
    assert language.stem("returned") == language.stem("returns") == language.stem("return")
    assert "".join(language.tokens("a  b\nc ")) == "a  b\nc "
