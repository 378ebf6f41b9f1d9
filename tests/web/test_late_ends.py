"""What ends in the background when its page was left: it is told, and changes nothing of the page that is open."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from bots.sandbox.faults import Fault
from bots.sandbox.server import SandboxServer
from bots.sandbox.state import Options
from chatai.core.settings import Settings
from tests.web.conftest import Site, make_assistant, register

SLOW_MS = 4_000  # in which the page can be left


@pytest.fixture
async def telegram(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SandboxServer]:
    """Beside the settings, whose fixture takes the others out of the environment."""
    async with SandboxServer(Options(strict=True)) as server:
        monkeypatch.setenv("TELEGRAM_API_URL", server.url)
        yield server


async def leave_while_connecting(page: Page, telegram: SandboxServer, status: int = 0) -> None:
    """Gives the assistant's page a bot's token, and goes on to the page of bots before Telegram has answered."""
    bot = telegram.sandbox.new_bot("Shop")
    telegram.sandbox.faults.add(Fault(methods=frozenset({"getme"}), delay_ms=SLOW_MS, status=status))
    await page.get_by_role("link", name="Channels").click()
    await page.get_by_label("Token").fill(bot.token)
    await page.get_by_role("button", name="Connect the bot").click()
    await expect(page.get_by_role("button", name="Connect the bot")).to_be_disabled()
    await page.get_by_role("link", name="Bots").first.click()
    await expect(page.get_by_role("heading", name="Bots", exact=True)).to_be_visible()


async def test_a_bot_that_is_connected_late_is_told_on_whichever_page(
    telegram: SandboxServer, page: Page, site: Site
) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await leave_while_connecting(page, telegram)
    await expect(page.get_by_text("The bot is connected")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await page.goto(f"{address}/channels")
    await expect(page.get_by_role("link", name="Shop", exact=True)).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_bot_that_is_refused_late_is_told_where_people_are_and_not_where_they_were(
    telegram: SandboxServer, page: Page, site: Site
) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await leave_while_connecting(page, telegram, status=401)
    await expect(page.get_by_role("alert")).to_contain_text("token")
    await page.get_by_role("alert").get_by_role("button").click()
    await page.goto(f"{address}/channels")
    await expect(page.get_by_role("button", name="Connect the bot")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)
