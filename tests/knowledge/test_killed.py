"""kill -9 of the process that reads a document, at one moment after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

import chatai
from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.knowledge import ingestion, service
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.schemas import DocumentView
from chatai.integrations.openai.embeddings import OpenAIEmbedder
from tests.fakes.openai import FakeOpenAI, Plan
from tests.knowledge.conftest import Add
from tests.knowledge.documents import shared_data
from tests.waiting import eventually

ROOT = Path(chatai.__file__).parents[1]
# What a job's process does, with nothing of the queue around it.
INGEST = """
import asyncio, sys
from uuid import UUID
from chatai import wiring
from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.domains.knowledge import ingestion, service
wiring.bind(get_settings())
ingestion.EMBEDDING_BATCH = 20
asyncio.run(service.ingest(get_database(), UUID(sys.argv[1]), UUID(sys.argv[2])))
"""


@pytest.fixture
async def fake(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeOpenAI]:
    """An embedding endpoint that the killed process and this one use alike."""
    async with FakeOpenAI() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.setenv("EMBEDDING_MODEL", "tiny")
        monkeypatch.setenv("EMBEDDING_DIMENSIONS", "32")
        values = {"openai_base_url": running.url, "embedding_model": "tiny", "embedding_dimensions": 32}
        model = OpenAIEmbedder(settings.model_copy(update=values))
        embedder.bind(model)
        yield running
        await model.close()


def readers() -> list[psutil.Process]:
    """Reading children of anybody that read one of this test's files."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "chatai.integrations.reader.child" in (process.info["cmdline"] or [])
        and process.status() != psutil.STATUS_ZOMBIE
        and str(os.environ["DATA_DIR"]) in " ".join(process.info["cmdline"])
    ]


async def test_killed_at_any_moment_it_ends_ready_with_every_chunk_once(
    database: Database, actor: Actor, add: Add, fake: FakeOpenAI
) -> None:
    document = await add("geo.pdf", shared_data("pdf") / "GeoTopo-komprimiert.pdf")

    async def seen() -> DocumentView:
        async with database.workspace(actor.workspace_id) as uow:
            return await service.get_document(uow, actor, document.id)

    async def begun() -> bool:
        return (await seen()).state == "reading"

    async def halfway() -> bool:
        return (await seen()).pages_read > 40

    async def some_vectors() -> bool:
        fake.plan = Plan() if (await seen()).chunks_embedded == 0 else Plan(status=503)
        return (await seen()).chunks_embedded > 0

    for moment in (begun, halfway, some_vectors):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", INGEST, str(actor.workspace_id), str(document.id),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        await eventually(moment, patience=90, pause=0.005)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await eventually(lambda: not readers(), patience=90)  # the parser dies with its parent
    cut_off = await seen()
    assert cut_off.state == "embedding"
    assert 0 < cut_off.chunks_embedded < cut_off.chunk_count

    fake.plan = Plan()
    asked_before = len(fake.requests)
    await service.ingest(database, actor.workspace_id, document.id)
    done = await seen()
    assert (done.state, done.chunks_embedded) == ("ready", done.chunk_count)
    asked = sum(len(request.body["input"]) for request in list(fake.requests)[asked_before:])
    assert asked == done.chunk_count - cut_off.chunks_embedded
    assert asked > ingestion.EMBEDDING_BATCH
    async with database.system() as uow:
        ordinals = (await uow.session.execute(text("SELECT ordinal FROM chunk ORDER BY ordinal"))).scalars().all()
        pages = (await uow.session.execute(text("SELECT count(*) FROM document_page"))).scalar()
    assert (ordinals, pages) == (list(range(done.chunk_count)), 117)
