"""Embedding anew for another model, seen on the knowledge page."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import psycopg
from playwright.async_api import Page, expect

from tests.fakes.openai import Plan
from tests.waiting import eventually
from tests.web.conftest import Site, make_assistant, register
from tests.web.test_search_test import embeddings, upload

__all__ = ["embeddings"]


def serve_by(owner_url: str, model: str) -> None:
    """As if the vectors that are there were of another model than the one that is set."""
    with psycopg.connect(owner_url) as connection:
        connection.execute("UPDATE knowledge_index SET embedding_model = %s", [model])
        connection.execute("UPDATE chunk_vector SET model = %s", [model])


async def test_it_is_shown_with_what_hinders_it_until_it_is_done(
    embeddings: None, page: Page, site: Site, owner_url: str, tmp_path: Path
) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await upload(page, tmp_path)
    await expect(page.get_by_text("Embedding anew for")).to_have_count(0)
    serve_by(owner_url, "the-old-one")
    site.model.plan = Plan(status=401, paths=["/embeddings"])
    await page.reload()
    await expect(page.get_by_text("Embedding anew for text-embedding-3-small: 0 of ")).to_be_visible()
    await expect(page.get_by_text("Until then search uses the-old-one.")).to_be_visible()
    with psycopg.connect(owner_url) as connection:
        connection.execute(
            "UPDATE knowledge_index SET trouble = 'embeddings_refused' WHERE assistant_id = %s",
            [UUID(address.rsplit("/", 1)[1])],
        )
    await expect(page.get_by_text("check its key, name and balance. It is not tried again by itself.")).to_be_visible()

    site.model.plan = Plan()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("Embedding anew for")).to_have_count(0)
    with psycopg.connect(owner_url) as connection:
        left = connection.execute("SELECT embedding_model, trouble FROM knowledge_index").fetchall()
    assert left == [("text-embedding-3-small", "")]


async def test_a_retry_that_waits_can_be_had_at_once(
    embeddings: None, page: Page, site: Site, owner_url: str, tmp_path: Path
) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    for name, opened in (("list.md", False), ("page.md", True)):
        site.model.plan = Plan(status=503, paths=["/embeddings"])
        (tmp_path / name).write_text(f"# {name}\n\nGoods may be returned within 30 days.\n")
        await page.goto(f"{address}/knowledge")
        await page.locator("input[type=file]").set_input_files(tmp_path / name)
        line = page.locator("li", has_text=name)
        await expect(line).to_contain_text("found by its words")
        await eventually(lambda: put_off(owner_url))
        site.model.plan = Plan()
        if opened:
            await line.get_by_role("link", name=name).click()
            await page.get_by_role("link", name="Report").wait_for()
            await page.get_by_role("button", name="RU").click()
            await page.get_by_role("button", name="Попробовать сейчас").click()
            await expect(page.get_by_role("main").locator(".pill", has_text="Готов")).to_be_visible()
        else:
            await line.get_by_role("button", name="Try now").click()
            await expect(line.locator(".pill", has_text="Ready")).to_be_visible()


def put_off(owner_url: str) -> bool:
    """Has a waiting retry wait for an hour. Whether there is one."""
    with psycopg.connect(owner_url) as connection:
        found = connection.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
            " WHERE task_name = 'ingest_document' AND status = 'todo' AND attempts > 0"
        )
        return found.rowcount > 0
