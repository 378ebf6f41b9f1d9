"""A running sandbox and a real aiogram bot that speaks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bots.sandbox import people
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Chat, Options, SandboxBot


def client_of(server: SandboxServer, token: str) -> Bot:
    return Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(server.url), limit=0))


async def until(condition: Callable[[], object]) -> None:
    """Waits for something that has no event of its own.

    Raises:
        TimeoutError: It did not come within ten seconds.
    """
    async with asyncio.timeout(10):
        while not condition():
            await _a_moment()


async def _a_moment() -> None:
    await asyncio.sleep(0.002)


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(Options(redelivery_delay=0.02, conflict_pause=0.1)) as running:
        yield running


@pytest.fixture
def shop(server: SandboxServer) -> SandboxBot:
    return server.sandbox.new_bot("Shop", username="shop_bot")


@pytest.fixture
async def bot(server: SandboxServer, shop: SandboxBot) -> AsyncIterator[Bot]:
    client = client_of(server, shop.token)
    yield client
    await client.session.close()


@pytest.fixture
def chat(server: SandboxServer, shop: SandboxBot) -> Chat:
    """The private chat with Anna, who has not written yet."""
    return server.sandbox.private_chat(shop, people.person(server.sandbox, 1001))


@pytest.fixture
async def http(server: SandboxServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session
