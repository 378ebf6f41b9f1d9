"""Pages and sitemaps of the open internet, by the guarded client."""

from __future__ import annotations

import asyncio
import codecs
import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from aiohttp import ClientSession
from lxml import etree, html

from chatai.core.outgoing import (
    AddressNotFound,
    AddressRefused,
    Fetched,
    Policy,
    WrongType,
    clean_url,
    fetch,
    open_session,
)
from chatai.domains.knowledge.schemas import FetchedPage
from chatai.integrations.reader.encodings import decode
from chatai.integrations.reader.protocol import DOCX, HTML, MARKDOWN, PDF, TEXT
from chatai.integrations.reader.sitemaps import SitemapReader

PAGE_TYPES = {"text/html": HTML, "application/xhtml+xml": HTML, PDF: PDF, DOCX: DOCX, TEXT: TEXT, MARKDOWN: MARKDOWN}
SITEMAP_TYPES = frozenset(
    {"text/xml", "application/xml", "text/plain", "application/gzip", "application/x-gzip", "application/rss+xml"}
)
SITEMAP_BYTES = 10 * 1024 * 1024
MOST_SITEMAPS = 20
MOST_NESTED = 2  # indexes of indexes, which the protocol forbids and some sites have
META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,20})", re.IGNORECASE)


class GuardedWebPages:
    """Fetches what people name.

    Args:
        max_bytes: Of one page.
        trusted: Hosts (`host` or `host:port`) that may lie in this network.
        sitemaps: Reads what a site says of its pages.
    """

    def __init__(self, *, max_bytes: int, trusted: frozenset[str], sitemaps: SitemapReader) -> None:
        self._reader = sitemaps
        self._pages = Policy(max_bytes=max_bytes, types=frozenset(PAGE_TYPES), trusted=trusted)
        self._sitemaps = Policy(max_bytes=SITEMAP_BYTES, types=SITEMAP_TYPES, trusted=trusted)

    async def fetch(self, url: str) -> FetchedPage:
        async with open_session(self._pages) as session:
            found = await fetch(session, self._pages, url)
        return await asyncio.to_thread(_as_page, found)

    async def addresses(self, url: str, most: int) -> list[str]:
        url = clean_url(url)
        host = urlsplit(url).netloc
        found: dict[str, None] = {}
        async with open_session(self._sitemaps) as session:
            if urlsplit(url).path.endswith((".xml", ".xml.gz")):
                waiting = [url]
            else:
                waiting = await self._named_by_robots(session, url) or [urljoin(url, "/sitemap.xml")]
            depth = dict.fromkeys(waiting, 0)
            for sitemap in waiting:  # grows by the sitemaps that an index names
                try:
                    named = await self._reader.read((await fetch(session, self._sitemaps, sitemap)).body)
                except AddressRefused:
                    if sitemap is waiting[0]:
                        raise
                    continue  # one part that is missing or bad does not spoil the others
                pages = await asyncio.to_thread(_all_cleaned, named.pages, most, host)
                found.update(dict.fromkeys(pages))
                if len(found) >= most:
                    break
                if depth[sitemap] < MOST_NESTED:
                    for part in _all_cleaned(named.sitemaps, MOST_SITEMAPS):
                        if len(waiting) < MOST_SITEMAPS and part not in depth:
                            depth[part] = depth[sitemap] + 1
                            waiting.append(part)
        return list(found)[:most]

    async def _named_by_robots(self, session: ClientSession, url: str) -> list[str]:
        try:
            answer = await fetch(session, self._sitemaps, urljoin(url, "/robots.txt"))
        except (AddressNotFound, WrongType):
            return []
        lines = answer.body.decode("utf-8", "replace").splitlines()
        named = (line.partition(":")[2].strip() for line in lines if line.lower().startswith("sitemap:"))
        return [address for address in map(_cleaned, named) if address][:MOST_SITEMAPS]


def _as_page(found: Fetched) -> FetchedPage:
    media_type = PAGE_TYPES[found.media_type]
    path = PurePosixPath(unquote(urlsplit(found.url).path))
    name = path.name or urlsplit(found.url).netloc
    if media_type != HTML:
        return FetchedPage(found.url, name, media_type, found.body)
    text = _text_of(found)
    title = ""
    try:
        parser = html.HTMLParser(encoding="utf-8", huge_tree=False)
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
        title = " ".join((root.findtext(".//title") or "").split())
    except (etree.LxmlError, ValueError, TypeError):
        title = ""  # the reader says what is wrong with the page; its address is name enough
    return FetchedPage(found.url, title or found.url.partition("://")[2], media_type, text.encode("utf-8", "replace"))


def _text_of(found: Fetched) -> str:
    """The page's text by what the site, the page itself or its letters say of the encoding, in this order."""
    said = [found.charset, *(match.decode().lower() for match in META_CHARSET.findall(found.body[:4096]))]
    for name in said:
        try:
            codecs.lookup(name)
            return found.body.decode(name)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return decode(found.body) or found.body.decode("utf-8", "replace")


def _all_cleaned(addresses: list[str], most: int, host: str = "") -> list[str]:
    """So many of the addresses that can be fetched, each once; only those on the host, if one is named."""
    found: dict[str, None] = {}
    for address in map(_cleaned, addresses):
        if address and (not host or urlsplit(address).netloc == host):
            found[address] = None
            if len(found) >= most:
                break
    return list(found)


def _cleaned(address: str) -> str:
    try:
        return clean_url(address)
    except AddressRefused:
        return ""
