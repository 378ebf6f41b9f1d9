"""What people asked in vain: listed, answered, dismissed, taken back; in a browser."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.fakes.openai import Plan
from tests.web.conftest import Site, make_assistant, register

QUESTION = "Is there parking near the shop?"


async def ask(page: Page, address: str, question: str, answer: str, *, anew: bool = False) -> None:
    await page.goto(address)
    if anew:  # in a conversation of its own
        await page.get_by_role("button", name="New chat").click()
        await expect(page.get_by_text("That I can't say")).to_have_count(0)
    await page.get_by_role("textbox").fill(question)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(answer).last).to_be_visible()
    await expect(page.get_by_role("button", name="Send")).to_be_visible()  # all of it is stored


async def test_an_unanswered_question_is_answered_and_then_known(page: Page, site: Site) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await page.get_by_role("link", name="Answers").click()
    await expect(page.get_by_text("Nothing waits for an answer.")).to_be_visible()

    site.model.plan = Plan(answers=["The documents do not tell [0].", "Nothing is told about it [0]."])
    await ask(page, address, QUESTION, "The documents do not tell.")
    await ask(page, address, QUESTION.upper(), "Nothing is told about it.")
    await page.get_by_role("link", name="Answers Unanswered questions: 1").click()
    waiting = page.locator(".unanswered li", has_text=QUESTION.upper())
    await expect(waiting).to_contain_text("2 times")
    await expect(waiting).to_contain_text("The documents don't tell")
    to_conversation = waiting.get_by_role("link", name="Conversation")
    await expect(to_conversation).to_have_attribute("href", re.compile(r"^/conversations/[0-9a-f-]{36}$"))

    await waiting.get_by_role("button", name="Write the answer").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Question")).to_have_value(QUESTION.upper())
    await dialog.get_by_label("Question").fill(QUESTION)
    await dialog.get_by_label("Answer", exact=True).fill("Yes, behind the house, for two hours.")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Nothing waits for an answer.")).to_be_visible()
    await expect(page.locator(".badge")).to_have_count(0)
    await page.get_by_role("button", name="Answered").click()
    await expect(page.locator(".unanswered li")).to_contain_text(QUESTION.upper())
    await expect(page.locator(".pill", has_text="Being processed")).to_have_count(0)

    site.model.plan = Plan()
    await ask(page, address, QUESTION, "The documents say")
    source = page.get_by_role("group", name="Sources").get_by_role("link")
    await expect(source).to_contain_text(QUESTION)  # the written answer is named by its question
    await page.get_by_role("link", name="Answers", exact=True).click()
    await expect(page.get_by_text("Nothing waits for an answer.")).to_be_visible()


async def test_a_question_is_dismissed_and_taken_back(page: Page, site: Site) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    site.model.plan = Plan(answers=[f"That I can't say: {number} [0]." for number in range(21)])
    for number in range(21):
        # One conversation alone may not fill a page.
        await ask(page, address, f"What is number {number}?", f"That I can't say: {number}.", anew=number == 15)
    await page.get_by_role("link", name="Answers").click()
    lines = page.locator(".unanswered li")
    await expect(lines).to_have_count(20)
    await expect(lines.first).to_contain_text("What is number 20?")
    await page.get_by_role("button", name="Show more").click()
    await expect(lines).to_have_count(21)
    await expect(lines.last).to_contain_text("What is number 0?")

    await lines.first.get_by_role("button", name="Dismiss").click()
    await expect(page.locator(".badge")).to_contain_text("20")
    await lines.first.get_by_role("button", name="Undo").click()
    await expect(page.locator(".badge")).to_contain_text("21")
    await lines.first.get_by_role("button", name="Dismiss").click()
    await page.get_by_role("button", name="Dismissed").click()
    await expect(lines).to_have_count(1)
    await lines.first.get_by_role("button", name="Open again").click()
    await expect(page.get_by_text("You have not dismissed any.")).to_be_visible()

    await page.goto(f"{address}/answers")
    await page.get_by_role("button", name="RU").click()
    await expect(page.get_by_role("heading", name="Вопросы без ответа")).to_be_visible()
    await expect(lines.first).to_contain_text("В документах не сказано")
