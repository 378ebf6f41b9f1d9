"""What is in the documents is found."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.database import Database
from chatai.domains.knowledge import service
from chatai.domains.knowledge.query import _quoted
from tests.knowledge.conftest import Add, make_assistant
from tests.knowledge.documents import make_docx, make_pdf

PRICES = """Насос РРR-9087 подходит для скважин, его цена 12 400 рублей.

Ёлочные игрушки продаются с ноября.

Соответствует ГОСТ 12.1.004 и пожарным нормам.

The delivery of pumps takes five days across the country.

Возврат товара возможен в течение четырнадцати дней."""


# Each paragraph is a document of its own, named by its number.
FIRST = {
    "Сколько стоят насосы для скважины?": "0.txt",
    "елочная игрушка": "1.txt",
    "Ёлочных": "1.txt",
    "PPR-9087": "0.txt",
    "ppr 9087": "0.txt",
    "есть в наличии РРR9087?": "0.txt",
    "гост 12.1.004": "2.txt",
    "When are pumps delivered?": "3.txt",
    "можно ли вернуть товары": "4.txt",
    # signs of the query language are text
    "насос' & !x": "0.txt",
    "насос:*": "0.txt",
    "насос | \\": "0.txt",
    "нас'ос насос": "0.txt",
    "насос <-> <2>": "0.txt",
}
NOTHING = ["", "   ", "\x00", "и в на", "!!! ??? &|<->()':*", "' | '' \\", "квантовая хромодинамика"]


async def test_inflection_yo_codes_english_and_signs(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    for number, paragraph in enumerate(PRICES.split("\n\n")):
        await ready(f"{number}.txt", paragraph)
    async with database.workspace(actor.workspace_id) as uow:
        found = {query: await service.search(uow, assistant_id, query) for query in [*FIRST, *NOTHING]}
    assert {query: found[query][0].document_name if found[query] else None for query in FIRST} == FIRST
    assert {query: found[query] for query in NOTHING} == {query: [] for query in NOTHING}
    best = found["PPR-9087"][0]
    assert (best.text_rank, best.vector_rank) == (1, None)


async def test_rare_words_weigh_more_than_common_ones(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    for number in range(8):
        await ready(f"{number}.txt", f"Цена товара указана в прайсе, цена товара номер {number}")
    await ready("rare.txt", "Фланец есть, о нём отдельный разговор и долгий рассказ")
    async with database.workspace(actor.workspace_id) as uow:
        passages = await service.search(uow, assistant_id, "цена на товар фланец")
    assert passages[0].document_name == "rare.txt"
    assert [passage.score for passage in passages] == sorted((passage.score for passage in passages), reverse=True)


async def test_passage_stands_where_it_says(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID, tmp_path: Path
) -> None:
    document = await ready("a.pdf", make_pdf(tmp_path / "a", ["First page about pumps", "Second page about valves"]))
    async with database.workspace(actor.workspace_id) as uow:
        (passage,) = await service.search(uow, assistant_id, "valves")
        first = await service.get_page(uow, actor, document.id, passage.page)
        last = await service.get_page(uow, actor, document.id, passage.page_end)
    assert (passage.page, passage.page_end) == (1, 2)
    assert passage.text == first.text[passage.char_start :] + "\n" + last.text[: passage.char_end]


async def test_heading_is_searched(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID, tmp_path: Path
) -> None:
    await ready("a.docx", make_docx(tmp_path / "a"))
    async with database.workspace(actor.workspace_id) as uow:
        (passage, *_) = await service.search(uow, assistant_id, "доставка")
    assert "пять дней" in passage.text


async def test_other_assistants_documents_are_not_searched(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    other = await make_assistant(database, actor, "Other")
    await ready("a.txt", "Гарантия два года", to=other)
    async with database.workspace(actor.workspace_id) as uow:
        assert await service.search(uow, assistant_id, "гарантия") == []
        assert len(await service.search(uow, other, "гарантия")) == 1


async def test_quoted_words_stand_in_the_passages_as_they_are_written(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    await ready("a.txt", "Гарантийный срок на насосы составляет два года со дня продажи")
    await ready("b.txt", "Срок гарантии: гарантийного срока на трубы нет, на насосы два года, гарантийный ремонт")
    async with database.workspace(actor.workspace_id) as uow:
        exact = await service.search(uow, assistant_id, "какой «гарантийный   СРОК на насосы»?")
        assert [passage.document_name for passage in exact] == ["a.txt"]
        nowhere = await service.search(uow, assistant_id, 'есть ли "гарантийный срок на вентили"')
    assert {passage.document_name for passage in nowhere} == {"a.txt", "b.txt"}


async def test_of_near_duplicates_the_best_is_shown_but_lines_of_a_price_list_all(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    same = "Доставка насосов по стране занимает пять рабочих дней после оплаты счёта заказчиком"
    await ready("a.txt", same)
    await ready("b.txt", same + " полностью")
    for number in (10, 20):
        await ready(f"{number}.txt", f"Насос скважинный чугунный с кабелем и защитой от сухого хода модель {number}")
    async with database.workspace(actor.workspace_id) as uow:
        delivery = await service.search(uow, assistant_id, "доставка по стране")
        pumps = await service.search(uow, assistant_id, "насос скважинный чугунный модель")
    assert len(delivery) == 1
    assert {"10.txt", "20.txt"} <= {passage.document_name for passage in pumps}


async def test_quotation_marks_and_bullets_are_no_letters(
    ready: Add, database: Database, actor: Actor, assistant_id: UUID
) -> None:
    await ready("a.txt", "Поставщик — ООО «Ромашка», договор №5…\n•Оплата по счёту\nThe “daisy” brand")
    async with database.workspace(actor.workspace_id) as uow:
        for query in ("ромашка", "«Ромашка»", "«ромашки»", "оплата", "daisy", "“daisy”", "договор"):
            assert len(await service.search(uow, assistant_id, query)) == 1, query


def test_quoting() -> None:
    assert _quoted("o'neil\\") == "'o''neil\\\\'"
