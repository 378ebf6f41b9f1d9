"""A dialog stands open as long as its page is looked at, and no longer."""

from __future__ import annotations

import re

import psycopg
from playwright.async_api import Page, WebSocketRoute, expect

from tests.web.conftest import Site, make_assistant, register


async def test_a_lost_connection_closes_no_dialog(page: Page, site: Site, owner_url: str) -> None:
    sockets: list[WebSocketRoute] = []

    async def through(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    await page.route_web_socket(re.compile("_event"), through)
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
