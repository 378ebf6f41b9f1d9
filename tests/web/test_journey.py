"""The outcome of the product in a browser: register, make an assistant, give it a document, ask, see the proof."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Page, expect

from tests.fakes.openai import Plan
from tests.knowledge.documents import make_pdf
from tests.web.conftest import Site, make_assistant, register

RETURNS = "Worn shoes can be returned within fourteen days only if there is a defect.\nBring the receipt along."
FILLER = "".join(f"\nClause {n} of the house rules speaks of lamps, ladders and umbrellas." for n in range(40))
QUESTION = "Can worn shoes be returned?"


async def test_a_newcomer_gets_an_answer_with_its_page(page: Page, site: Site, tmp_path: Path) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")

    pages = ["Opening hours: nine to five." + FILLER, RETURNS + FILLER, "Gift cards never expire." + FILLER]
    document = make_pdf(tmp_path / "returns.pdf", pages)
    wrong = tmp_path / "setup.pdf"
    wrong.write_bytes(b"MZ\x90\x00" + bytes(500))
    await page.locator("input[type=file]").set_input_files([document, wrong])
    await expect(page.get_by_role("alert")).to_contain_text("not a PDF, DOCX, TXT or MD file")
    await expect(page.locator(".pill", has_text="Ready")).to_be_visible()
    await expect(page.get_by_text("3 pages")).to_be_visible()

    await page.get_by_role("link", name="Chat", exact=True).click()
    site.model.plan = Plan(token_delay=1.0)  # until its first words were seen
    question = page.get_by_label("Your question")
    await question.fill("first line")
    await question.press("Shift+Enter")
    await expect(question).to_have_value("first line\n")
    await question.fill(QUESTION)
    await question.press("Enter")
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    await expect(page.locator(".turn[aria-busy=true] .prose")).to_contain_text(re.compile(r"\w+"))
    site.model.plan.token_delay = 0.0
    chip = page.locator("a.chip").first
    await expect(chip).to_contain_text("returns.pdf")
    await expect(chip).to_contain_text("p. 2")
    await expect(question).to_have_value("")

    await chip.click()
    await expect(page.locator("mark")).to_contain_text("Worn shoes can be returned")
    await expect(page.locator("mark")).to_be_in_viewport()
    await expect(page.get_by_text("Page 2 of 3").first).to_be_visible()
    await page.get_by_role("link", name="Next page").first.click()
    await expect(page.get_by_text("Gift cards never expire.")).to_be_visible()

    await page.get_by_role("link", name="Conversations").first.click()
    await page.get_by_role("link", name=QUESTION).click()
    await expect(page.locator("a.chip").first).to_contain_text("returns.pdf")


async def test_an_answer_can_be_stopped_and_made_anew(page: Page, site: Site, tmp_path: Path) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await page.locator("input[type=file]").set_input_files(make_pdf(tmp_path / "returns.pdf", [RETURNS]))
    await expect(page.locator(".pill", has_text="Ready")).to_be_visible()
    await page.get_by_role("link", name="Chat", exact=True).click()

    site.model.plan = Plan(hang_after=2)
    await page.get_by_label("Your question").fill(QUESTION)
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".turn[aria-busy=true] .prose")).to_be_visible()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("The answer was cut off.")).to_be_visible()

    site.model.plan = Plan(status=500)
    await page.get_by_role("button", name="Answer again").click()
    await expect(page.locator(".turn [role=alert]")).to_be_visible()

    site.model.plan = Plan()
    await page.get_by_role("button", name="Answer again").click()
    await expect(page.locator("a.chip").first).to_contain_text("returns.pdf")
    await expect(page.locator(".turn [role=alert]")).to_have_count(0)
    await expect(page.locator(".turn.asked")).to_have_count(1)
