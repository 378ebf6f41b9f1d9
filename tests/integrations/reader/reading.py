"""Helpers of the reader's tests."""

from __future__ import annotations

from pathlib import Path

from chatai.domains.knowledge.schemas import ReadPage, ReadProgress
from chatai.integrations.reader.process import ChildReader


async def read_all(reader: ChildReader, path: Path, media_type: str) -> tuple[list[ReadPage], list[ReadProgress]]:
    pages: list[ReadPage] = []
    progress: list[ReadProgress] = []
    async for event in reader.read(path, media_type):
        if isinstance(event, ReadPage):
            pages.append(event)
        else:
            progress.append(event)
    return pages, progress
