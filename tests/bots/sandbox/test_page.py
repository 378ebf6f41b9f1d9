"""The chat page in a real browser, with a bot that answers through aiogram."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.types import BotCommand, InlineKeyboardButton, InlineKeyboardMarkup
from playwright.async_api import Browser, Page, expect

from bots.sandbox.server import SandboxServer
from bots.sandbox.state import SandboxBot

TRICK = "<img src=x onerror=\"document.title='broken in'\"> & <b>not bold</b>"


@pytest.fixture
async def page(browser: Browser, server: SandboxServer) -> AsyncIterator[Page]:
    """A page whose every complaint in the console fails the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    assert complaints == []
    await context.close()


async def write(page: Page, text: str) -> None:
    """Sends a message and waits until it is there."""
    await page.get_by_label("Message", exact=True).fill(text)
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.own").last).to_contain_text(text)


async def test_from_a_new_bot_to_a_conversation(page: Page, server: SandboxServer) -> None:
    await page.goto(server.url)
    await page.get_by_role("main").get_by_role("button", name="New bot").click()
    await page.get_by_placeholder("Name of the bot").fill("Shop")
    await page.keyboard.press("Enter")
    card = page.locator(".empty-card")
    await expect(card).to_contain_text(f"TELEGRAM_API_URL={server.url}")
    await card.get_by_role("button", name="Copy").click()
    made = next(iter(server.sandbox.bots.values()))
    assert await page.evaluate("navigator.clipboard.readText()") == made.token

    await write(page, "How much is delivery?")
    await expect(page.locator(".message.own")).to_contain_text("How much is delivery?")
    update = next(iter(made.updates.values()))
    assert update["message"]["text"] == "How much is delivery?"

    await server.perform(made, "sendChatAction", chat_id="1001", action="typing")
    await expect(page.locator("#activity")).to_have_text("typing…")
    await server.perform(made, "sendMessageDraft", chat_id="1001", draft_id="1", text="Deliv")
    await expect(page.locator(".draft")).to_contain_text("Deliv")
    await server.perform(made, "sendMessage", chat_id="1001", text="Delivery…")
    await expect(page.locator(".draft")).to_have_count(0)
    message_id = next(reversed(made.chats[1001].messages))
    text = "<b>300</b> roubles, see <a href='https://example.com/'>here</a>"
    await server.perform(
        made, "editMessageText", chat_id="1001", message_id=str(message_id), text=text, parse_mode="HTML"
    )
    answer = page.locator(".message.theirs")
    await expect(answer.locator("strong")).to_have_text("300")
    await expect(answer.locator("a")).to_have_attribute("href", "https://example.com/")
    await expect(answer).to_contain_text("edited")


async def test_nothing_that_is_written_becomes_markup(
    page: Page, server: SandboxServer, shop: SandboxBot, bot: Bot
) -> None:
    shop.name = TRICK
    await page.goto(server.url)
    await write(page, TRICK)
    keyboard = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=TRICK, callback_data="x")]])
    await bot.send_message(1001, TRICK, reply_markup=keyboard)
    await expect(page.locator(".message.theirs .text")).to_have_text(TRICK)
    await expect(page.locator(".message.own .text")).to_have_text(TRICK)
    await expect(page.locator(".key")).to_have_text(TRICK)
    assert await page.locator(".messages img, .sidebar img[src='x']").count() == 0
    assert await page.title() == f"{TRICK} · ChatAI"


async def test_buttons_and_commands(page: Page, server: SandboxServer, shop: SandboxBot, bot: Bot) -> None:
    await bot.set_my_commands([BotCommand(command="help", description="What I can do")])
    await page.goto(server.url)
    await write(page, "hello")
    keyboard = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="y")]])
    await bot.send_message(1001, "Sure?", reply_markup=keyboard)
    await bot.get_updates(offset=-1)
    waiting = asyncio.create_task(bot.get_updates(offset=max(shop.updates) + 1, timeout=20))
    await page.get_by_role("button", name="Yes").click()
    query = (await waiting)[0].callback_query
    assert query is not None
    await bot.answer_callback_query(query.id, text="So be it")
    await expect(page.locator(".notice")).to_have_text("So be it")
    await expect(page.locator(".key.waiting")).to_have_count(0)
    await page.get_by_role("button", name="Commands").click()
    await page.get_by_role("button", name="/help What I can do").click()
    await expect(page.locator(".message.own").last).to_contain_text("/help")


async def test_trouble_is_switched_on_and_off(page: Page, server: SandboxServer, shop: SandboxBot) -> None:
    await page.goto(server.url)
    await page.get_by_label("What happens").select_option(label="403 Blocked by the person")
    await page.get_by_role("button", name="Switch on").click()
    await expect(page.locator(".fault")).to_contain_text("403 Blocked by the person")
    assert [(fault.status, fault.bot_id, fault.remaining) for fault in server.sandbox.faults.planned] == [
        (403, shop.id, 1)
    ]
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.locator(".fault")).to_have_count(0)
    assert server.sandbox.faults.planned == []
    await page.get_by_role("tab", name="Calls").click()
    await server.perform(shop, "getMe")
    await expect(page.locator(".call")).to_contain_text("getMe")


async def test_a_group_shows_what_the_bot_does_not_see(page: Page, server: SandboxServer, shop: SandboxBot) -> None:
    await page.goto(server.url)
    await page.get_by_role("button", name="New group").click()
    await page.get_by_placeholder("Name of the group").fill("Yard")
    await page.get_by_label("With topics").check()
    await page.get_by_role("button", name="Create").click()
    await expect(page.locator(".chat-title")).to_contain_text("Yard")
    await write(page, "chatter")
    await expect(page.locator(".unseen")).to_be_visible()
    await page.get_by_role("button", name="New topic").click()
    await page.get_by_placeholder("Name of the topic").fill("Orders")
    await page.keyboard.press("Enter")
    await expect(page.locator(".topic.selected")).to_have_text("Orders")
    await write(page, "/status")
    await expect(page.locator(".message.own")).to_have_count(1)
    last = list(shop.updates.values())[-1]["message"]
    assert (last["text"], last["is_topic_message"]) == ("/status", True)


async def test_a_bot_is_made_by_the_button_of_another(page: Page, server: SandboxServer, shop: SandboxBot) -> None:
    shop.can_manage_bots = True
    await page.goto(server.url)
    await write(page, "/newbot")
    asked = {"request_id": 1, "suggested_username": "annas_cafe_bot"}
    keyboard = {"keyboard": [[{"text": "Make my bot", "request_managed_bot": asked}]]}
    await server.perform(shop, "sendMessage", chat_id="1001", text="Make one", reply_markup=json.dumps(keyboard))
    await page.get_by_role("button", name="Make my bot").click()
    await expect(page.get_by_role("complementary").first.get_by_text("New bot").last).to_be_visible()
    (made,) = [bot for bot in server.sandbox.bots.values() if bot.managed_by == shop.id]
    assert made.username == "annas_cafe_bot"


async def test_a_business_account_is_connected_and_its_customers_are_answered(
    page: Page, server: SandboxServer, shop: SandboxBot, bot: Bot
) -> None:
    await page.goto(server.url)
    await bot.get_updates()  # somebody reads them
    side = page.get_by_role("complementary").first
    await side.get_by_role("button", name="Connect a business account").press("Enter")
    await page.get_by_placeholder("Name of the account's owner").fill("Olga")
    await page.keyboard.press("Enter")
    await expect(side.get_by_role("button", name="Olga")).to_contain_text("connected")
    (account,) = shop.business.values()
    assert list(shop.updates.values())[-1]["business_connection"]["is_enabled"] is True

    await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    await page.keyboard.type("When do you open?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.own")).to_contain_text("When do you open?")
    asked = list(shop.updates.values())[-1]["business_message"]
    assert (asked["from"]["id"], asked["business_connection_id"]) == (1001, account.id)
    assert shop.chats == {}  # it is no chat of the bot's own
    await expect(page.locator(".service")).to_contain_text("Allow the account in ChatAI")

    await bot.send_chat_action(1001, "typing", business_connection_id=account.id)
    await expect(page.locator("#activity")).to_have_text("typing…")
    sent = await bot.send_message(1001, "At eight", business_connection_id=account.id)
    answer = page.locator(".message.theirs")
    await expect(answer.locator(".author")).to_have_text("Olgabot")
    await bot.edit_message_text("At nine", chat_id=1001, message_id=sent.message_id, business_connection_id=account.id)
    await expect(answer.locator(".text")).to_have_text("At nine")
    await expect(page.locator(".service")).to_have_count(0)

    await page.get_by_label("Write as").select_option(label="Olga")
    await write(page, "I am here myself")
    own = list(shop.updates.values())[-1]["business_message"]
    assert (own["from"]["first_name"], own["chat"]["id"]) == ("Olga", 1001)
    await page.locator("input[type=file]").set_input_files(
        {"name": "prices.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 prices"}
    )
    await expect(page.locator("a.file")).to_contain_text("prices.pdf")
    await page.get_by_role("button", name="Edit", exact=True).first.click()
    await page.get_by_label("Message", exact=True).fill("I am here now")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.own").first).to_contain_text("I am here now")
    assert list(shop.updates.values())[-1]["edited_business_message"]["text"] == "I am here now"
    await bot.delete_business_messages(account.id, [sent.message_id])
    await expect(page.get_by_text("At nine")).to_have_count(0)

    await side.get_by_role("button", name="Anna").first.click()
    await expect(side.get_by_role("button", name="New customer")).to_be_visible()
    await side.get_by_role("button", name="New customer").click()
    await page.get_by_placeholder("Name of the customer").fill("Ivan")
    await page.keyboard.press("Enter")
    await expect(page.locator("#activity")).to_have_text("customer: Ivan")
    await page.reload()
    await expect(page.locator("#activity")).to_have_text("customer: Ivan")


async def test_what_is_being_typed_and_the_focus_outlive_what_happens_meanwhile(
    page: Page, server: SandboxServer, shop: SandboxBot, bot: Bot
) -> None:
    await page.goto(server.url)
    await page.get_by_role("button", name="Connect a business account").press("Enter")
    await page.keyboard.type("Ol")
    await bot.set_my_name("Corner shop")  # the page draws everything anew
    await expect(page.locator(".chat-title")).to_contain_text("Corner shop")
    await page.keyboard.type("ga")
    await expect(page.get_by_placeholder("Name of the account's owner")).to_have_value("Olga")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New group").focus()
    await bot.set_my_name("Shop")
    await expect(page.locator(".chat-title")).not_to_contain_text("Corner shop")
    await expect(page.get_by_role("button", name="New group")).to_be_focused()


async def test_an_account_is_disconnected_and_connected_again(
    page: Page, server: SandboxServer, shop: SandboxBot
) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(server.url)
    await page.get_by_role("button", name="Bots and chats").click()
    await page.get_by_role("button", name="Connect a business account").click()
    await page.get_by_placeholder("Name of the account's owner").fill("Konstantin Voznesensky-Preobrazhensky")
    await page.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.locator("#activity")).to_have_text("customer: Anna")
    await write(page, "Hello")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    writer = await page.get_by_label("Write as").bounding_box()
    assert writer
    assert writer["x"] + writer["width"] <= 390
    await page.get_by_role("button", name="Disconnect the bot").press("Enter")
    await expect(page.locator(".closed")).to_contain_text("sees nothing of this chat")
    await write(page, "Anybody?")
    last = list(shop.updates.values())[-1]
    assert last["business_connection"]["is_enabled"] is False  # and no message after it
    await page.get_by_role("button", name="Connect the bot again").press("Enter")
    await expect(page.locator(".closed")).to_have_count(0)
    await expect(page.get_by_role("button", name="Disconnect the bot")).to_be_focused()
    (account,) = shop.business.values()
    account.can_reply = False
    await page.reload()
    await expect(page.locator(".closed")).to_contain_text("may not write")


async def test_a_file_is_sent_and_can_be_fetched(page: Page, server: SandboxServer, shop: SandboxBot) -> None:
    await page.goto(server.url)
    await page.locator("input[type=file]").set_input_files(
        {"name": "prices.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 prices"}
    )
    link = page.locator("a.file")
    await expect(link).to_contain_text("prices.pdf")
    async with page.expect_download() as downloading:
        await link.click()
    saved = await (await downloading.value).path()
    assert await asyncio.to_thread(saved.read_bytes) == b"%PDF-1.4 prices"


async def test_an_album_a_forward_and_an_edit(page: Page, server: SandboxServer, shop: SandboxBot) -> None:
    await page.goto(server.url)
    files = [{"name": f"{number}.txt", "mimeType": "text/plain", "buffer": b"words"} for number in range(2)]
    await page.get_by_label("Message", exact=True).fill("Look at these")
    await page.locator("input[type=file]").set_input_files(files)
    await expect(page.locator("a.file")).to_have_count(2)
    first, second = (update["message"] for update in shop.updates.values())
    assert first["media_group_id"] == second["media_group_id"]
    assert (first["caption"], "caption" in second) == ("Look at these", False)
    await page.locator(".message.own").first.hover()
    await page.get_by_role("button", name="Forward here").first.click()
    await expect(page.locator(".forwarded")).to_be_visible()
    assert list(shop.updates.values())[-1]["message"]["forward_origin"]["sender_user"]["id"] == 1001
    await page.get_by_role("button", name="Edit", exact=True).first.click()
    await page.get_by_label("Message", exact=True).fill("Look here")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.own").first).to_contain_text("Look here")
    assert list(shop.updates.values())[-1]["edited_message"]["caption"] == "Look here"


async def test_a_voice_message_is_recorded(page: Page, server: SandboxServer, shop: SandboxBot) -> None:
    await page.context.grant_permissions(["microphone"])
    await page.goto(server.url)
    await page.get_by_role("button", name="Record a voice message").click()
    await page.get_by_role("button", name="Stop and send").click()
    await expect(page.locator("audio")).to_be_visible()
    voice = next(iter(shop.updates.values()))["message"]["voice"]
    assert server.sandbox.files[voice["file_id"]].name.startswith("voice.")


async def test_both_languages_and_a_narrow_screen(page: Page, server: SandboxServer, shop: SandboxBot) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(server.url)
    await page.get_by_role("button", name="Bots and chats").click()
    await page.get_by_role("button", name="Русский").click()
    await expect(page.get_by_role("heading", name="Боты")).to_be_visible()
    await page.get_by_role("complementary").first.get_by_role("button", name="Закрыть").click()
    await page.get_by_role("button", name="Неполадки и вызовы").click()
    await expect(page.get_by_role("button", name="Включить")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.reload()
    await expect(page.get_by_label("Сообщение", exact=True)).to_be_visible()
