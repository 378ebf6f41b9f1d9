"""Has sitemaps read in a child limited like the reader's: what a site sends is not parsed in the web process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from typing import NamedTuple

import structlog

from chatai.domains.knowledge.errors import BadSitemap
from chatai.integrations.reader.surroundings import PROJECT_ROOT, child_environment

log = structlog.get_logger(__name__)

SECONDS = 20
MOST_ANSWER_BYTES = 64 * 1024 * 1024  # a sitemap's most addresses, the length of half the longest one on average


class Named(NamedTuple):
    """What a sitemap names, as it stands there."""

    pages: list[str]
    sitemaps: list[str]


class SitemapReader:
    """Reads sitemaps.

    Args:
        memory_mb: Most memory for one.
        seconds: Longest time for one.
    """

    def __init__(self, *, memory_mb: int, seconds: float = SECONDS) -> None:
        self._memory_mb = memory_mb
        self._seconds = seconds

    async def read(self, body: bytes) -> Named:
        """Raises: BadSitemap: It is none, or passes a limit."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current folder is no place to import from
            "-m",
            "chatai.integrations.reader.sitemap_child",
            str(self._memory_mb),
            str(max(1, round(self._seconds))),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=child_environment(),
            cwd=PROJECT_ROOT,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - it was started with pipes
        try:
            async with asyncio.timeout(self._seconds):
                process.stdin.write(body)
                with suppress(ConnectionError):
                    await process.stdin.drain()
                process.stdin.close()
                said = bytearray()
                while piece := await process.stdout.read(65_536):
                    said += piece
                    if len(said) > MOST_ANSWER_BYTES:
                        raise BadSitemap
        except TimeoutError:
            log.info("sitemap_not_read_in_time", seconds=self._seconds)
            raise BadSitemap from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return await asyncio.to_thread(_named, bytes(said))


def _named(said: bytes) -> Named:
    try:
        answer = json.loads(said)
        return Named([str(page) for page in answer["pages"]], [str(sitemap) for sitemap in answer["sitemaps"]])
    except (ValueError, KeyError, TypeError):  # it says that it is bad, or died before it could
        raise BadSitemap from None
