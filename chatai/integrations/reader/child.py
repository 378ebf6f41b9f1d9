"""Reads one document and writes what it finds to standard output, see `protocol`. Run as a process of its own:

    python -m chatai.integrations.reader.child MEDIA_TYPE PATH MEMORY_MB CPU_SECONDS

It limits itself before it touches the document and imports the parser it needs only then: no file may be written, no
more memory or processor time taken than allowed, and it dies with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chatai.integrations.reader.protocol import DOCX, HTML, PDF, XLSX, Page, ReadFailure

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def limit(memory_mb: int, cpu_seconds: int) -> None:
    """Takes away what a parser does not need. A limit that this system does not have is left out."""
    memory = memory_mb * 1024 * 1024
    wanted = {"RLIMIT_AS": memory, "RLIMIT_DATA": memory, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 64}
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            _set_limit(kind, value, value)
    _set_limit(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 5)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _set_limit(kind: int, soft: int, hard: int) -> None:
    _, allowed = resource.getrlimit(kind)
    if allowed != resource.RLIM_INFINITY:
        soft, hard = min(soft, allowed), min(hard, allowed)
    try:
        resource.setrlimit(kind, (soft, hard))
    except ValueError:
        # macOS knows RLIMIT_AS but refuses to set it; the parent's clock and the other limits remain.
        if sys.platform == "linux":
            raise


def read(media_type: str, path: Path, progress: Callable[[int, int], None]) -> Iterator[Page]:
    """The document's pages by the parser for its type."""
    if media_type == PDF:
        from chatai.integrations.reader.pdf import read_pdf

        return read_pdf(path, progress)
    if media_type == DOCX:
        from chatai.integrations.reader.docx import read_docx

        return read_docx(path, progress)
    if media_type == HTML:
        from chatai.integrations.reader.html import read_html

        return read_html(path, progress)
    from chatai.integrations.reader.plain import read_plain

    return read_plain(path, media_type, progress)


def main(arguments: list[str]) -> int:
    media_type, path, memory_mb, cpu_seconds = arguments
    limit(int(memory_mb), int(cpu_seconds))
    out = os.fdopen(1, "w", encoding="utf-8", buffering=1, closefd=False)

    def tell(kind: str, **fields: Any) -> None:
        out.write(json.dumps({"kind": kind, **fields}, ensure_ascii=False) + "\n")

    def progress(pages_read: int, page_count: int) -> None:
        tell("progress", pages_read=pages_read, page_count=page_count)

    code: str
    try:
        count = 0
        if media_type == XLSX:
            from chatai.integrations.reader.xlsx import read_xlsx

            for cells in read_xlsx(Path(path)):
                tell("row", cells=cells)
            tell("done", page_count=0)
            return 0
        for page in read(media_type, Path(path), progress):
            count += 1
            headings = [vars(heading) for heading in page.headings]
            tables = [vars(table) for table in page.tables]
            tell(
                "page",
                number=page.number,
                text=page.text,
                headings=headings,
                unreadable=page.unreadable,
                tables=tables,
            )
        tell("done", page_count=count)
        return 0
    except ReadFailure as failure:
        code = failure.code
    except MemoryError:
        code = "parser_memory"
    except Exception as error:
        # A parser's own surprise at a damaged document. Its kind helps in the log; its text may quote the document.
        print(f"{type(error).__module__}.{type(error).__qualname__}", file=sys.stderr)
        code = "damaged_file"
    tell("error", code=code)
    return 1


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)  # the parsers' remarks on documents are of no use to anyone
    sys.setrecursionlimit(3_000)
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # nothing to tidy up: freeing a large parse tree only takes time
