"""How long reading PDFs takes, up to chunks that search finds, and what the reading child needs of memory.

    python -m scripts.bench_reading [FOLDER]

FOLDER holds PDFs; without it, `shared/data/pdf` beside the project or above it. Each is read by the product's own child
process and cut into passages; neither the database nor an embedding model has a part in it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import time
from contextlib import suppress
from pathlib import Path

import psutil
import structlog

from chatai.domains.knowledge.chunking import chunk
from chatai.domains.knowledge.errors import UnreadableDocument
from chatai.domains.knowledge.schemas import ReadPage
from chatai.domains.knowledge.sizing import by_characters
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.protocol import PDF

WATCH_SECONDS = 0.02
CHUNK_TOKENS = 400


def find_data(given: str | None) -> Path:
    candidates = [Path(given)] if given else []
    candidates += [parent / "shared" / "data" / "pdf" for parent in Path(__file__).resolve().parents]
    for folder in candidates:
        if any(folder.glob("*.pdf")):
            return folder
    raise SystemExit("No PDFs found; name a folder that holds some.")


async def peak_of_children() -> float:
    """MB, until it is cancelled: the highest that any child ever held at once (VmHWM)."""
    peak = 0.0
    try:
        while True:
            for child in psutil.Process().children():
                with suppress(OSError, psutil.Error):
                    status = Path(f"/proc/{child.pid}/status").read_text()  # noqa: ASYNC240 - it is in memory
                    highest = [int(line.split()[1]) / 1024 for line in status.splitlines() if "VmHWM" in line]
                    peak = max([peak, *highest])
            await asyncio.sleep(WATCH_SECONDS)
    except asyncio.CancelledError:
        return peak


def processor_seconds() -> float:
    """Of this process, which cuts passages, and of the children that have ended."""
    return sum(sum(resource.getrusage(whose)[:2]) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


async def measure(path: Path) -> None:
    reader = ChildReader(timeout_seconds=600, memory_mb=1024)
    pages: list[ReadPage] = []
    outcome = "read"
    watching = asyncio.create_task(peak_of_children())
    began, used = time.perf_counter(), processor_seconds()
    try:
        async for event in reader.read(path, PDF):
            if isinstance(event, ReadPage):
                pages.append(event)
        chunks = len(list(chunk(pages, by_characters(CHUNK_TOKENS))))
    except UnreadableDocument as error:
        outcome, chunks = error.code, 0
    seconds = time.perf_counter() - began
    watching.cancel()
    peak = await watching
    used = processor_seconds() - used
    tables = sum(len(page.tables) for page in pages)
    size = path.stat().st_size / 1024  # noqa: ASYNC240 - nothing else is waiting
    print(f"| {path.name} | {size:.0f} | {len(pages)} | {tables} | {chunks} ", end="")
    print(f"| {seconds:.1f} | {used:.1f} | {peak:.0f} | {outcome} |", flush=True)


async def run(paths: list[Path]) -> None:
    print("| file | kB | pages | tables | passages | seconds | of the processor | peak MB | outcome |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in paths:
        await measure(path)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", nargs="?")
    asyncio.run(run(sorted(find_data(arguments.parse_args().folder).glob("*.pdf"))))


if __name__ == "__main__":
    main()
