"""A dialog stands open as long as its page is looked at, and no longer."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import psycopg
from playwright.async_api import Page, WebSocketRoute, expect

from tests.knowledge.documents import make_pdf
from tests.web.conftest import Site, make_assistant, register


async def watched_sockets(page: Page) -> list[WebSocketRoute]:
    """The sockets that the page opens from now on, the newest last: closed, the page connects anew and loads anew."""
    sockets: list[WebSocketRoute] = []

    async def through(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    await page.route_web_socket(re.compile("_event"), through)
    return sockets


class SlowLine:
    """A connection that holds what the server says once the page has dismissed its dialog, and then what the page asks.

    So the click on "Delete" comes between the dismissal and its effect, as on a slow line.
    """

    def __init__(self) -> None:
        self.dismissed, self.asked = asyncio.Event(), asyncio.Event()
        self._to_page: list[str | bytes] = []
        self._to_server: list[str | bytes] = []

    async def connect(self, page: WebSocketRoute) -> None:
        self._page, self._server = page, page.connect_to_server()
        page.on_message(self._from_page)
        self._server.on_message(self._from_server)

    def _from_page(self, message: str | bytes) -> None:
        if "ask_delete" in str(message):
            self.asked.set()
        if self.asked.is_set():
            self._to_server.append(message)
            return
        self._server.send(message)
        if "setup.keep" in str(message):
            self.dismissed.set()

    def _from_server(self, message: str | bytes) -> None:
        if self.dismissed.is_set():
            self._to_page.append(message)
        else:
            self._page.send(message)

    def deliver_to_page(self) -> None:
        self.dismissed.clear()
        while self._to_page:
            self._page.send(self._to_page.pop(0))

    def deliver_to_server(self) -> None:
        self.asked.clear()
        while self._to_server:
            self._server.send(self._to_server.pop(0))


async def two_assistants(page: Page, site: Site) -> tuple[str, str]:
    """Makes "Shop help" and "Another"; their addresses."""
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await page.get_by_role("link", name="Assistants").first.click()
    return address, await make_assistant(page, "Another")


async def ask_to_delete(page: Page) -> None:
    """Opens the question whether what the page shows is to be deleted."""
    await page.get_by_role("button", name="Delete", exact=True).first.click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def test_a_lost_connection_closes_no_dialog(page: Page, site: Site, owner_url: str) -> None:
    sockets = await watched_sockets(page)
    await register(page, site)
    await make_assistant(page, "Shop help")
    await page.get_by_role("link", name="Assistants").first.click()
    await page.get_by_role("button", name="New assistant").click()
    await page.get_by_label("Name").fill("Another")

    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("UPDATE assistant SET name = 'Renamed meanwhile'")
    await sockets[-1].close()
    await expect(page.get_by_text("Renamed meanwhile")).to_be_visible()  # the page has been loaded anew
    await expect(page.get_by_label("Name")).to_have_value("Another")
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(page.get_by_role("heading", name="Another")).to_be_visible()


async def test_a_page_that_was_left_does_not_open_its_dialog_on_the_way_back(page: Page, site: Site) -> None:
    await register(page, site)
    await page.get_by_role("link", name="Bots").first.click()
    await page.get_by_role("heading", name="Bots", exact=True).wait_for()
    await page.get_by_role("link", name="Assistants").first.click()
    await page.get_by_role("button", name="New assistant").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.go_back()
    await page.get_by_role("heading", name="Bots", exact=True).wait_for()
    await page.go_forward()
    await expect(page.get_by_role("heading", name="Make your first assistant")).to_be_visible()
    await page.get_by_role("button", name="New assistant").wait_for()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_page_that_is_loaded_anew_does_not_open_what_was_open(page: Page, site: Site) -> None:
    address, other = await two_assistants(page, site)
    await page.goto(f"{other}/setup")
    await ask_to_delete(page)
    for place in (f"{other}/setup", f"{address}/setup"):
        await page.goto(place)
        await expect(page.get_by_role("button", name="Delete", exact=True).first).to_be_visible()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await ask_to_delete(page)


async def test_a_click_before_the_left_dialog_has_gone_opens_it(page: Page, site: Site) -> None:
    _, other = await two_assistants(page, site)
    await page.goto(f"{other}/setup")
    await ask_to_delete(page)

    line = SlowLine()
    await page.route_web_socket(re.compile("_event"), line.connect)
    await page.goto(f"{other}/setup")
    await asyncio.wait_for(line.dismissed.wait(), 30)
    await page.get_by_role("button", name="Delete", exact=True).first.dispatch_event("click")
    await asyncio.wait_for(line.asked.wait(), 30)
    line.deliver_to_page()
    await expect(page.locator("dialog")).to_have_count(0)
    line.deliver_to_server()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.get_by_role("dialog").get_by_role("textbox").fill("Something else")
    await page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()


async def test_the_way_back_to_another_assistant_closes_the_question_about_this_one(page: Page, site: Site) -> None:
    address, other = await two_assistants(page, site)
    await page.goto(f"{address}/setup")
    await page.get_by_role("button", name="Delete", exact=True).first.wait_for()
    await page.evaluate("place => window.history.pushState({}, '', place)", f"{other}/setup")
    await page.evaluate("window.dispatchEvent(new PopStateEvent('popstate'))")
    await expect(page.get_by_role("heading", name="Another")).to_be_visible()
    await ask_to_delete(page)
    await page.go_back()
    await expect(page.get_by_role("heading", name="Shop help")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_question_about_what_is_gone_is_not_put_about_the_next(
    page: Page, site: Site, owner_url: str, tmp_path: Path
) -> None:
    sockets = await watched_sockets(page)
    await register(page, site)
    await make_assistant(page, "Shop help")
    for name in ("first", "second"):
        file = make_pdf(tmp_path / f"{name}.pdf", [f"The {name} document says what it is about."])
        await page.locator("input[type=file]").set_input_files(file)
    await expect(page.locator(".pill", has_text="Ready")).to_have_count(2)
    await page.get_by_role("link", name="first.pdf").click()
    await page.get_by_role("link", name="Report").click()
    await ask_to_delete(page)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("DELETE FROM document WHERE name = 'first.pdf'")
    await sockets[-1].close()
    await expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    await page.get_by_role("link", name="Assistants").first.click()
    await page.get_by_role("link", name="Shop help").click()
    await page.get_by_role("link", name="Knowledge").click()
    await page.get_by_role("link", name="second.pdf").click()
    await page.get_by_role("link", name="Report").click()
    await expect(page.get_by_role("button", name="Delete", exact=True)).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_an_import_waits_for_who_left_its_page(page: Page, site: Site) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await page.get_by_role("link", name="Bots").first.click()
    await page.get_by_role("button", name="Import").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.go_back()
    await page.get_by_text("Drop documents here").wait_for()
    await page.go_forward()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("dialog")).to_be_visible()
