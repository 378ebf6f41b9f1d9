"""Many people at once: who is asked, what is timed, and that slow answers cannot hide."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiogram import Bot, Dispatcher
from aiogram.types import Message
from aiohttp import web

from bots.sandbox.server import SandboxServer
from tests.bots.sandbox.conftest import client_of
from tests.bots.sandbox.test_control import post


@contextlib.asynccontextmanager
async def echo(server: SandboxServer, token: str, delay: float = 0.0) -> AsyncIterator[Bot]:
    """A bot that repeats what is said to it."""
    client, dispatcher = client_of(server, token), Dispatcher()

    @dispatcher.message()
    async def answer(message: Message) -> None:
        await asyncio.sleep(delay)
        first = await message.answer("…")
        await first.edit_text(f"You said: {message.text}")

    polling = asyncio.create_task(dispatcher.start_polling(client, handle_signals=False, polling_timeout=1))
    yield client
    await dispatcher.stop_polling()
    await polling


async def test_every_question_is_timed_from_when_it_was_due(server: SandboxServer, http: aiohttp.ClientSession) -> None:
    _, made = await post(http, "/sandbox/bots/many", {"bots": [{"name": "One"}, {"name": "Two"}]})
    assert [bot["name"] for bot in made["bots"]] == ["One", "Two"]
    one, two = made["bots"]
    async with echo(server, one["token"], delay=0.05), echo(server, two["token"], delay=0.05):
        load = {"rate": 100, "questions": 12, "numbered": True, "texts": ["How are you?"]}
        status, found = await post(http, "/sandbox/load", load)
    assert status == 200
    rows = found["rows"]
    assert {row[0] for row in rows} == {one["id"], two["id"]}
    assert len({(row[0], row[2]) for row in rows}) == 12  # each an update of its own
    # Complete after the first sign, that after the delay, and posted before it.
    assert all(row[6] >= row[5] >= 50 and row[5] > row[4] for row in rows)
    assert [row[3] for row in rows] == sorted(row[3] for row in rows)


async def test_questions_kept_open_go_on_as_they_are_answered(
    server: SandboxServer, http: aiohttp.ClientSession
) -> None:
    _, made = await post(http, "/sandbox/bots", {})
    async with echo(server, made["token"]):
        load = {"bots": [made["id"]], "parallel": 3, "questions": 10, "mark": "said"}
        _, found = await post(http, "/sandbox/load", load)
    assert len(found["rows"]) == 10
    assert len({row[1] for row in found["rows"]}) == 3  # as many people as there are open questions
    assert all(row[6] for row in found["rows"])


async def test_loads_with_the_same_seed_are_the_same(server: SandboxServer, http: aiohttp.ClientSession) -> None:
    await post(http, "/sandbox/bots/many", {"bots": [{"name": f"{number}"} for number in range(9)]})

    async def asked(seed: int) -> tuple[list[tuple[int, str]], list[float]]:
        texts = [f"Question {number}" for number in range(50)]
        load = {"rate": 500, "questions": 9, "texts": texts, "seed": seed, "patience": 0}
        _, found = await post(http, "/sandbox/load", load)
        said = [(row[0], server.sandbox.bots[row[0]].updates[row[2]]["message"]["text"]) for row in found["rows"]]
        return said, [later[3] - earlier[3] for earlier, later in itertools.pairwise(found["rows"])]

    (said, distances), (again, as_far), (other, _) = await asked(7), await asked(7), await asked(8)
    assert said == again != other
    assert distances == pytest.approx(as_far, abs=0.001)  # they are told to a tenth of a millisecond


async def test_what_nobody_answers_is_told_as_such(server: SandboxServer, http: aiohttp.ClientSession) -> None:
    made = server.sandbox.new_bot()
    _, found = await post(http, "/sandbox/load", {"questions": 3, "rate": 1000, "patience": 0.05})
    assert [row[5:] for row in found["rows"]] == [[None, None]] * 3
    assert len(made.updates) == 3
    assert server.sandbox.observers == []


async def test_many_bots_come_with_their_webhooks(server: SandboxServer, http: aiohttp.ClientSession) -> None:
    came: list[tuple[str, str | None]] = []

    async def receive(request: web.Request) -> web.Response:
        came.append((request.path, request.headers.get("X-Telegram-Bot-Api-Secret-Token")))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{bot}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    bots = [{"name": name, "url": f"{base}/{name}", "secret": f"secret-{name}"} for name in ("a", "b")]
    await post(http, "/sandbox/bots/many", {"bots": bots})
    await post(http, "/sandbox/load", {"questions": 2, "rate": 1000, "patience": 0.3})
    await runner.cleanup()
    assert sorted(came) == [("/a", "secret-a"), ("/b", "secret-b")]


@pytest.mark.parametrize(
    ("load", "status"),
    [
        ({}, 400),
        ({"questions": 1}, 400),  # there is no bot
        ({"questions": 1, "bots": [1]}, 404),
        ({"seconds": -1}, 400),
        ({"seconds": 1, "rate": "fast"}, 400),
        ({"seconds": 1, "texts": [1]}, 400),
    ],
)
async def test_a_load_that_makes_no_sense_is_refused(
    http: aiohttp.ClientSession, load: dict[str, Any], status: int
) -> None:
    assert (await post(http, "/sandbox/load", load))[0] == status
    assert (await post(http, "/sandbox/bots/many", {"bots": "many"}))[0] == 400
