"""Trying the search: what an answer would be given, and why."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from chatai.core.actor import Actor, Role
from chatai.core.database import Database
from chatai.core.errors import Forbidden
from chatai.domains.assistants.errors import AssistantNotFound
from chatai.domains.knowledge import service
from chatai.domains.knowledge.marking import marked
from chatai.integrations.openai.embeddings import OpenAIEmbedder
from tests.fakes.openai import FakeOpenAI, Plan
from tests.knowledge.conftest import Add
from tests.knowledge.test_reranking import Endpoint, endpoint
from tests.knowledge.test_tending import fake, use

__all__ = ["endpoint", "fake", "use"]

PUMPS = "Насос ППР-9087 качает воду из колодца. Гарантия на насосы — два года."
HOSES = "Шланги для воды продаются отдельно и стоят триста рублей за метр."


async def test_without_an_embedding_model_the_words_are_told(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add
) -> None:
    document = await ready("pumps.txt", PUMPS)
    await ready("hoses.txt", HOSES)
    found = await service.try_search(database, actor, assistant_id, 'Сколько стоит насоса ппр 9087 "качает воду"?')
    assert (found.vector_leg, found.vector_model, found.embed_ms) == ("off", "", None)
    assert (found.reranker_set, found.rerank_ms) == (False, None)
    assert found.search_ms > 0
    words = {word.text: word.passages for word in found.words if not word.is_code}
    assert [words[stem] for stem in ("насос", "кача", "вод", "скольк")] == [1, 1, 2, 0]
    assert [(word.text, word.passages) for word in found.words if word.is_code] == [("ппp9087", 1)]
    assert (found.phrases, found.phrases_held) == (("качает воду",), True)
    [first] = found.passages  # the phrase stands in one alone
    assert (first.passage.document_id, first.place, first.place_before) == (document.id, 1, None)
    assert (first.passage.text_rank, first.passage.vector_rank) == (1, None)
    assert first.score == first.passage.score
    assert "".join(text for text, _ in first.pieces) == first.passage.text
    elsewhere = await service.try_search(database, actor, assistant_id, 'насос "качает нефть"')
    assert (elsewhere.phrases, elsewhere.phrases_held) == (("качает нефть",), False)
    assert [text for text, is_marked in first.pieces if is_marked] == [
        "Насос",
        "ППР-9087",
        "качает",
        "воду",
        "насосы",
    ]


async def test_both_legs_tell_their_ranks_and_times(
    database: Database,
    actor: Actor,
    assistant_id: UUID,
    ready: Add,
    fake: FakeOpenAI,
    use: Callable[[str, int], OpenAIEmbedder],
) -> None:
    use("tiny", 64)
    await ready("pumps.txt", PUMPS)
    await ready("hoses.txt", HOSES)
    found = await service.try_search(database, actor, assistant_id, "насос качает воду")
    assert (found.vector_leg, found.vector_model) == ("on", "tiny@64")
    assert found.embed_ms is not None
    assert found.embed_ms > 0
    assert [(one.passage.text_rank, one.passage.vector_rank) for one in found.passages] == [(1, 1), (2, 2)]
    assert found.passages[0].score == pytest.approx(2 / 61)
    use("other", 32)  # whose vectors are not there yet: the former model's serve, and are asked at once
    assert (await service.try_search(database, actor, assistant_id, "насос")).vector_model == "tiny@64"
    fake.plan = Plan(status=503)
    away = await service.try_search(database, actor, assistant_id, "насос качает воду")
    assert away.vector_leg == "away"
    assert [one.passage.vector_rank for one in away.passages] == [None, None]


async def test_it_tells_what_the_reranking_model_moved(
    database: Database, actor: Actor, assistant_id: UUID, ready: Add, endpoint: Endpoint
) -> None:
    await ready("short.txt", "Насос качает воду.")
    await ready("long.txt", f"Вода. {PUMPS} И ещё несколько слов о другом.")
    found = await service.try_search(database, actor, assistant_id, "насос качает воду")
    assert [(one.place, one.place_before) for one in found.passages] == [(1, 2), (2, 1)]
    assert found.passages[0].score < found.passages[1].score  # the fused ones
    assert found.rerank_ms is not None
    endpoint.status = 500
    away = await service.try_search(database, actor, assistant_id, "насос качает воду")
    assert (away.reranker_set, [one.place_before for one in away.passages]) == (True, [None, None])


async def test_it_is_for_those_who_tend_the_knowledge(
    database: Database, actor: Actor, stranger: Actor, assistant_id: UUID, ready: Add
) -> None:
    await ready("pumps.txt", PUMPS)
    for other in (
        Actor("person", actor.workspace_id, Role.USER, account_id=actor.account_id),
        Actor("bot", actor.workspace_id),
    ):
        with pytest.raises(Forbidden):
            await service.try_search(database, other, assistant_id, "насос")
    with pytest.raises(AssistantNotFound):
        await service.try_search(database, stranger, assistant_id, "насос")


def test_marks_cover_whole_words_and_codes() -> None:
    pieces = marked("Ёлка и e\u0301лка, ППР-9087.", {"елка"}, {"=ппp9087"})
    assert "".join(text for text, _ in pieces) == "Ёлка и e\u0301лка, ППР-9087."
    assert [text for text, is_marked in pieces if is_marked] == ["Ёлка", "ППР-9087"]
    assert marked("", {"a"}, set()) == ()
