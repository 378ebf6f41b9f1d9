"""Starts the reading child, watches its time, and turns what it tells into the domain's terms."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import structlog

from chatai.domains.knowledge.errors import (
    DamagedFile,
    EmptyFile,
    FileMissing,
    NoText,
    ParserMemory,
    ParserTimeout,
    RecognitionTimeout,
    UnreadableDocument,
    unreadable,
)
from chatai.domains.knowledge.schemas import ReadHeading, ReadPage, ReadProgress, ReadRow, ReadTable
from chatai.integrations.reader.identify import identify
from chatai.integrations.reader.protocol import MAX_LINE_BYTES, PDF, XLSX, ReadFailure
from chatai.integrations.reader.recognition import OutOfTime, PageRecogniser
from chatai.integrations.reader.surroundings import child_environment

log = structlog.get_logger(__name__)


class ChildReader:
    """Reads documents in a child process each, limited in time and memory and without this process's environment.

    Args:
        timeout_seconds: Longest time for one document, by the clock and in processor time.
        memory_mb: Most memory that the child may have.
        recogniser: Reads pages that are pictures. None: they stay unreadable.
    """

    def __init__(self, *, timeout_seconds: float, memory_mb: int, recogniser: PageRecogniser | None = None) -> None:
        self.timeout_seconds = timeout_seconds
        self.memory_mb = memory_mb
        self._recogniser = recogniser

    async def identify(self, path: Path, name: str) -> str:
        return await asyncio.to_thread(self._identify, path, name)

    def _identify(self, path: Path, name: str) -> str:
        try:
            if path.stat().st_size == 0:
                raise EmptyFile
            return identify(path, name)
        except FileNotFoundError as error:
            raise FileMissing from error
        except ReadFailure as failure:
            raise unreadable(failure.code) from failure

    async def read(self, path: Path, media_type: str) -> AsyncGenerator[ReadProgress | ReadPage, None]:
        if not await asyncio.to_thread(path.is_file):
            raise FileMissing
        pages: list[ReadPage] = []
        async with aclosing(self._parse(path, media_type)) as events:
            async for event in events:
                if isinstance(event, ReadPage):
                    pages.append(event)
                elif isinstance(event, ReadProgress):
                    yield event
        if media_type == PDF and self._recogniser is not None and await self._recogniser.available():
            async with aclosing(self._recognised(self._recogniser, path, pages)) as events:
                async for event in events:
                    yield event
        if not any(page.text for page in pages):
            if self._recogniser is not None and any(page.not_reached for page in pages):
                raise RecognitionTimeout(seconds=self._recogniser.document_seconds)
            raise NoText
        for page in pages:
            yield page

    async def read_rows(self, path: Path) -> list[list[str]]:
        async with aclosing(self._parse(path, XLSX)) as events:
            return [list(event.cells) async for event in events if isinstance(event, ReadRow)]

    async def _recognised(
        self, recogniser: PageRecogniser, path: Path, pages: list[ReadPage]
    ) -> AsyncGenerator[ReadProgress, None]:
        """Puts recognised pages in the place of unreadable ones, as far as the document's time goes."""
        waiting = [index for index, page in enumerate(pages) if page.unreadable]
        deadline = time.monotonic() + recogniser.document_seconds
        for done, index in enumerate(waiting):
            yield ReadProgress(len(pages) - len(waiting) + done, len(pages))
            try:
                left = deadline - time.monotonic()
                text = await recogniser.recognise(path, pages[index].number, seconds_left=left)
            except OutOfTime:
                log.info("pages_not_reached", pages=len(waiting) - done, seconds=recogniser.document_seconds)
                for missed in waiting[done:]:
                    pages[missed] = replace(pages[missed], not_reached=True)
                break
            if text:
                pages[index] = replace(pages[index], text=text, unreadable=False, recognised=True)
        if waiting:
            yield ReadProgress(len(pages), len(pages))

    async def _parse(self, path: Path, media_type: str) -> AsyncGenerator[ReadProgress | ReadPage | ReadRow, None]:
        deadline = time.monotonic() + self.timeout_seconds
        process = await self._start(path, media_type)
        try:
            while (event := await self._next_event(process, deadline)) is not None:
                yield event
        finally:
            await _end(process)

    async def _start(self, path: Path, media_type: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the current folder is no place to import from
            "-m",
            "chatai.integrations.reader.child",
            media_type,
            str(path),
            str(self.memory_mb),
            str(max(1, round(self.timeout_seconds))),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=MAX_LINE_BYTES,
            env=child_environment(),
            start_new_session=True,
        )

    async def _next_event(self, process: Process, deadline: float) -> ReadProgress | ReadPage | ReadRow | None:
        """What the child tells next; None when it is done.

        Raises:
            UnreadableDocument: What it reports, or what its end or its silence says.
        """
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                line = await process.stdout.readline()
                status = None if line else await process.wait()
        except TimeoutError as error:
            raise ParserTimeout(seconds=round(self.timeout_seconds)) from error
        if status is not None:
            raise self._end_says(status)
        message = json.loads(line)
        match message["kind"]:
            case "progress":
                return ReadProgress(message["pages_read"], message["page_count"])
            case "page":
                headings = tuple(ReadHeading(**heading) for heading in message["headings"])
                tables = tuple(ReadTable(**table) for table in message["tables"])
                return ReadPage(message["number"], message["text"], headings, message["unreadable"], tables)
            case "row":
                return ReadRow(tuple(message["cells"]))
            case "done":
                return None
            case _:
                raise unreadable(message["code"])

    def _end_says(self, status: int) -> UnreadableDocument:
        """Why a child ended without a last word."""
        if status == -signal.SIGXCPU:
            return ParserTimeout(seconds=round(self.timeout_seconds))
        if status == -signal.SIGKILL:  # by the system, when it ran out of memory
            return ParserMemory()
        log.warning("reader_died", status=status)
        return DamagedFile()


async def _end(process: Process) -> None:
    """The child and all it may have started are gone when this returns, and what it said last is read."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("reader_had_ended")
    _, complaints = await process.communicate()
    if complaints:
        log.info("reader_complained", about=complaints.decode(errors="replace")[-300:])
