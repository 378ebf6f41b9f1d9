"""Reading a document to the end, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.assistants import service as assistants
from chatai.domains.knowledge import ingestion, queueing, service
from chatai.domains.knowledge.errors import EmbeddingsAway
from chatai.domains.knowledge.ports import document_reader, embedder
from chatai.domains.knowledge.schemas import DocumentView, ReadProgress
from chatai.integrations.embedders import Embedders
from chatai.integrations.openai.embeddings import OpenAIEmbedder
from chatai.integrations.reader.process import ChildReader
from tests.api.conftest import work_off
from tests.fakes.openai import FakeOpenAI, Plan
from tests.integrations.local_embeddings.folders import make_folder
from tests.knowledge.conftest import Add
from tests.knowledge.documents import make_pdf, shared_data

BOOK = [f"Page {number}. " + f"Sentence about pump {number} and its price. " * 30 for number in range(1, 31)]


class SteppingReader(ChildReader):
    """The real reader, which waits before each event until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__(timeout_seconds=60, memory_mb=1024)
        self.steps: asyncio.Queue[None] = asyncio.Queue()
        self.waiting = asyncio.Event()

    async def read(self, path: Path, media_type: str) -> Any:
        async for event in super().read(path, media_type):
            self.waiting.set()
            await self.steps.get()
            yield event


async def get(database: Database, actor: Actor, document_id: UUID) -> DocumentView:
    async with database.workspace(actor.workspace_id) as uow:
        return await service.get_document(uow, actor, document_id)


async def contents(database: Database) -> tuple[list[Any], list[Any]]:
    """Pages and chunks as they stand, by number and ordinal."""
    async with database.system() as uow:
        pages = (await uow.session.execute(text("SELECT number, text FROM document_page ORDER BY number"))).all()
        chunks = (
            await uow.session.execute(
                text(
                    "SELECT ordinal, page, text, (SELECT model FROM chunk_vector vector"
                    " WHERE vector.content = chunk.content) AS embedding_model FROM chunk ORDER BY ordinal"
                )
            )
        ).all()
    return list(pages), list(chunks)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        yield running


@pytest.fixture
async def vectors(fake: FakeOpenAI, settings: Settings) -> AsyncIterator[OpenAIEmbedder]:
    """A small embedding model behind the real client."""
    values = {"openai_base_url": fake.url, "embedding_model": "tiny", "embedding_dimensions": 64}
    model = OpenAIEmbedder(settings.model_copy(update=values))
    embedder.bind(model)
    yield model
    await model.close()


async def test_progress_is_seen_while_reading(database: Database, actor: Actor, add: Add, tmp_path: Path) -> None:
    reader = SteppingReader()
    document_reader.bind(reader)
    document = await add("a.pdf", make_pdf(tmp_path / "a", ["One", "Two", "Three"]))
    task = asyncio.create_task(service.ingest(database, actor.workspace_id, document.id))
    await reader.waiting.wait()
    assert (await get(database, actor, document.id)).state == "reading"
    reader.steps.put_nowait(None)
    reader.waiting.clear()
    await reader.waiting.wait()  # the first event has been dealt with
    seen = await get(database, actor, document.id)
    assert (seen.pages_read, seen.page_count, seen.state) == (0, 3, "reading")
    for _ in range(20):
        reader.steps.put_nowait(None)
    await task
    done = await get(database, actor, document.id)
    assert (done.state, done.pages_read, done.page_count, done.progress) == ("ready", 3, 3, 1.0)
    assert done.ready_at is not None


async def test_twice_is_once(database: Database, actor: Actor, ready: Add) -> None:
    document = await ready("a.txt", "Насос")
    before = await contents(database)
    await service.ingest(database, actor.workspace_id, document.id)
    assert await contents(database) == before
    assert await get(database, actor, document.id) == document


async def test_two_at_once_leave_one_set_of_chunks(database: Database, actor: Actor, add: Add, tmp_path: Path) -> None:
    document = await add("a.pdf", make_pdf(tmp_path / "a", BOOK))
    await asyncio.gather(*(service.ingest(database, actor.workspace_id, document.id) for _ in range(2)))
    pages, chunks = await contents(database)
    assert len(pages) == 30
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert (await get(database, actor, document.id)).state == "ready"


@pytest.mark.parametrize("after", [0, 1, 5, 40])
async def test_cut_off_while_reading_it_begins_anew(
    database: Database, actor: Actor, add: Add, tmp_path: Path, after: int
) -> None:
    reader = SteppingReader()
    document_reader.bind(reader)
    document = await add("a.pdf", make_pdf(tmp_path / "a", BOOK))
    task = asyncio.create_task(service.ingest(database, actor.workspace_id, document.id))
    for _ in range(after):
        await reader.waiting.wait()
        reader.waiting.clear()
        reader.steps.put_nowait(None)
    await reader.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await get(database, actor, document.id)).state == "reading"
    assert (await contents(database))[1] == []
    document_reader.bind(ChildReader(timeout_seconds=60, memory_mb=1024))
    await service.ingest(database, actor.workspace_id, document.id)
    pages, chunks = await contents(database)
    assert [page.number for page in pages] == list(range(1, 31))
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert (await get(database, actor, document.id)).state == "ready"


async def test_deleted_while_reading_leaves_nothing(
    database: Database, actor: Actor, add: Add, tmp_path: Path, settings: Settings
) -> None:
    reader = SteppingReader()
    document_reader.bind(reader)
    document = await add("a.pdf", make_pdf(tmp_path / "a", BOOK))
    task = asyncio.create_task(service.ingest(database, actor.workspace_id, document.id))
    await reader.waiting.wait()
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.delete_document(uow, actor, document.id)
    for _ in range(100):
        reader.steps.put_nowait(None)
    await task
    assert await contents(database) == ([], [])
    assert [path for path in settings.uploads_dir.rglob("*") if path.is_file()] == []


async def test_vectors_are_made_and_used(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add, vectors: OpenAIEmbedder, tmp_path: Path
) -> None:
    document = await ready("a.pdf", make_pdf(tmp_path / "a", BOOK))
    assert (document.state, document.chunks_embedded) == ("ready", document.chunk_count)
    assert document.chunk_count >= 30
    _, chunks = await contents(database)
    assert {chunk.embedding_model for chunk in chunks} == {"tiny@64"}
    await ready("b.txt", "Возврат товара возможен")
    vector = await service.embed_query("возврата товаров")
    async with database.workspace(actor.workspace_id) as uow:
        passages = await service.search(uow, assistant_id, "возврата товаров", vector=vector)
    assert passages[0].document_name == "b.txt"
    assert (passages[0].text_rank, passages[0].vector_rank) == (1, 1)
    assert any(passage.text_rank is None and passage.vector_rank for passage in passages)


async def test_a_local_model_embeds_and_finds(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add, settings: Settings, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "small")
    model = Embedders(settings.model_copy(update={"embedding_model": f"local:{folder}"}))
    embedder.bind(model)
    try:
        document = await ready("a.txt", "Насос, вода, цена")
        await ready("b.txt", "Возврат, товар, доставка")
        assert (document.state, document.chunks_embedded) == ("ready", 1)
        vector = await service.embed_query("Цена насос")
        assert vector is not None
        assert vector.model == model.model
        async with database.workspace(actor.workspace_id) as uow:
            passages = await service.search(uow, assistant_id, "и", vector=vector)
        assert [(passage.document_name, passage.vector_rank) for passage in passages] == [("a.txt", 1), ("b.txt", 2)]
    finally:
        await model.close()


async def test_search_goes_on_by_words_when_the_model_is_away(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add, vectors: OpenAIEmbedder, fake: FakeOpenAI
) -> None:
    await ready("b.txt", "Возврат товара возможен")
    await fake.stop()
    vector = await service.embed_query("возврата товаров")
    assert vector is None
    async with database.workspace(actor.workspace_id) as uow:
        (passage,) = await service.search(uow, assistant_id, "возврата товаров", vector=vector)
    assert (passage.text_rank, passage.vector_rank) == (1, None)


async def test_away_in_the_middle_nothing_is_embedded_twice(
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    add: Add,
    vectors: OpenAIEmbedder,
    fake: FakeOpenAI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ingestion, "EMBEDDING_BATCH", 10)
    document = await add("a.pdf", make_pdf(tmp_path / "a", BOOK))
    embed = vectors.embed

    async def embed_once(texts: Any, purpose: Any) -> list[list[float]]:
        result = await embed(texts, purpose)
        fake.plan = Plan(status=503)
        return result

    monkeypatch.setattr(vectors, "embed", embed_once)
    with pytest.raises(EmbeddingsAway):
        await service.ingest(database, actor.workspace_id, document.id)
    halfway = await get(database, actor, document.id)
    assert (halfway.state, halfway.chunks_embedded, halfway.error_code) == ("embedding", 10, "embeddings_away")
    assert "по словам" in halfway.error("ru")
    async with database.workspace(actor.workspace_id) as uow:
        assert await service.search(uow, assistant_id, "pump 7 price")

    monkeypatch.setattr(vectors, "embed", embed)
    fake.plan = Plan()
    await service.ingest(database, actor.workspace_id, document.id)
    done = await get(database, actor, document.id)
    assert (done.state, done.chunks_embedded, done.error_code) == ("ready", done.chunk_count, "")
    asked = [request for request in fake.requests if request.outcome == "answered"]
    texts = [piece for request in asked for piece in request.body["input"]]
    assert len(texts) == len(set(texts)) == done.chunk_count


async def test_given_up_on_vectors_it_is_ready_by_words_and_can_be_repeated(
    database: Database, actor: Actor, add: Add, vectors: OpenAIEmbedder, fake: FakeOpenAI
) -> None:
    fake.plan = Plan(status=503)
    document = await add("a.txt", "Возврат товара")
    await service.ingest(database, actor.workspace_id, document.id, last_try=True)
    given_up = await get(database, actor, document.id)
    assert (given_up.state, given_up.error_code, given_up.chunks_embedded) == ("ready", "embeddings_away", 0)
    fake.plan = Plan()
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        again = await service.retry_document(uow, actor, document.id)
    assert (again.state, again.error_code) == ("embedding", "")
    await service.ingest(database, actor.workspace_id, document.id)
    done = await get(database, actor, document.id)
    assert (done.state, done.chunks_embedded) == ("ready", 1)


async def test_a_document_that_waits_for_its_vectors_holds_up_no_other(
    database: Database,
    actor: Actor,
    add: Add,
    vectors: OpenAIEmbedder,
    fake: FakeOpenAI,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queueing, "PLACES_OF_A_WORKSPACE", 1)
    fake.plan = Plan(status=503)
    first = await add("a.txt", "Возврат товара")
    await work_off(database)
    second = await add("b.txt", "Доставка товара")
    await work_off(database)
    for document in (first, second):
        waiting = await get(database, actor, document.id)
        assert (waiting.state, waiting.error_code, waiting.chunk_count) == ("embedding", "embeddings_away", 1)


@pytest.mark.parametrize(
    "plan", [Plan(status=401), Plan(status=404), Plan(status=429, code="insufficient_quota"), Plan(status=400)]
)
async def test_refused_vectors_are_not_asked_for_again(
    database: Database, actor: Actor, add: Add, vectors: OpenAIEmbedder, fake: FakeOpenAI, plan: Plan
) -> None:
    fake.plan = plan
    document = await add("a.txt", "Возврат товара")
    await service.ingest(database, actor.workspace_id, document.id)
    settled = await get(database, actor, document.id)
    assert (settled.state, settled.error_code) == ("ready", "embeddings_refused")
    assert len(fake.requests) == 1


async def test_our_own_failure_is_retried_and_told_in_the_end(database: Database, actor: Actor, add: Add) -> None:
    class Broken(ChildReader):
        async def read(self, path: Path, media_type: str) -> Any:
            yield ReadProgress(0, 1)
            raise OSError("no processes left")

    document_reader.bind(Broken(timeout_seconds=1, memory_mb=128))
    document = await add("a.txt", "Текст")
    with pytest.raises(OSError, match="processes"):
        await service.ingest(database, actor.workspace_id, document.id)
    assert (await get(database, actor, document.id)).state == "reading"
    with pytest.raises(OSError, match="processes"):
        await service.ingest(database, actor.workspace_id, document.id, last_try=True)
    failed = await get(database, actor, document.id)
    assert (failed.state, failed.error_code) == ("failed", "reading_failed")
    assert await counted(database, actor) == (1, 0, 1)
    document_reader.bind(ChildReader(timeout_seconds=60, memory_mb=1024))
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        assert (await service.retry_document(uow, actor, document.id)).state == "queued"
    await service.ingest(database, actor.workspace_id, document.id)
    assert (await get(database, actor, document.id)).state == "ready"
    # A written answer is no document to who reads the list.
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.add_pair(uow, actor, document.assistant_id, "Когда?", "Завтра.")
    assert await counted(database, actor) == (1, 1, 0)


async def counted(database: Database, actor: Actor) -> tuple[int, int, int]:
    """The one assistant's documents, those that are ready and those that failed, as the list of assistants has them."""
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        [one] = await assistants.list_assistants(uow, actor)
    return one.document_count, one.ready_document_count, one.failed_document_count


async def test_chunks_stand_where_they_say(database: Database, actor: Actor, ready: Add) -> None:
    document = await ready("geo.pdf", shared_data("pdf") / "GeoTopo-komprimiert.pdf")
    assert (document.state, document.page_count, document.unreadable_pages) == ("ready", 117, 0)
    async with database.workspace(actor.workspace_id) as uow:
        wrong = await uow.session.execute(
            text(
                "SELECT count(*), count(*) FILTER (WHERE substr(sheet.text, chunk.char_start + 1,"
                " chunk.char_end - chunk.char_start) <> chunk.text)"
                " FROM chunk JOIN document_page sheet ON sheet.document_id = chunk.document_id"
                " AND sheet.number = chunk.page WHERE chunk.page = chunk.page_end"
            )
        )
        on_one_page, misplaced = wrong.one()
        assert on_one_page > 50
        assert misplaced == 0
        (best, *_) = await service.search(uow, document.assistant_id, "Satz von Heine-Borel")
    assert "Heine-Borel" in best.text
    assert best.page <= 21 <= best.page_end
    assert best.heading.startswith("1 ")
