"""Answers of the owner's own, and web pages, in a browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.conftest import Site, make_assistant, register

TABLE = "question;answer\nWhere are you?;In Baker Street.\n;nobody asked this\n"


async def test_answers_are_written_imported_changed_and_deleted(page: Page, site: Site) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await page.get_by_role("link", name="Answers", exact=True).click()
    await expect(page.get_by_text("No answers of your own yet")).to_be_visible()

    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_label("Question").fill("When do you open?")
    await page.get_by_label("Answer", exact=True).fill("At nine, every day.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("At nine, every day.")).to_be_visible()
    await expect(page.locator(".pill", has_text="Being processed")).to_have_count(0)

    await page.get_by_role("button", name="Import a table").click()
    await page.locator("textarea[name=table]").fill(TABLE)
    await page.get_by_role("dialog").get_by_role("button", name="Import a table").click()
    await expect(page.get_by_text("Row 2:")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("In Baker Street.")).to_be_visible()

    await page.get_by_role("button", name="Change").first.click()
    await page.get_by_label("Answer", exact=True).fill("Next to the river.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Next to the river.")).to_be_visible()

    await page.get_by_role("button", name="Delete").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Next to the river.")).to_have_count(0)
    await expect(page.get_by_text("At nine, every day.")).to_be_visible()


async def test_an_address_inside_the_network_is_refused_in_words(page: Page, site: Site) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await page.get_by_label("Address of a page or a site").fill("http://127.0.0.1:5432/")
    await page.get_by_role("button", name="Add the page").click()
    await expect(page.get_by_text("leads into the server's own network")).to_be_visible()
