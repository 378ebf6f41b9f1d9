"""Web pages as knowledge, from a real site on loopback that the settings trust."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.outgoing import AddressNotFound, BadAddress, SiteAway
from chatai.core.settings import Settings
from chatai.domains.knowledge import quota, service
from chatai.domains.knowledge.errors import BadSitemap
from chatai.domains.knowledge.ports import web_pages
from chatai.domains.knowledge.schemas import DocumentView
from chatai.integrations.reader.sitemaps import SitemapReader
from chatai.integrations.web_pages import GuardedWebPages
from tests.core.test_outgoing import site

PAGE = "<html><head><title>Доставка / Оплата</title></head><body><p>{}</p></body></html>"


class Site:
    """What the site serves, by path; a number is a status."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.address = ""

    async def serve(self, request: web.Request) -> web.Response:
        found = self.pages.get(request.path, 404)
        if isinstance(found, int):
            return web.Response(status=found)
        if isinstance(found, web.Response):
            return web.Response(body=found.body, headers=found.headers)
        return web.Response(text=found, content_type="text/html", charset="utf-8")


@pytest.fixture
async def shop(ports: None) -> AsyncIterator[Site]:
    made = Site()
    async with site(made.serve) as port:
        made.address = f"http://127.0.0.1:{port}"
        reader = SitemapReader(memory_mb=512)
        trusted = frozenset({f"127.0.0.1:{port}"})
        web_pages.bind(GuardedWebPages(max_bytes=1_000_000, trusted=trusted, sitemaps=reader))
        yield made
        web_pages.bind(None)


async def add(database: Database, actor: Actor, assistant_id: UUID, *urls: str) -> list[DocumentView]:
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.add_web_pages(uow, actor, assistant_id, urls)
    async with database.workspace(actor.workspace_id) as uow:
        return await service.list_documents(uow, actor, assistant_id)


async def read(database: Database, actor: Actor, document: DocumentView, **options: bool) -> DocumentView:
    await service.ingest(database, actor.workspace_id, document.id, **options)
    async with database.workspace(actor.workspace_id) as uow:
        return await service.get_document(uow, actor, document.id)


async def test_a_page_is_fetched_read_and_found(
    shop: Site, database: Database, actor: Actor, assistant_id: UUID, settings: Settings
) -> None:
    shop.pages["/a"] = PAGE.format("Доставляем за пять дней.")
    (document,) = await add(database, actor, assistant_id, f"{shop.address}/a")
    assert (document.kind, document.state, document.source_url) == ("web_page", "queued", f"{shop.address}/a")
    document = await read(database, actor, document)
    assert (document.state, document.name) == ("ready", "Доставка / Оплата")
    assert document.report["language"] == "ru"
    async with database.workspace(actor.workspace_id) as uow:
        (passage, *_) = await service.search(uow, assistant_id, "сколько дней доставка")
    assert "пять дней" in passage.text
    (stored,) = settings.uploads_dir.glob("*/documents/*")
    assert "пять дней" in stored.read_text()


async def test_read_again_it_says_what_the_page_says_now(
    shop: Site, database: Database, actor: Actor, assistant_id: UUID, settings: Settings
) -> None:
    shop.pages["/a"] = PAGE.format("Доставляем за пять дней.")
    (document,) = await add(database, actor, assistant_id, f"{shop.address}/a")
    await read(database, actor, document)
    shop.pages["/a"] = PAGE.format("Доставляем за два дня.")
    async with database.workspace(actor.workspace_id) as uow:
        await service.reread_document(uow, actor, document.id)
    await read(database, actor, document)
    async with database.workspace(actor.workspace_id) as uow:
        page = await service.get_page(uow, actor, document.id, 1)
    assert "два дня" in page.text
    assert "пять" not in page.text
    assert len(list(settings.uploads_dir.glob("*/documents/*"))) == 1


async def test_pages_count_for_the_workspaces_quota(
    shop: Site,
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quota, "get_settings", lambda: settings.model_copy(update={"workspace_storage_mb": 1}))
    for path in ("/a", "/b"):
        shop.pages[path] = PAGE.format("Доставляем за пять дней. " * 16_000)
    found = await add(database, actor, assistant_id, f"{shop.address}/a", f"{shop.address}/b")
    read_them = [await read(database, actor, document) for document in found]
    assert sorted((document.state, document.error_code) for document in read_them) == [
        ("failed", "quota_exceeded"),
        ("ready", ""),
    ]
    assert len(list(settings.uploads_dir.glob("*/documents/*"))) == 1
    (kept,) = (document for document in read_them if document.state == "ready")
    async with database.workspace(actor.workspace_id) as uow:
        await service.reread_document(uow, actor, kept.id)
    assert (await read(database, actor, kept)).state == "ready"  # it takes the room of its copy before


async def test_old_pages_in_other_encodings_are_read(
    shop: Site, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    body = '<meta charset="windows-1251"><title>Цены</title><p>Насос стоит сто рублей.</p>'.encode("cp1251")
    shop.pages["/old"] = web.Response(body=body, headers={"Content-Type": "text/html"})
    (document,) = await add(database, actor, assistant_id, f"{shop.address}/old")
    document = await read(database, actor, document)
    assert (document.state, document.name) == ("ready", "Цены")


async def test_what_cannot_be_fetched_says_why(
    shop: Site, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    shop.pages["/down"] = 503
    gone, down, inside = (
        await add(
            database, actor, assistant_id, f"{shop.address}/gone", f"{shop.address}/down", "http://127.0.0.1:22/x"
        )
    )[::-1]
    by_url = {document.source_url.rpartition("/")[2]: document for document in (gone, down, inside)}
    assert (await read(database, actor, by_url["gone"])).error_code == AddressNotFound.code
    assert (await read(database, actor, by_url["x"])).error_code == "forbidden_address"
    with pytest.raises(SiteAway):
        await service.ingest(database, actor.workspace_id, by_url["down"].id)
    failed = await read(database, actor, by_url["down"], last_try=True)
    assert (failed.state, failed.error_code) == ("failed", "site_away")
    assert failed.error("ru")


async def test_the_same_address_is_added_once_and_no_address_is_refused(
    shop: Site, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    documents = await add(database, actor, assistant_id, f"{shop.address}/a", f"{shop.address}/a#part")
    assert len(documents) == 1
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        again = await service.add_web_pages(uow, actor, assistant_id, [f"{shop.address}/a", f"{shop.address}/b"])
    assert (again.added, again.known) == (1, 1)
    with pytest.raises(BadAddress):
        await add(database, actor, assistant_id, f"{shop.address}/c", "no address")
    async with database.workspace(actor.workspace_id) as uow:
        assert len(await service.list_documents(uow, actor, assistant_id)) == 2


async def test_a_sitemap_names_the_pages_of_its_own_site(shop: Site, actor: Actor) -> None:
    head = '<?xml version="1.0"?><{0} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    part = head.format("urlset") + "".join(
        f"<url><loc>{address}</loc></url>"
        for address in (f"{shop.address}/a", f"{shop.address}/b", "http://elsewhere.example/c", "nonsense")
    )
    index = head.format("sitemapindex") + f"<sitemap><loc>{shop.address}/part.xml.gz</loc></sitemap></sitemapindex>"
    shop.pages["/robots.txt"] = web.Response(
        body=f"User-agent: *\nSitemap: {shop.address}/map.xml\n".encode(), headers={"Content-Type": "text/plain"}
    )
    shop.pages["/map.xml"] = web.Response(body=index.encode(), headers={"Content-Type": "application/xml"})
    packed = gzip.compress((part + "</urlset>").encode())
    shop.pages["/part.xml.gz"] = web.Response(body=packed, headers={"Content-Type": "application/gzip"})
    assert await service.find_addresses(actor, f"{shop.address}/") == [f"{shop.address}/a", f"{shop.address}/b"]


async def test_indexes_are_followed_a_little_way_and_never_in_a_circle(shop: Site, actor: Actor) -> None:
    def give(path: str, inner: str) -> None:
        shop.pages[path] = web.Response(body=inner.encode(), headers={"Content-Type": "application/xml"})

    for number in range(6):
        deeper = f"<sitemap><loc>{shop.address}/map{number + 1}.xml</loc></sitemap>"
        itself = f"<sitemap><loc>{shop.address}/map{number}.xml</loc></sitemap>"
        page = f"<url><loc>{shop.address}/page{number}</loc></url>"
        give(f"/map{number}.xml", f"<sitemapindex>{itself}{deeper}{page}</sitemapindex>")
    found = await service.find_addresses(actor, f"{shop.address}/map0.xml")
    assert found == [f"{shop.address}/page{number}" for number in range(3)]


async def test_a_bad_sitemap_is_told_and_a_bad_part_is_passed_over(shop: Site, actor: Actor) -> None:
    bomb = gzip.compress(b"<urlset>" + b" " * 40_000_000)
    shop.pages["/sitemap.xml"] = web.Response(body=bomb, headers={"Content-Type": "application/gzip"})
    with pytest.raises(BadSitemap):
        await service.find_addresses(actor, f"{shop.address}/")
    index = "".join(f"<sitemap><loc>{shop.address}/{name}</loc></sitemap>" for name in ("bomb.xml", "good.xml"))
    shop.pages["/bomb.xml"] = shop.pages["/sitemap.xml"]
    shop.pages["/sitemap.xml"] = web.Response(
        body=f"<sitemapindex>{index}</sitemapindex>".encode(), headers={"Content-Type": "text/xml"}
    )
    shop.pages["/good.xml"] = web.Response(
        body=f"{shop.address}/a\n{shop.address}/b\n".encode(), headers={"Content-Type": "text/plain"}
    )
    assert await service.find_addresses(actor, f"{shop.address}/") == [f"{shop.address}/a", f"{shop.address}/b"]


async def test_a_site_without_a_sitemap_says_so(shop: Site, actor: Actor) -> None:
    with pytest.raises(AddressNotFound):
        await service.find_addresses(actor, f"{shop.address}/")


async def test_deleting_a_page_leaves_no_file(
    shop: Site, database: Database, actor: Actor, assistant_id: UUID, settings: Settings
) -> None:
    shop.pages["/a"] = PAGE.format("Доставляем за пять дней.")
    first, second = await add(database, actor, assistant_id, f"{shop.address}/a", f"{shop.address}/never-fetched")
    await service.ingest(database, actor.workspace_id, first.id)
    await service.ingest(database, actor.workspace_id, second.id)
    async with database.workspace(actor.workspace_id) as uow:
        for document in (first, second):
            await service.delete_document(uow, actor, document.id)
    assert list(settings.uploads_dir.glob("*/documents/*")) == []
    async with database.system() as uow:
        assert (await uow.session.execute(text("SELECT count(*) FROM chunk"))).scalar() == 0
