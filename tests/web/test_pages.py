"""What every page owes its reader: language, appearance, errors in place, the keyboard, no way in without a log-in."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Browser, Page, WebSocketRoute, expect

from tests.waiting import eventually
from tests.web.conftest import PASSWORD, Site, make_assistant, register, watched_page


async def test_language_and_appearance_are_switched_and_kept(page: Page, browser: Browser, site: Site) -> None:
    await page.goto("/login")
    await expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    await page.get_by_role("button", name="RU").click()
    await expect(page.get_by_role("heading", name="С возвращением")).to_be_visible()
    await page.get_by_role("button", name="Тёмное оформление").click()
    await expect(page.locator("html")).to_have_class(re.compile("dark"))

    await page.reload()
    await expect(page.get_by_role("heading", name="С возвращением")).to_be_visible()
    await expect(page.locator("html")).to_have_class(re.compile("dark"))
    await expect(page.locator("html")).to_have_attribute("lang", "ru")

    context = await browser.new_context(locale="ru-RU", base_url=site.url)
    russian, problems = await watched_page(context)  # whoever has chosen nothing gets the browser's language
    await russian.goto("/register")
    await expect(russian.get_by_role("heading", name="Создайте учётную запись")).to_be_visible()
    await context.close()
    assert not problems


async def test_what_is_typed_before_the_page_knows_its_address_is_kept(page: Page, site: Site) -> None:
    await page.goto("/login?error=invalid_credentials&email=told@example.org")
    await expect(page.get_by_label("E-mail")).to_have_value("told@example.org")
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Password").fill("here already")
    await expect(page.get_by_label("Password")).to_have_value("here already")

    typed = asyncio.Event()

    async def when_typed(socket: WebSocketRoute) -> None:
        await typed.wait()
        socket.connect_to_server()

    await page.route_web_socket(re.compile("_event"), when_typed)
    # The tab's state still holds the e-mail that the page before was told.
    for place in ("/login?next=/account&email=other@example.org", "/login?next=/bots"):
        typed.clear()
        await page.goto(place)
        await page.get_by_label("E-mail").fill("typed@example.org")
        typed.set()
        told = place.partition("next=")[2].partition("&")[0]
        await expect(page.locator("input[name=next]")).to_have_value(told)
        await expect(page.get_by_label("E-mail")).to_have_value("typed@example.org")


async def test_errors_stand_where_they_belong_and_loss_is_confirmed(page: Page, site: Site) -> None:
    await page.goto("/account")
    await page.get_by_role("button", name="Log in").wait_for()  # nobody is logged in yet
    await page.get_by_label("E-mail").fill("nobody@example.org")
    await page.get_by_label("Password").fill("wrong password")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("do not match")
    await expect(page.get_by_label("E-mail")).to_have_value("nobody@example.org")

    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await page.goto(f"{address}/channels")
    await page.get_by_label("Token").fill("not a token")
    await page.get_by_role("button", name="Connect the bot").click()
    await expect(page.get_by_role("alert")).to_contain_text("This is not a bot token")

    await page.goto("/account")
    await page.get_by_label("Current password").fill("not my password")
    await page.get_by_label("New password").fill("another long password")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_role("alert")).to_contain_text("current password is not right")

    await page.goto("/assistants/00000000-0000-0000-0000-000000000000")
    await expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()

    await _set_up_is_saved_restored_and_deleted(page, address)


async def _set_up_is_saved_restored_and_deleted(page: Page, address: str) -> None:
    await page.goto(f"{address}/setup")
    await page.get_by_label("Name").fill("Shop help 2")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Shop help 2")).to_be_visible()
    await page.get_by_role("button", name="Restore").click()
    await expect(page.get_by_role("heading", name="Shop help", exact=True)).to_be_visible()
    await expect(page.get_by_text("Version 3")).to_be_visible()

    await page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Type its name to confirm").fill("something else")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Nothing was deleted")
    await dialog.get_by_label("Type its name to confirm").fill("Shop help")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("heading", name="Make your first assistant")).to_be_visible()


async def test_the_keyboard_is_enough_and_logging_out_leaves_nothing(page: Page, site: Site) -> None:
    await register(page, site)
    await page.reload()
    await page.get_by_role("button", name="New assistant").wait_for()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    opener = page.get_by_role("button", name="New assistant")
    await opener.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(opener).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_label("Name").fill("By keyboard")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Drop documents here")).to_be_visible()

    await _logging_out_leaves_nothing_behind(page, "By keyboard")


async def _logging_out_leaves_nothing_behind(page: Page, secret: str) -> None:
    received: list[str] = []
    await page.goto("/account")
    await page.get_by_role("button", name="Log out", exact=True).click()
    await page.get_by_role("heading", name="Welcome back").wait_for()
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))))
    await page.goto("/")
    await page.get_by_role("heading", name="Welcome back").wait_for()
    await page.get_by_label("E-mail").fill("anna@example.org")
    await page.get_by_label("Password").fill(PASSWORD)
    await eventually(lambda: any("reflex___state" in frame for frame in received))  # the page has got its states
    assert not any(secret in frame or "anna@example.org" in frame for frame in received)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name=secret)).to_be_visible()


async def test_an_assistants_page_never_shows_the_one_before(page: Page, site: Site) -> None:
    """Going from one assistant to another, nothing of the first may stand there: a file dropped would go to it."""
    await register(page, site)
    first = await make_assistant(page, "First")
    await page.goto("/")
    second = await make_assistant(page, "Second")
    await page.goto(first)
    await expect(page.locator("main h1")).to_have_text("First")
    await page.evaluate(
        """(place) => {
            window.seen = [];
            const look = () => {
                const title = document.querySelector("main h1")?.textContent;
                if (location.pathname.startsWith(place) && title) window.seen.push(title);
            };
            new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
        }""",
        re.sub(r"^https?://[^/]+", "", second).rstrip("/"),
    )
    await page.get_by_role("link", name="Assistants").first.click()
    await page.get_by_text("Second").first.click()
    await expect(page.locator("main h1")).to_have_text("Second")
    assert set(await page.evaluate("window.seen")) == {"Second"}
