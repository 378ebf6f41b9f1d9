"""A new embedding model: the old vectors serve until the new ones are all there, and nothing is embedded twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import text

from chatai.core.actor import Actor, Role
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.core.settings import Settings
from chatai.domains.knowledge import service, tending, vectors
from chatai.domains.knowledge.errors import EmbeddingsAway
from chatai.domains.knowledge.ports import Purpose, embedder
from chatai.domains.knowledge.schemas import Passage
from chatai.integrations.openai.embeddings import OpenAIEmbedder
from tests.fakes.openai import FakeOpenAI, Plan
from tests.knowledge.conftest import Add

TEXTS = [f"Насос номер {number} качает воду, и его цена {number * 100} рублей." for number in range(12)]
JOBS = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'tend_index'")
INDEXES = text("SELECT count(*) FROM pg_class WHERE relname LIKE 'near\\_%'")


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        yield running


@pytest.fixture
async def use(fake: FakeOpenAI, settings: Settings, ports: None) -> AsyncIterator[Callable[[str, int], OpenAIEmbedder]]:
    """Sets the embedding model, as a restart with other settings does."""
    made: list[OpenAIEmbedder] = []

    def using(name: str, dimensions: int) -> OpenAIEmbedder:
        values = {"openai_base_url": fake.url, "embedding_model": name, "embedding_dimensions": dimensions}
        made.append(OpenAIEmbedder(settings.model_copy(update=values)))
        embedder.bind(made[-1])
        return made[-1]

    yield using
    for model in made:
        await model.close()


def embedded(fake: FakeOpenAI, model: str) -> list[str]:
    return [
        piece
        for request in fake.requests
        if request.outcome == "answered" and request.body.get("model") == model
        for piece in request.body["input"]
    ]


async def search(database: Database, actor: Actor, assistant_id: UUID, query: str) -> list[Passage]:
    vector = await service.embed_query(query, assistant_id)
    async with database.workspace(actor.workspace_id) as uow:
        return await service.search(uow, assistant_id, query, vector=vector)


async def status(database: Database, actor: Actor, assistant_id: UUID) -> tending.IndexView:
    async with database.workspace(actor.workspace_id) as uow:
        return await service.status(uow, actor, assistant_id)


async def test_the_old_vectors_serve_until_the_new_ones_are_there(
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    ready: Add,
    fake: FakeOpenAI,
    use: Callable[[str, int], OpenAIEmbedder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tending, "EMBEDDING_BATCH", 5)
    use("old", 64)
    for number, piece in enumerate(TEXTS):
        await ready(f"{number}.txt", piece)
    assert await status(database, actor, assistant_id) == tending.IndexView(12, "old@64", "", 0, 0)

    model = use("new", 32)
    embed = model.embed

    async def embed_once(texts: list[str], purpose: Purpose, *, model: str | None = None) -> list[list[float]]:
        result = await embed(texts, purpose, model=model)
        fake.plan = Plan(status=503)
        return result

    monkeypatch.setattr(model, "embed", embed_once)
    with pytest.raises(EmbeddingsAway):
        await service.tend(database, actor.workspace_id, assistant_id)
    fake.plan = Plan()
    monkeypatch.setattr(model, "embed", embed)
    assert await status(database, actor, assistant_id) == tending.IndexView(
        12, "old@64", "new@32", 5, 7, "embeddings_away", True
    )
    first, second = [await search(database, actor, assistant_id, "качает воду") for _ in range(2)]
    assert all(passage.vector_rank is None for passage in first)  # asked of the new model, whose vectors don't serve
    assert any(passage.vector_rank == 1 for passage in second)  # asked of the old one

    await service.tend(database, actor.workspace_id, assistant_id)
    assert await status(database, actor, assistant_id) == tending.IndexView(12, "new@32", "", 0, 0)
    assert sorted(piece for piece in embedded(fake, "new") if piece in TEXTS) == sorted(TEXTS)
    third, fourth = [await search(database, actor, assistant_id, "качает воду") for _ in range(2)]
    assert all(passage.vector_rank is None for passage in third)  # was still asked of the old one
    assert any(passage.vector_rank == 1 for passage in fourth)
    async with database.workspace(actor.workspace_id) as uow:
        assert await vectors.count(uow, actor.workspace_id, assistant_id, "old@64") == 0


async def test_why_it_does_not_go_on_is_told_until_it_does(
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    ready: Add,
    fake: FakeOpenAI,
    use: Callable[[str, int], OpenAIEmbedder],
    new_actor: Callable[..., Awaitable[Actor]],
) -> None:
    use("old", 64)
    await ready("a.txt", TEXTS[0])
    use("new", 32)

    async def told() -> tuple[str, bool]:
        view = await status(database, actor, assistant_id)
        return view.trouble, view.retrying

    fake.plan = Plan(status=401)
    await service.tend(database, actor.workspace_id, assistant_id)
    assert await told() == ("embeddings_refused", False)
    fake.plan = Plan(status=503)
    for last_try in (False, True):
        with pytest.raises(EmbeddingsAway):
            await service.tend(database, actor.workspace_id, assistant_id, last_try=last_try)
        assert await told() == ("embeddings_away", not last_try)

    async with database.system() as uow:
        await uow.session.execute(text("DELETE FROM procrastinate_jobs"))
    user = await new_actor(workspace_id=actor.workspace_id, role=Role.USER)
    with pytest.raises(Forbidden):
        async with database.workspace(user.workspace_id, user.account_id) as uow:
            await service.embed_anew(uow, user, assistant_id)
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.embed_anew(uow, actor, assistant_id)
    assert await told() == ("", False)
    async with database.system() as uow:
        assert (await uow.session.execute(JOBS)).scalar() == 1
    fake.plan = Plan(status=503)
    with pytest.raises(EmbeddingsAway):
        await service.tend(database, actor.workspace_id, assistant_id)
    fake.plan = Plan()
    await service.tend(database, actor.workspace_id, assistant_id)
    assert await status(database, actor, assistant_id) == tending.IndexView(1, "new@32", "", 0, 0)
    async with database.system() as uow:
        left = await uow.session.execute(text("SELECT trouble, retrying FROM knowledge_index"))
        assert [tuple(row) for row in left] == [("", False)]


async def test_what_was_embedded_is_not_embedded_again(
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    ready: Add,
    fake: FakeOpenAI,
    use: Callable[[str, int], OpenAIEmbedder],
) -> None:
    use("tiny", 64)
    long = "\n\n".join(f"Раздел {number}. " + f"Насос {number} качает воду. " * 40 for number in range(10))
    before = await ready("old.txt", long)
    asked = len(embedded(fake, "tiny"))
    assert asked == before.chunk_count >= 10
    after = await ready("new.txt", long + "\n\nРаздел последний. " + "Вентиль стоит сто рублей. " * 40)
    assert after.chunks_embedded == after.chunk_count > before.chunk_count
    assert len(embedded(fake, "tiny")) - asked <= 4  # the end of the text is cut anew
    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await service.delete_document(uow, actor, before.id)
    await service.tend(database, actor.workspace_id, assistant_id)
    async with database.workspace(actor.workspace_id) as uow:
        assert await vectors.count(uow, actor.workspace_id, assistant_id, "tiny@64") == await vectors.texts(
            uow, assistant_id
        )


async def test_documents_from_before_are_embedded_when_a_model_is_set(
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    ready: Add,
    use: Callable[[str, int], OpenAIEmbedder],
) -> None:
    await ready("a.txt", TEXTS[0])
    use("tiny", 64)
    async with database.system() as uow:
        await uow.session.execute(text("DELETE FROM procrastinate_jobs"))
    assert await service.enqueue_all(database) == 1
    assert await service.enqueue_all(database) == 1
    async with database.system() as uow:
        assert (await uow.session.execute(JOBS)).scalar() == 1
    await service.tend(database, actor.workspace_id, assistant_id)
    assert await service.enqueue_all(database) == 0
    assert (await search(database, actor, assistant_id, "вода"))[0].vector_rank == 1


async def test_many_vectors_have_an_index_of_neighbours_for_their_assistant_alone(
    database: Database,
    actor: Actor,
    stranger: Actor,
    assistant_id: UUID,
    ready: Add,
    use: Callable[[str, int], OpenAIEmbedder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vectors, "EXACT_VECTORS", 10)
    use("tiny", 64)
    for number, piece in enumerate(TEXTS):
        await ready(f"{number}.txt", piece)
    async with database.workspace(actor.workspace_id) as uow:
        assert (await uow.session.execute(INDEXES)).scalar() == 1
    found = await search(database, actor, assistant_id, TEXTS[7])
    assert (found[0].text, found[0].vector_rank) == (TEXTS[7], 1)
    vector = await service.embed_query(TEXTS[7])
    async with database.workspace(stranger.workspace_id) as uow:
        assert await service.search(uow, assistant_id, TEXTS[7], vector=vector) == []
        assert (await uow.session.execute(text("SELECT count(*) FROM chunk_vector"))).scalar() == 0
    use("other", 32)
    await service.tend(database, actor.workspace_id, assistant_id)
    async with database.workspace(actor.workspace_id) as uow:
        assert (await uow.session.execute(INDEXES)).scalar() == 1
    from chatai.domains.assistants import service as assistants

    async with database.workspace(actor.workspace_id, actor.account_id) as uow:
        await assistants.delete_assistant(uow, actor, assistant_id)
        assert (await uow.session.execute(INDEXES)).scalar() == 0
