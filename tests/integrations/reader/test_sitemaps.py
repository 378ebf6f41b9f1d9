"""Sitemaps as sites send them, and as somebody might who wishes harm; each is read by the real child."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import psutil
import pytest

from chatai.domains.knowledge.errors import BadSitemap
from chatai.integrations.reader import sitemap_child
from chatai.integrations.reader.sitemaps import Named, SitemapReader

HEAD = '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'


def entries(count: int) -> str:
    return "".join(f"<url><loc>https://shop.example/{number}</loc></url>" for number in range(count))


@pytest.fixture
def reader() -> SitemapReader:
    return SitemapReader(memory_mb=512)


async def test_addresses_are_found_in_every_form(reader: SitemapReader) -> None:
    image = '<image:image xmlns:image="i"><image:loc>https://shop.example/a.png</image:loc></image:image>'
    xml = f"{HEAD}<url><loc> https://shop.example/a </loc>{image}</url></urlset>".encode()
    expected = Named(["https://shop.example/a"], [])
    assert await reader.read(xml) == expected
    assert await reader.read(b"\xef\xbb\xbf" + xml) == expected
    assert await reader.read(gzip.compress(xml)) == expected
    assert await reader.read(xml.decode().replace('"1.0"', '"1.0" encoding="utf-16"').encode("utf-16")) == expected
    assert await reader.read(b"https://shop.example/a\r\n\r\n") == expected
    index = b"<sitemapindex><sitemap><loc>https://shop.example/b.xml</loc></sitemap></sitemapindex>"
    assert await reader.read(index) == Named([], ["https://shop.example/b.xml"])


async def test_one_that_is_cut_off_gives_what_it_has(reader: SitemapReader) -> None:
    named = await reader.read((HEAD + entries(3) + "<url><loc>https://shop.ex").encode())
    assert named.pages[:3] == [f"https://shop.example/{number}" for number in range(3)]


async def test_no_more_entries_are_taken_than_the_protocol_has(reader: SitemapReader) -> None:
    named = await reader.read((HEAD + entries(60_000) + "</urlset>").encode())
    assert len(named.pages) == sitemap_child.MOST_ENTRIES
    listed = await reader.read(("https://shop.example/a\n" * 60_000 + "x" * 3_000).encode())
    assert len(listed.pages) == sitemap_child.MOST_ENTRIES


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"<urlset>" + b" " * 60_000_000),
        gzip.compress(b"a" * 5_000_000),
        gzip.compress(entries(10).encode())[:-20],
        b"\x1f\x8bnothing",
        b"<a>" * 100_000,
    ],
    ids=["unpacks to too much", "ratio", "cut off", "damaged", "deep"],
)
async def test_a_harmful_one_is_refused(reader: SitemapReader, body: bytes) -> None:
    with pytest.raises(BadSitemap):
        await reader.read(body)


async def test_a_regular_one_is_not_taken_for_harmful(reader: SitemapReader) -> None:
    packed = gzip.compress((HEAD + entries(40_000) + "</urlset>").encode(), 9)
    assert len((await reader.read(packed)).pages) == 40_000


async def test_entities_fetch_and_unfold_nothing(reader: SitemapReader, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("https://secret.example/")
    laughs = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 12))
    for document in (
        f'<!DOCTYPE urlset [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><urlset><url><loc>&x;</loc></url></urlset>',
        f'<!DOCTYPE urlset [<!ENTITY l0 "ha">{laughs}]><urlset><url><loc>&l11;</loc></url></urlset>',
    ):
        try:
            named = await reader.read(document.encode())
        except BadSitemap:
            continue
        assert named.pages == []


async def test_a_child_that_takes_too_long_or_too_much_is_ended() -> None:
    body = (HEAD + entries(60_000) + "</urlset>").encode()
    with pytest.raises(BadSitemap):
        await SitemapReader(memory_mb=512, seconds=0.01).read(body)
    with pytest.raises(BadSitemap):
        await SitemapReader(memory_mb=20).read(body)
    assert [child for child in psutil.Process().children() if "sitemap_child" in " ".join(child.cmdline())] == []


def test_the_ratio_counts_what_was_read_so_far() -> None:
    packed = zlib.compress(b"", wbits=31) + b"tail"
    assert sitemap_child.unpacked(packed) == b""
