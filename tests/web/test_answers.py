"""Answers of the owner's own, and web pages, in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
from playwright.async_api import Page, expect

from chatai.core.errors import sentence_for
from chatai.core.roles import APP_ROLE
from tests.knowledge.documents import xlsx_of
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
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Table").fill(TABLE)
    await dialog.get_by_role("button", name="Check").click()
    await expect(dialog.get_by_role("status")).to_contain_text("New: 1")
    await expect(dialog.locator("li", has_text="Row 3")).to_contain_text("Write a question")
    await dialog.get_by_role("button", name="Back").click()
    await expect(dialog.get_by_label("Table")).to_have_value(TABLE)
    await dialog.get_by_role("button", name="Check").click()
    await dialog.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_text("Added: 1, changed: 0, refused: 1")).to_be_visible()
    await expect(page.get_by_text("In Baker Street.")).to_be_visible()

    await page.get_by_role("button", name="Change").first.click()
    await page.get_by_label("Answer", exact=True).fill("Next to the river.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Next to the river.")).to_be_visible()

    await page.get_by_role("button", name="Delete").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Next to the river.")).to_have_count(0)
    await expect(page.get_by_text("At nine, every day.")).to_be_visible()


async def test_a_spreadsheet_is_looked_at_and_imported(page: Page, site: Site, tmp_path: Path) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await page.goto(f"{address}/answers")
    await page.get_by_role("button", name="RU").click()
    await page.get_by_role("button", name="Загрузить таблицу").click()
    dialog = page.get_by_role("dialog")
    file = dialog.locator("input[type=file]")
    await file.set_input_files({"name": "a.xlsx", "mimeType": "", "buffer": b"PK\x03\x04 no archive"})
    await expect(dialog.get_by_role("alert")).to_contain_text("Файл повреждён")

    path = xlsx_of(
        tmp_path / "Вопросы.xlsx",
        ("№", "Вопрос", "Ответ"),
        ("1", "Где вы находитесь?", "Москва, «Тверская»;\nвход со двора"),
        ("2", "", "нет вопроса"),
        ("3", "Когда вы открыты?", "С 9 до 18, <b>без</b> обеда"),
        ("4", "где вы НАХОДИТЕСЬ?", "Ещё раз"),
    )
    await file.set_input_files(path)
    await expect(dialog.get_by_label("Таблица")).to_have_value(re.compile("Тверская"))
    await dialog.get_by_role("button", name="Проверить").click()
    await expect(dialog.get_by_role("status")).to_contain_text("Новых: 2")
    await expect(dialog.get_by_role("status")).to_contain_text("Не подходят: 2")
    await expect(dialog.locator("li", has_text="Строка 5")).to_contain_text("Такой вопрос уже есть")
    await dialog.get_by_role("button", name="Загрузить", exact=True).click()
    await expect(page.get_by_text("Добавлено: 2, изменено: 0, отклонено: 2")).to_be_visible()
    await expect(page.get_by_text("С 9 до 18, <b>без</b> обеда")).to_be_visible()

    await page.get_by_role("button", name="Загрузить таблицу").click()
    csv = "question,answer\nКогда вы открыты?,Круглые сутки\n".encode("cp1251")
    await file.set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": csv})
    await dialog.get_by_role("button", name="Проверить").click()
    await expect(dialog.get_by_role("status")).to_contain_text("Изменятся: 1")
    await dialog.get_by_role("button", name="Загрузить", exact=True).click()
    await expect(page.get_by_text("Круглые сутки")).to_be_visible()


async def test_an_import_that_breaks_off_says_so_and_gives_the_table_back(
    page: Page, site: Site, owner_url: str
) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await page.goto(f"{address}/answers")
    await page.get_by_role("button", name="RU").click()
    await page.get_by_role("button", name="Загрузить таблицу").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Таблица").fill(TABLE)
    await dialog.get_by_role("button", name="Проверить").click()
    await expect(dialog.get_by_role("status")).to_contain_text("Новых: 1")
    with psycopg.connect(owner_url, autocommit=True) as connection:  # a fault that no error of ours stands for
        connection.execute(f"REVOKE INSERT ON qa_pair FROM {APP_ROLE}")
        await dialog.get_by_role("button", name="Загрузить", exact=True).click()
        await expect(dialog.get_by_text(sentence_for("", "ru"))).to_be_visible()
        await expect(dialog.get_by_label("Таблица")).to_have_value(TABLE)
        connection.execute(f"GRANT INSERT ON qa_pair TO {APP_ROLE}")
    await dialog.get_by_role("button", name="Проверить").click()
    await dialog.get_by_role("button", name="Загрузить", exact=True).click()
    await expect(page.get_by_text("Добавлено: 1, изменено: 0, отклонено: 1")).to_be_visible()


async def test_an_address_inside_the_network_is_refused_in_words(page: Page, site: Site) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await page.get_by_label("Address of a page or a site").fill("http://127.0.0.1:5432/")
    await page.get_by_role("button", name="Add the page").click()
    await expect(page.get_by_text("leads into the server's own network")).to_be_visible()
