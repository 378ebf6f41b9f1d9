"""Reads one sitemap from standard input and writes what it names to standard output. Run as a process of its own:

    python -m chatai.integrations.reader.sitemap_child MEMORY_MB CPU_SECONDS

One JSON object: `{"pages": ["…"], "sitemaps": ["…"]}`, addresses as they stand there, or `{"error": "bad_sitemap"}`.
The limits are those of the protocol at sitemaps.org, where it has any.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from io import BytesIO
from typing import Any

from chatai.integrations.reader.child import limit

MOST_UNPACKED = 50 * 1024 * 1024
MOST_ENTRIES = 50_000
LONGEST_ADDRESS = 2_048
RATIO_FREE = 1024 * 1024  # so much may be unpacked whatever the ratio
MOST_RATIO = 100  # sitemaps come to about a tenth when packed, very regular ones to a fiftieth
PIECE = 64 * 1024
MAY_STAND_FIRST = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"  # white space, and the marks of UTF-8 and UTF-16
MOST_DEPTH = 8  # of elements: urlset, url, image, loc are four


class BadSitemap(Exception):
    """It is none, or passes a limit."""


def unpacked(body: bytes) -> bytes:
    """The sitemap, which may be packed by gzip. Raises: BadSitemap: Damaged, or it unpacks to too much."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    out = bytearray()
    rest = body
    try:
        while rest and not unpacker.eof:
            out += unpacker.decompress(rest, PIECE)
            rest = unpacker.unconsumed_tail
            if len(out) > MOST_UNPACKED or len(out) > RATIO_FREE + MOST_RATIO * (len(body) - len(rest)):
                raise BadSitemap
    except zlib.error as error:
        raise BadSitemap from error
    if not unpacker.eof:
        raise BadSitemap
    return bytes(out)


def read(body: bytes) -> dict[str, list[str]]:
    """Addresses of pages and of further sitemaps, in order. A plain list of addresses is a sitemap, too."""
    body = unpacked(body)
    if not body.lstrip(MAY_STAND_FIRST).startswith(b"<"):
        return {"pages": _listed(body), "sitemaps": []}
    return _elements(body)


def _listed(body: bytes) -> list[str]:
    found = []
    for line in BytesIO(body):
        address = line.decode("utf-8", "replace").strip("\ufeff \t\r\n")
        if address and len(address) <= LONGEST_ADDRESS:
            found.append(address)
            if len(found) == MOST_ENTRIES:
                break
    return found


def _elements(body: bytes) -> dict[str, list[str]]:
    from lxml import etree

    found: dict[str, list[str]] = {"pages": [], "sitemaps": []}
    kinds = {"url": found["pages"], "sitemap": found["sitemaps"]}
    path: list[str] = []
    entries = 0
    reading = etree.iterparse(
        BytesIO(body), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False,
        huge_tree=False, recover=True, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        for event, element in reading:
            name = etree.QName(element).localname
            if event == "start":
                path.append(name)
                if len(path) > MOST_DEPTH:
                    raise BadSitemap
                continue
            path.pop()
            if name == "loc" and path and path[-1] in kinds and len(path) == 2:
                address = (element.text or "").strip()
                if address and len(address) <= LONGEST_ADDRESS:
                    kinds[path[-1]].append(address)
            elif len(path) == 1:
                entries += 1
                parent = element.getparent()
                if parent is not None:
                    parent.remove(element)  # or the tree grows with every entry
                if entries == MOST_ENTRIES:
                    break
    except (etree.LxmlError, IndexError) as error:
        if not any(found.values()):
            raise BadSitemap from error
    return found


def main(arguments: list[str]) -> int:
    memory_mb, cpu_seconds = arguments
    limit(int(memory_mb), int(cpu_seconds))
    answer: dict[str, Any]
    try:
        answer = read(sys.stdin.buffer.read())
    except (BadSitemap, MemoryError):
        answer = {"error": "bad_sitemap"}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
