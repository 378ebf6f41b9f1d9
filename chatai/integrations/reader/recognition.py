"""Text of scanned pages by tesseract, where it and poppler's `pdftoppm` are installed. Found on the PATH, nothing else.

Each page is drawn and recognised by a child of its own, limited like the reader's: `reader.recognition_child`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import structlog

from chatai.integrations.reader import cleaning
from chatai.integrations.reader.surroundings import PROJECT_ROOT, child_environment

log = structlog.get_logger(__name__)

MOST_TEXT_BYTES = 1024 * 1024  # of one page; a newspaper's has about 50,000
LIST_SECONDS = 10


@lru_cache(maxsize=1)
def installed_languages() -> frozenset[str]:
    """Languages that tesseract can read here; empty when it, or what draws pages for it, is not installed."""
    if shutil.which("tesseract") is None or shutil.which("pdftoppm") is None:
        return frozenset()
    try:
        said = subprocess.run(
            ["tesseract", "--list-langs"],  # noqa: S607 - found on the PATH on purpose
            capture_output=True,
            text=True,
            timeout=LIST_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    return frozenset(line.strip() for line in said.stdout.splitlines()[1:] if line.strip())


class OutOfTime(Exception):
    """The document's time for recognising is used up."""


class PageRecogniser:
    """Recognises pages one by one.

    Args:
        languages: As tesseract names them; those that are not installed are left out.
        page_seconds: Longest time for a page. One that takes longer stays unreadable.
        document_seconds: Longest time for all pages of a document.
        memory_mb: Most memory for the programs that work on a page.
    """

    def __init__(
        self, languages: tuple[str, ...], *, page_seconds: int, document_seconds: int = 1_800, memory_mb: int
    ) -> None:
        self.document_seconds = document_seconds
        self._languages = languages
        self._page_seconds = page_seconds
        self._memory_mb = memory_mb

    async def available(self) -> bool:
        return bool(await self._usable())

    async def recognise(self, path: Path, number: int, *, seconds_left: float) -> str:
        """The text of a PDF's page (from 1), empty if there is none to be made out.

        Raises:
            OutOfTime: The page would have been given more time than the document has left.
        """
        if seconds_left <= 0:
            raise OutOfTime
        seconds = min(self._page_seconds, seconds_left)
        languages = "+".join(await self._usable())
        if not languages:
            return ""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "chatai.integrations.reader.recognition_child",
            str(path),
            str(number),
            languages,
            str(self._memory_mb),
            str(self._page_seconds),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=child_environment(),
            cwd=PROJECT_ROOT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(seconds):
                out, complaints = await process.communicate()
        except TimeoutError:
            if seconds < self._page_seconds:
                raise OutOfTime from None
            log.info("page_not_recognised_in_time", page=number, seconds=self._page_seconds)
            return ""
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started, too
            await process.wait()
        if process.returncode:
            log.info("page_not_recognised", page=number, about=complaints.decode(errors="replace")[-300:])
            return ""
        text = cleaning.tidy_spaces(cleaning.normalise(out[:MOST_TEXT_BYTES].decode("utf-8", "replace"))).strip()
        width = cleaning.line_width(text)
        text = cleaning.reflow(cleaning.join_hyphens(text, cleaning.vocabulary_of([text])), width)
        return text if cleaning.has_text(text) else ""

    async def _usable(self) -> tuple[str, ...]:
        installed = await asyncio.to_thread(installed_languages)
        return tuple(language for language in self._languages if language in installed)
