"""The whole of the main job, as a newcomer does it: one command, the browser, and Telegram's protocol.

The language model is a server that speaks OpenAI's protocol, Telegram is ChatAI's own sandbox; the rest is real.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.fakes.openai import Plan, ThreadedFakeOpenAI
from tests.knowledge.documents import make_docx, make_pdf
from tests.running import ROOT, Up, environment, of_installation, start
from tests.waiting import eventually

__all__ = ["environment", "start"]

PATIENCE = 30_000  # milliseconds, for what a loaded machine may take
PAGES = [
    "Our warehouse stands in Riga. It opens at nine and closes at six on working days.",
    "Orders that arrive before noon are sent on the same day. Delivery takes three days in the Baltic states.",
    "The warranty on bicycles lasts five years. Tyres and brake pads are not covered by the warranty.",
]


@pytest.fixture
def model() -> Iterator[ThreadedFakeOpenAI]:
    with ThreadedFakeOpenAI() as fake:
        yield fake


@pytest.fixture
async def telegram(free_port: Callable[[], int], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """`chatai sandbox` in a process of its own."""
    port = free_port()
    variables = {"SANDBOX_PORT": str(port), "DATA_DIR": str(tmp_path / "sandbox"), "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "chatai.cli", "sandbox")
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | variables)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def answers() -> bool:
            try:
                return (await client.get("/sandbox/bots")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers, patience=60)
        yield client
    process.terminate()
    await process.wait()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A browser's page; what the page complains about fails the test."""
    complaints: list[str] = []
    opened = await browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
    opened.set_default_timeout(PATIENCE)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield opened
    refused = "Failed to load resource: the server responded with a status of 4"  # the upload that must be refused
    assert [text for text in complaints if not text.startswith(refused)] == []


async def test_from_one_command_to_an_answering_telegram_bot(
    start: Callable[[], Up],
    environment: dict[str, str],
    model: ThreadedFakeOpenAI,
    telegram: httpx.AsyncClient,
    page: Page,
    tmp_path: Path,
) -> None:
    environment |= {"OPENAI_BASE_URL": model.url, "TELEGRAM_API_URL": str(telegram.base_url).rstrip("/")}
    up = start()
    await up.ready()
    link = re.search(r"First admin +(\S+)", up.text)
    assert link
    await register(page, link[1])
    await make_assistant(page, "Bicycle shop")
    await upload(page, tmp_path)
    await ask_in_the_web_chat(page, model)
    await open_the_citation(page)
    await connect_a_bot(page, telegram)
    assert "Traceback" not in up.text

    await page.goto("about:blank")  # or the page would complain that its server is gone
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.ended()[0] == 0
    assert of_installation(tmp_path / "data") == []
    again = start()
    await again.ready()
    assert "First admin" not in again.text
    await page.goto(f"http://localhost:{environment['PORT']}/")
    await expect(page.get_by_text("Bicycle shop").first).to_be_visible(timeout=PATIENCE)
    await page.goto("about:blank")
    os.killpg(again.process.pid, signal.SIGINT)
    assert again.ended()[0] == 0


async def register(page: Page, link: str) -> None:
    await page.goto(link)
    await page.fill("input[name=name]", "Alex")
    await page.fill("input[name=email]", "alex@example.org")
    await page.fill("input[name=password]", "a long enough password")
    await page.click("main button[type=submit]")
    await expect(page.get_by_role("heading", name="Make your first assistant")).to_be_visible(timeout=PATIENCE)


async def make_assistant(page: Page, name: str) -> None:
    await page.get_by_role("button", name="New assistant").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("input[name=name]").fill(name)
    await dialog.locator("input[name=name]").press("Enter")
    await expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=PATIENCE)


async def upload(page: Page, folder: Path) -> None:
    """A PDF and a DOCX at once; both become ready, and a file that is neither is refused in words."""
    make_pdf(folder / "rules.pdf", PAGES)
    make_docx(folder / "pump.docx")
    (folder / "virus.pdf").write_bytes(b"MZ\x90\x00" + bytes(range(256)) * 20)
    await tab(page, "Knowledge").click()
    files = page.locator("input[type=file]")
    await files.set_input_files([folder / "rules.pdf", folder / "pump.docx", folder / "virus.pdf"])
    await expect(page.get_by_text("Ready", exact=True)).to_have_count(2, timeout=2 * PATIENCE)
    await expect(page.get_by_text("virus.pdf").first).to_be_visible()


async def ask_in_the_web_chat(page: Page, model: ThreadedFakeOpenAI) -> None:
    """The answer is seen growing, and ends with the citation of the page that says it."""
    model.plan = Plan(token_delay=1.0)  # until its first words were seen
    await tab(page, "Chat").click()
    await page.fill("#question", "How long does the warranty on bicycles last?")
    await page.press("#question", "Enter")
    answer = page.locator("main")
    await expect(answer).to_contain_text("The documents say", timeout=PATIENCE)
    assert "five years" not in await answer.inner_text()  # the first words are here, the last are not
    model.plan.token_delay = 0.0
    await expect(answer).to_contain_text("five years", timeout=PATIENCE)
    await expect(page.locator("a[href*='/documents/']").first).to_be_visible(timeout=PATIENCE)


async def open_the_citation(page: Page) -> None:
    chip = page.locator("a[href*='/documents/']").first
    await expect(chip).to_have_attribute("href", re.compile(r"page=3\b"))
    await chip.click()
    await expect(page.locator("mark").first).to_contain_text("warranty on bicycles", timeout=PATIENCE)
    await expect(page.get_by_text("Page 3 of 3").first).to_be_visible()
    await page.go_back()


async def connect_a_bot(page: Page, telegram: httpx.AsyncClient) -> None:
    """A wrong token is refused in words; the right one answers a person in Telegram with the same proof."""
    bot = (await telegram.post("/sandbox/bots", json={"name": "Shop", "username": "shop_bot"})).json()
    await tab(page, "Channels").click()
    await page.fill("input[name=token]", "not a token")
    await page.get_by_role("button", name="Connect the bot").click()
    await expect(page.locator("[role=alert], .note.bad").first).to_be_visible(timeout=PATIENCE)
    await page.fill("input[name=token]", bot["token"])
    await page.get_by_role("button", name="Connect the bot").click()
    await expect(page.get_by_text("@shop_bot").first).to_be_visible(timeout=PATIENCE)

    person = (await telegram.get("/sandbox/people")).json()["people"][0]
    messages = f"/sandbox/bots/{bot['id']}/chats/{person['id']}/messages"
    asked = {"from": person["id"], "text": "Сколько месяцев действует гарантия на насос?"}
    assert (await telegram.post(f"/sandbox/bots/{bot['id']}/messages", json=asked)).status_code == 201

    async def answered() -> str:
        texts = [message.get("text", "") for message in (await telegram.get(messages)).json()["messages"]]
        return next((text for text in texts if "двадцать четыре месяца" in text and "pump.docx" in text), "")

    assert "[1]" in await eventually(answered, patience=60)


def tab(page: Page, name: str) -> Locator:
    return page.get_by_role("main").get_by_role("link", name=name, exact=True)
