"""The web chat where things do not go as they should."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.async_api import Page, expect

from chatai.web.assistants.chat import SILENT_SECONDS, Chat
from tests.fakes.openai import Plan
from tests.knowledge.documents import make_pdf
from tests.web.conftest import Site, make_assistant, register

RETURNS = "Worn shoes can be returned within fourteen days only if there is a defect.\nBring the receipt along."


async def answering(page: Page, site: Site, folder: Path) -> str:
    """Asks a model that falls silent in the middle of its answer. Returns the assistant's address."""
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await page.locator("input[type=file]").set_input_files(make_pdf(folder / "returns.pdf", [RETURNS]))
    await expect(page.locator(".pill", has_text="Ready")).to_be_visible()
    await page.get_by_role("link", name="Chat", exact=True).click()
    site.model.plan = Plan(hang_after=2)
    await page.get_by_label("Your question").fill("Can worn shoes be returned?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".turn[aria-busy=true] .prose")).to_be_visible()
    return address


async def test_pressing_stop_twice_stops_once(page: Page, site: Site, tmp_path: Path) -> None:
    await answering(page, site, tmp_path)
    await page.get_by_role("button", name="Stop").dblclick()
    await expect(page.get_by_text("The answer was cut off.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def test_an_answer_under_way_does_not_follow_to_another_assistant(page: Page, site: Site, tmp_path: Path) -> None:
    await answering(page, site, tmp_path)
    await page.get_by_role("link", name="Assistants").first.click()
    await make_assistant(page, "Another")
    await expect(page.get_by_role("heading", name="Another")).to_be_visible()
    await page.get_by_role("link", name="Chat", exact=True).click()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await expect(page.locator(".turn")).to_have_count(0)
    site.model.plan = Plan()
    await page.get_by_label("Your question").fill("Anything?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".turn")).to_have_count(2)
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def test_a_cookie_of_another_application_does_not_hide_ours(page: Page, site: Site) -> None:
    await register(page, site)
    await page.context.add_cookies([{"name": "another", "value": '{"a":1}', "url": site.url}])
    await page.goto("/account")
    await expect(page.get_by_role("heading", name="Account")).to_be_visible()
    await expect(page).to_have_url(f"{site.url}/account")


def test_an_answer_whose_process_was_killed_does_not_keep_the_chat_busy() -> None:
    chat = Chat()
    chat._run, chat.busy, chat.writing, chat._sign_at = "an answer", True, "Worn sh", time.time()
    chat._let_go_of_dead()
    assert chat.busy
    chat._sign_at -= SILENT_SECONDS + 1
    chat._let_go_of_dead()
    assert (chat.busy, chat.writing, chat._run) == (False, "", "")
