"""The page of bots with a thousand of them, and one bot's page."""

from __future__ import annotations

import re

from playwright.async_api import Page, WebSocket, expect
from sqlalchemy import text

from chatai.core.database import Database
from tests.waiting import eventually
from tests.web.conftest import Site, make_assistant, register

MANY = text("""
INSERT INTO bot (id, created_at, workspace_id, assistant_id, telegram_id, username, name, token_encrypted,
                 webhook_secret, webhook_url, mode, desired_state, state, state_reason, last_error, polling_offset,
                 updated_at)
SELECT gen_random_uuid(), now(), workspace_id, id, 1000000 + n, 'shop_' || n || '_bot',
       'Shop ' || lpad(n::text, 4, '0'), 'x',
       'y', '', 'polling', CASE WHEN n % 10 = 0 THEN 'stopped' ELSE 'running' END,
       CASE WHEN n % 10 = 0 THEN 'stopped' WHEN n % 100 = 1 THEN 'quarantined' ELSE 'sleeping' END,
       CASE WHEN n % 100 = 1 THEN 'bot_crashes' ELSE '' END, '', 0, now()
FROM assistant, generate_series(1, 1000) AS n
""")
LIVE = text("""
INSERT INTO bot_live (bot_id, workspace_id, manager_id, pid, memory_kb, memory_peak_kb, restarts, queued, in_work,
                      answered, sent, sent_per_second, throttled, wait_p95_ms, updated_at)
SELECT id, workspace_id, gen_random_uuid(), 4711, 7680, 9000, 2, 3, 1, 4242, 9000, 1.5, 0, 120, now()
FROM bot WHERE username = 'shop_7_bot'
""")

TROUBLED = text("""
UPDATE bot SET mode = 'webhook', webhook_error = 'Connection refused', webhook_error_at = now(), webhook_pending = 7
WHERE username = 'shop_7_bot'
""")
SET_ASIDE = text("""
INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, received_at, attempts, error,
                        reply_message_ids)
SELECT id, 1, workspace_id, 1, '{}', 'set_aside', now(), 3, 'it took too long', '[]' FROM bot
WHERE username = 'shop_7_bot'
""")
EVENTS = text("""
INSERT INTO bot_event (id, created_at, workspace_id, bot_id, level, event, detail)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, now(), workspace_id, id, 'info', 'process_started',
       jsonb_build_object('pid', n)
FROM bot, generate_series(1, 60) AS n WHERE username = 'shop_1_bot'
""")
ACCOUNTS = text("""
INSERT INTO bot_business (bot_id, connection_id, workspace_id, account_id, name, username, can_reply, enabled, allowed)
SELECT bot.id, n, workspace_id, 900 + ascii(n), 'Olga Petrova ' || n, CASE n WHEN 'd' THEN 'olga_d' ELSE '' END,
    n <> 'b', n NOT IN ('c', 'e'), n NOT IN ('d', 'e')
FROM bot, unnest(ARRAY['a', 'b', 'c', 'd', 'e']) AS n WHERE username = 'shop_1_bot'
""")


async def run(database: Database, statement: object) -> None:
    async with database.system() as uow:
        await uow.session.execute(statement)  # type: ignore[call-overload]  # any of the texts above


def rows(page: Page):
    return page.locator("table.bots tbody tr")


async def test_a_thousand_bots_are_searched_sorted_and_changed_together(page: Page, site: Site) -> None:
    await register(page, site)
    await make_assistant(page, "Shop")
    await page.goto("/bots")
    await expect(page.get_by_role("heading", name="No bots yet")).to_be_visible()

    await run(site.database, MANY)
    await expect(rows(page)).to_have_count(50)  # it came by itself
    chips = page.get_by_role("group", name="Show")
    for name in ("All 1,000", "Asleep 890", "In trouble 10", "Stopped 100"):
        await expect(chips.get_by_role("button", name=re.compile(name.replace(" ", r"\s*")))).to_be_visible()
    await expect(page.get_by_text("1–50 of 1,000")).to_be_visible()
    await page.get_by_role("button", name="Further").click()
    await expect(page.get_by_text("51–100 of 1,000")).to_be_visible()
    await expect(rows(page).first).to_contain_text("Shop 0051")

    await run(site.database, LIVE)
    await page.get_by_role("button", name="Answered").click()
    await expect(rows(page).first).to_contain_text("4,242")
    await expect(rows(page).first).to_contain_text("7.5 MB")

    await page.get_by_label("Name, user name or assistant").fill("shop_99")
    await expect(rows(page)).to_have_count(11)
    await page.get_by_label("Select this page").click()
    await expect(page.get_by_role("region", name="Selected: 11")).to_be_visible()
    await page.get_by_role("button", name="Stop", exact=True).last.click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("Stopped: 11")).to_be_visible()
    await expect(rows(page).filter(has_text="Ready, asleep")).to_have_count(0)

    await chips.get_by_role("button", name="In trouble").click()
    await page.get_by_label("Name, user name or assistant").fill("")
    await expect(rows(page)).to_have_count(10)
    await expect(rows(page).first).to_contain_text("ended unexpectedly several times")
    await page.get_by_label("Select this page").click()
    await page.get_by_role("region").get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(rows(page)).to_have_count(10)
    await page.get_by_role("region").get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("Removed: 10")).to_be_visible()
    await expect(chips.get_by_role("button", name=re.compile(r"All\s*990"))).to_be_visible()


async def test_nothing_is_sent_again_while_nothing_changes(page: Page, site: Site) -> None:
    sent: list[int] = []
    received: list[int] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(len(frame)))
        socket.on("framereceived", lambda frame: received.append(len(frame)))

    page.on("websocket", watch)
    await register(page, site)
    await make_assistant(page, "Shop")
    await run(site.database, MANY)
    await page.goto("/bots")
    await expect(rows(page)).to_have_count(50)
    sent.clear()
    received.clear()
    await eventually(lambda: len(sent) >= 5, patience=60)  # it has asked some times
    assert sum(received) < 5_000, received  # a page of the list alone is several times as much


async def test_one_bots_page_says_why_and_what_to_do(page: Page, site: Site) -> None:
    await register(page, site)
    await make_assistant(page, "Shop")
    await run(site.database, MANY)
    await page.goto("/bots")
    await page.get_by_label("Name, user name or assistant").fill("Shop 0001")
    await page.get_by_role("link", name="Shop 0001").click()
    await expect(page.get_by_role("heading", name="Shop 0001")).to_be_visible()
    await expect(page.get_by_role("alert")).to_contain_text("lift the quarantine")
    await page.get_by_role("button", name="Lift the quarantine").click()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await page.get_by_label("Always on").click()
    await expect(page.get_by_label("Always on")).to_be_checked()
    heading = page.get_by_role("heading", name="Business accounts")
    await expect(heading).to_have_count(0)
    await run(site.database, ACCOUNTS)
    await expect(heading).to_be_visible()  # it came by itself
    lines = page.get_by_role("listitem").filter(has_text="Olga Petrova")
    standings = {"a": "answers", "b": "may not write", "c": "disconnected", "d": "waits for your permission"}
    for account, standing in standings.items():
        await expect(lines.filter(has_text=f"Olga Petrova {account}")).to_contain_text(standing)
    await expect(lines).to_have_count(4)  # the fifth is gone and never was allowed
    waiting = lines.filter(has_text="Olga Petrova d")
    await waiting.get_by_role("button", name="Allow").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Olga Petrova d · @olga_d")
    await page.get_by_role("dialog").get_by_role("button", name="Allow").click()
    await expect(waiting).to_contain_text("answers")
    await waiting.get_by_role("button", name="Stop").click()
    await expect(waiting).to_contain_text("waits for your permission")
    await page.get_by_label("New token").fill("123:short")
    await page.get_by_role("button", name="Replace the token").click()
    await expect(page.get_by_role("alert")).to_contain_text("not a bot token")
    await page.get_by_role("button", name="Remove the bot").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await page.wait_for_url("**/bots")


async def test_a_bot_that_telegram_cannot_reach_says_so_on_each_page(page: Page, site: Site) -> None:
    await register(page, site)
    await make_assistant(page, "Shop")
    await run(site.database, MANY)
    await run(site.database, TROUBLED)
    await run(site.database, SET_ASIDE)
    said = "Telegram could not deliver messages: Connection refused"
    await page.get_by_role("link", name="Channels").click()
    line = page.get_by_role("listitem").filter(has_text="@shop_7_bot")
    await expect(line.locator(".pill")).to_have_text("Unreachable")
    await expect(line).to_contain_text(said)
    await page.goto("/bots")
    await page.get_by_role("group", name="Show").get_by_role("button", name="In trouble").click()
    await expect(rows(page)).to_have_count(11)
    await expect(rows(page).filter(has_text="@shop_7_bot")).to_contain_text(said)
    await page.get_by_role("link", name="Shop 0007").click()
    await expect(page.locator(".note").filter(has_text=said)).to_contain_text("Waiting at Telegram: 7")
    await expect(page.locator("header .pill")).to_have_text("Unreachable")

    await page.set_viewport_size({"width": 390, "height": 844})
    await page.get_by_role("button", name="RU").click()
    hint = page.get_by_text("Они слишком часто не удавались")
    again = await page.get_by_role("button", name="Попробовать все снова").element_handle()
    below = "(hint, again) => again.getBoundingClientRect().top >= hint.getBoundingClientRect().bottom"
    assert await hint.evaluate(below, again)  # both of one frame: the page still moves while its language changes


async def test_all_workspaces_are_for_admins_of_the_installation(page: Page, site: Site) -> None:
    await register(page, site)  # the first account rules the installation
    await make_assistant(page, "Shop")
    await run(site.database, MANY)
    await page.goto("/bots")
    await page.get_by_role("link", name="All workspaces").click()
    await expect(page.get_by_role("heading", name="Bots of all workspaces")).to_be_visible()
    await expect(rows(page)).to_have_count(50)
    await run(site.database, text("UPDATE workspace SET name = 'Somebody else'"))
    await run(site.database, EVENTS)
    await page.get_by_role("link", name="Shop 0001").click()  # it crashed too often, and says so
    await expect(page.get_by_role("heading", name="Shop 0001")).to_be_visible()
    await expect(page.locator("header.head")).to_contain_text("Somebody else")
    await expect(page.get_by_role("alert")).to_contain_text("lift the quarantine")
    log = page.locator("ul.log li")
    await expect(log).to_have_count(50)
    await expect(log.first).to_contain_text("The bot's process 60 started.")
    await page.get_by_role("button", name="Show earlier").click()
    await expect(log).to_have_count(60)
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("header .pill")).to_have_text("Stopped")
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator("header .pill")).to_have_text("Starting")
    await expect(page.get_by_role("button", name="Make a copy")).to_have_count(0)  # that is its workspace's
    await run(site.database, text("UPDATE account SET role = 'user'"))
    refusal = page.locator("#content").get_by_role("alert")
    await expect(refusal).to_contain_text("admins of the whole installation")  # what was there went by itself
    await expect(page.get_by_role("heading", name="Shop 0001")).to_have_count(0)
    await page.goto("/admin/bots")
    await expect(refusal).to_contain_text("admins of the whole installation")
