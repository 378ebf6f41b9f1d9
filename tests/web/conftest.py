"""A web process of its own for each test, with its jobs and a model that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.accounts import service as accounts
from chatai.frontend import ensure_built
from chatai.launcher.web import web_command
from tests.fakes.openai import FakeOpenAI
from tests.waiting import eventually

PASSWORD = "correct horse battery"


@dataclass
class Site:
    """A running installation."""

    url: str
    model: FakeOpenAI
    database: Database
    log: Path

    async def setup_link(self) -> str:
        """The link with which the first administrator registers."""
        async with self.database.person() as uow:
            link = await accounts.setup_link(uow, self.url)
        assert link
        return link


@pytest.fixture
async def site(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    built = await asyncio.to_thread(ensure_built, settings)
    log = tmp_path / "web.log"
    async with FakeOpenAI() as model:
        environment = {
            **os.environ,
            **built.environment(),
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model.url,
            "MODEL_TIMEOUT_SECONDS": "30",
        }
        with log.open("wb") as output:
            async with (
                _process(web_command(settings, redis=True), environment, output.fileno()),
                _process([sys.executable, "-m", "chatai.cli", "jobs"], environment, output.fileno()),
            ):
                url = f"http://127.0.0.1:{settings.port}"
                await eventually(lambda: _is_up(url), patience=60, pause=0.1)
                yield Site(url, model, database, log)


@asynccontextmanager
async def _process(command: list[str], environment: dict[str, str], output: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=output, stderr=output)
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _is_up(url: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{url}/health", timeout=5)).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
async def page(browser: Browser, site: Site) -> AsyncIterator[Page]:
    """A page of a fresh, English-speaking browser. An error that reaches its console fails the test."""
    context = await browser.new_context(locale="en", base_url=site.url, viewport={"width": 1280, "height": 860})
    opened, problems = await watched_page(context)
    yield opened
    await context.close()
    assert not problems, problems


async def watched_page(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page and the list that its script errors go into. Answers with an error status are not among them."""
    problems: list[str] = []
    opened = await context.new_page()
    opened.set_default_timeout(20_000)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    return opened, problems


async def register(page: Page, site: Site, name: str = "Anna", email: str = "anna@example.org") -> None:
    """Makes the first account through its page; ends on the list of assistants."""
    link = await site.setup_link()
    await page.goto(link)
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    # Without it, this would be an account like any other.
    await expect(page.locator("input[name=setup]")).to_have_value(link.partition("setup=")[2])
    await page.get_by_role("button", name="Create an account").click()
    await page.get_by_role("heading", name="Make your first assistant").wait_for()


async def make_assistant(page: Page, name: str) -> str:
    """Makes an assistant through the dialog; ends on its knowledge. Returns the address of the assistant."""
    await page.get_by_role("button", name="New assistant").click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Create", exact=True).click()
    await page.get_by_text("Drop documents here").wait_for()
    return page.url.removesuffix("/knowledge")
