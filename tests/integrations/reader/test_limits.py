"""The child is limited, clean and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import zlib
from pathlib import Path

import psutil
import pytest

from chatai.domains.knowledge.errors import ParserMemory, ParserTimeout
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.protocol import DOCX, PDF, TEXT
from tests.integrations.reader.reading import read_all
from tests.knowledge.documents import make_docx, make_pdf, raw_pdf, shared_data


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "reader.child" in " ".join(cmdline(child))]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


async def test_too_slow_is_stopped_and_gone() -> None:
    reader = ChildReader(timeout_seconds=1, memory_mb=1024)
    with pytest.raises(ParserTimeout) as caught:
        await read_all(reader, shared_data("pdf") / "GeoTopo-komprimiert.pdf", PDF)
    assert "1" in caught.value.sentence("ru")
    assert children() == []


async def test_too_much_memory_is_refused(tmp_path: Path) -> None:
    """A page whose content stream unpacks to far more than the child may have."""
    stream = zlib.compress(b"BT (x) Tj ET " * 5_500_000, 9)
    length = str(len(stream)).encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<>>>>",
        b"<</Filter/FlateDecode/Length " + length + b">>stream\n" + stream + b"\nendstream ",
    ]
    path = raw_pdf(tmp_path / "a.pdf", objects)
    with pytest.raises(ParserMemory):
        await read_all(ChildReader(timeout_seconds=60, memory_mb=160), path, PDF)


async def test_ordinary_documents_fit_into_the_smallest_allowed_memory(tmp_path: Path) -> None:
    reader = ChildReader(timeout_seconds=60, memory_mb=128)
    for path, media_type in ((make_docx(tmp_path / "a"), DOCX), (make_pdf(tmp_path / "b", ["text"]), PDF)):
        pages, _ = await read_all(reader, path, media_type)
        assert pages


async def test_closing_the_iterator_ends_the_child(tmp_path: Path) -> None:
    reader = ChildReader(timeout_seconds=60, memory_mb=1024)
    events = reader.read(shared_data("pdf") / "GeoTopo-komprimiert.pdf", PDF)
    await anext(events)
    assert len(children()) == 1
    await events.aclose()
    assert children() == []


async def test_cancelling_ends_the_child() -> None:
    reader = ChildReader(timeout_seconds=60, memory_mb=1024)
    path = shared_data("pdf") / "GeoTopo-komprimiert.pdf"
    started = asyncio.Event()

    async def consume() -> None:
        async for _ in reader.read(path, PDF):
            started.set()

    task = asyncio.create_task(consume())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == []


async def test_child_sees_no_secrets_and_may_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    path = tmp_path / "a.txt"
    path.write_text("слово " * 1_500_000)  # long enough to look at the child while it reads
    events = ChildReader(timeout_seconds=60, memory_mb=1024).read(path, TEXT)
    reading = asyncio.ensure_future(anext(events))
    while not (found := children()):
        assert not reading.done()
        await asyncio.sleep(0)
    (child,) = found
    environment = child.environ()
    assert set(environment) <= {"PATH", "PYTHONPATH", "PYTHONUTF8", "LANG"}
    assert os.getsid(child.pid) == child.pid
    await reading
    limits = child.rlimit(psutil.RLIMIT_AS), child.rlimit(psutil.RLIMIT_FSIZE), child.rlimit(psutil.RLIMIT_CORE)
    assert limits == ((1024**3, 1024**3), (0, 0), (0, 0))
    await events.aclose()


async def test_parsing_libraries_stay_out_of_this_process() -> None:
    code = (
        "import sys; import chatai.integrations.reader.process, chatai.integrations.storage; "
        "print(sorted({'pypdf', 'docx2python', 'lxml', 'semantic_text_splitter'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(
        os.sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"
