"""Chunks know where they stand."""

from __future__ import annotations

import random

import pytest

from chatai.domains.knowledge.chunking import PAGE_JOINT, chunk, page_starts
from chatai.domains.knowledge.schemas import ChunkDraft, ReadHeading, ReadPage, ReadTable
from chatai.domains.knowledge.sizing import Ruler, by_characters, estimated

RULER = by_characters(400)

WORDS = ["насос", "ёлка", "price", "pump", "🚀", "e\u0301tude", "ППР-9087", "срок", "—", "Вопрос?", "\n", "\n\n\t"]


def random_pages(seed: int) -> list[ReadPage]:
    """Pages of any length, empty ones too, with headings at random places."""
    source = random.Random(seed)
    pages = []
    for number in range(1, source.randint(2, 12)):
        text = " ".join(source.choices(WORDS, k=source.choice([0, 1, 20, 200, 900])))
        offsets = sorted(source.randint(0, len(text)) for _ in range(source.randint(0, 4)))
        headings = tuple(ReadHeading(offset, source.randint(1, 4), f"Раздел {offset}") for offset in offsets)
        pages.append(ReadPage(number, text, headings))
    return pages


@pytest.mark.parametrize("seed", range(40))
def test_offsets_hold_and_nothing_is_lost_or_doubled(seed: int) -> None:
    pages = random_pages(seed)
    whole = PAGE_JOINT.join(page.text for page in pages)
    starts = dict(zip((page.number for page in pages), page_starts(pages), strict=True))
    by_number = {page.number: page.text for page in pages}
    end_before = 0
    for ordinal, piece in enumerate(chunk(pages, RULER)):
        assert piece.ordinal == ordinal
        assert 0 < len(piece.text) <= 1_200
        start, end = starts[piece.page] + piece.char_start, starts[piece.page_end] + piece.char_end
        assert whole[start:end] == piece.text
        if piece.page == piece.page_end:
            assert by_number[piece.page][piece.char_start : piece.char_end] == piece.text
        assert whole[end_before:start].strip() == ""
        end_before = end
    assert whole[end_before:].strip() == ""


def chunks_of(*pages: ReadPage) -> list[ChunkDraft]:
    return list(chunk(pages, RULER))


def test_sentence_over_the_page_end_stays_in_one_chunk() -> None:
    (piece,) = chunks_of(ReadPage(1, "Гарантия действует"), ReadPage(2, "два года."))
    assert (piece.page, piece.page_end, piece.char_start, piece.char_end) == (1, 2, 0, 9)
    assert piece.text == "Гарантия действует\nдва года."


def test_heading_path_and_sections() -> None:
    long = "Предложение о насосе. " * 40
    text = f"Насос\n{long}\nУход\n{long}"
    headings = (ReadHeading(0, 1, "Насос"), ReadHeading(text.index("Уход"), 2, "Уход"))
    pieces = chunks_of(ReadPage(1, text, headings))
    assert [piece.heading for piece in pieces] == ["Насос", "Насос › Уход"]
    assert pieces[1].text.startswith("Уход")


def test_small_sections_are_put_together() -> None:
    text = "A\nраз\nB\nдва слова больше"
    headings = (ReadHeading(0, 1, "A"), ReadHeading(text.index("B"), 1, "B"))
    (piece,) = chunks_of(ReadPage(1, text, headings))
    assert piece.heading == "B"


def test_empty_pages_give_no_chunks() -> None:
    assert chunks_of(ReadPage(1, ""), ReadPage(2, "  \n ")) == []


def test_a_chunk_that_begins_within_a_table_names_its_columns() -> None:
    rows = [f"ППР-{number} | {number} ₽ | {' '.join(['слово'] * 12)}" for number in range(40)]
    text = "Модель | Цена | Примечание\n" + "\n".join(rows)
    header = "Модель | Цена | Примечание"
    table = ReadTable(len(header) + 1, len(text), header)
    chunks = list(chunk([ReadPage(1, text, (ReadHeading(0, 1, "Цены"),), tables=(table,))], RULER))
    assert len(chunks) > 2
    assert chunks[0].heading == "Цены"
    assert {piece.heading for piece in chunks[1:]} == {f"Цены › {header}"}
    for piece in chunks:
        assert piece.text == text[piece.char_start : piece.char_end]
        assert all(line in (header, *rows) for line in piece.text.split("\n"))  # rows are whole


@pytest.mark.parametrize("seed", range(10))
def test_no_chunk_is_longer_than_the_model_takes_with_its_heading(seed: int) -> None:
    ruler = Ruler(capacity=90, room=100)
    pages = random_pages(seed)
    pieces = list(chunk(pages, ruler))
    assert all(estimated(f"{piece.heading}\n{piece.text}") <= 100 for piece in pieces)
    joined = PAGE_JOINT.join(page.text for page in pages)
    assert "".join("".join(piece.text for piece in pieces).split()) == "".join(joined.split())


def test_the_size_counts_in_tokens_not_in_characters() -> None:
    russian, english = "Насос перекачивает воду. " * 200, "The pump moves some water. " * 200
    sizes = [
        [len(piece.text) for piece in chunk([ReadPage(1, text)], Ruler(capacity=200))] for text in (russian, english)
    ]
    assert max(sizes[0]) < 450 < 600 < max(sizes[1])


def test_a_long_heading_leaves_half_the_room_to_the_text() -> None:
    ruler = Ruler(capacity=90, room=100)
    assert ruler.capacity_under(["слово " * 200]) == 50
    assert ruler.capacity_under(["раз два"]) == 90
    assert ruler.capacity_under(["раз " * 20]) == 59
    assert ruler.capacity_under([""]) == 90
