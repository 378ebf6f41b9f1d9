"""The search test and embedding anew, in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from chatai.core.settings import Settings
from tests.fakes.openai import Plan
from tests.web.conftest import Site, make_assistant, register

RULES = "# Returns\n\nGoods may be returned within 30 days.\n\n# Delivery\n\nParcels leave on the day of the order.\n"


@pytest.fixture
def embeddings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation has an embedding model. Before `site`, which starts it."""
    monkeypatch.setenv("EMBEDDING_MODEL", "text-embedding-3-small")


async def upload(page: Page, folder: Path) -> None:
    (folder / "rules.md").write_text(RULES)
    await page.locator("input[type=file]").set_input_files(folder / "rules.md")
    await expect(page.locator(".pill", has_text="Ready")).to_be_visible()


async def test_a_question_shows_its_passages_and_how_they_were_found(
    embeddings: None, page: Page, site: Site, tmp_path: Path
) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await upload(page, tmp_path)
    await page.get_by_role("link", name="Search test").click()
    await expect(page.get_by_text("Nothing asked yet")).to_be_visible()
    await expect(page.get_by_label("Question")).to_be_focused()
    await page.keyboard.type("When are goods returned, unicorn?")
    await page.keyboard.press("Enter")

    hit = page.locator(".hit").first
    await expect(hit).to_contain_text("by words")
    await expect(hit.locator(".ranks")).to_have_text(re.compile(r"by words\s*no\. 1\s*by meaning\s*no\. 1\s*score"))
    assert set(await hit.locator("mark").all_inner_texts()) == {"Returns", "Goods", "returned"}
    await expect(page.get_by_text("By meaning: text-embedding-3-small")).to_be_visible()
    await expect(page.locator(".looked-up", has_text="good")).to_contain_text("1")
    await expect(page.locator(".looked-up", has_text="unicorn")).to_contain_text("not in the documents")
    await expect(page.locator(".figures div", has_text="Search itself")).to_contain_text("ms")
    await expect(page.locator(".figures div", has_text="Reranking")).to_contain_text("not used")

    site.model.plan = Plan(status=503, paths=["/embeddings"])
    await page.get_by_label("Question").fill("goods")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_text("the embedding model did not answer in time")).to_be_visible()
    await hit.get_by_role("link", name="rules.md").click()
    await expect(page.locator("mark")).to_contain_text("Goods may be returned")


async def test_without_an_embedding_model_and_without_a_hit_it_says_so(page: Page, site: Site, tmp_path: Path) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await upload(page, tmp_path)
    await page.get_by_role("button", name="RU").click()
    await page.get_by_role("link", name="Проверка поиска").click()
    await page.get_by_label("Вопрос").fill("квантовая хромодинамика")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Подходящих фрагментов нет")).to_be_visible()
    await expect(page.get_by_text("По смыслу: модель эмбеддингов не задана")).to_be_visible()
