"""Plain text and Markdown: encodings above all."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatai.domains.knowledge.errors import UnreadableEncoding
from chatai.integrations.reader.encodings import decode
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.protocol import MARKDOWN, TEXT
from tests.integrations.reader.reading import read_all

PROSE = "Гарантия действует двадцать четыре месяца со дня покупки. Ёлки «Москва» — №5, цена 100 рублей."
SHORT = ["Привет", "Да", "Цена договорная", "ООО «Ромашка»", "ВНИМАНИЕ! ВЫСОКОЕ НАПРЯЖЕНИЕ", "Съешь ещё этих булок",
         "Тел. 8-800-555-35-35, доб. 12", "Электрощит ЩРн-12", "насос", "МОСКВА"]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "koi8-r"])
@pytest.mark.parametrize("text", [PROSE, *SHORT])
def test_russian_comes_out_right(encoding: str, text: str) -> None:
    if encoding == "koi8-r":
        text = text.translate(str.maketrans({"«": '"', "»": '"', "—": "-", "№": "N"}))
    assert decode(text.encode(encoding)) == text


def test_dos_and_western_files() -> None:
    text = "Инструкция по применению: хранить в сухом месте."
    assert decode(text.encode("cp866")) == text
    assert decode("Café à Zürich, naïve façade".encode("cp1252")) == "Café à Zürich, naïve façade"
    assert decode(b"plain ascii") == "plain ascii"


def test_utf8_with_little_damage_is_read_with_marks() -> None:
    data = bytearray((PROSE * 20).encode())
    data[1001] = 0xFF
    text = decode(bytes(data))
    assert text is not None
    assert 1 <= text.count("\ufffd") <= 3
    assert text.endswith("рублей.")


def test_noise_is_no_text() -> None:
    import random

    noise = bytes(random.Random(7).choices(range(128, 256), k=4000))
    assert decode(noise) is None
    assert decode(bytes(random.Random(7).choices(range(256), k=4000))) is None


async def test_noise_named_txt_says_what_to_do(reader: ChildReader, tmp_path: Path) -> None:
    import random

    path = tmp_path / "a.txt"
    path.write_bytes(bytes(random.Random(1).choices(range(128, 256), k=2000)))
    with pytest.raises(UnreadableEncoding) as caught:
        await read_all(reader, path, TEXT)
    assert "UTF-8" in caught.value.sentence("ru")


async def test_markdown_headings_but_not_those_in_code(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Насос\n\nТекст.\n\n```sh\n# не заголовок\n```\n\n## Уход ##\nМыть.\n")
    pages, _ = await read_all(reader, path, MARKDOWN)
    (page,) = pages
    assert [(heading.level, heading.title) for heading in page.headings] == [(1, "Насос"), (2, "Уход")]
    assert "# не заголовок" in page.text
    for heading in page.headings:
        assert page.text[heading.offset :].startswith("#" * heading.level + " " + heading.title)


async def test_long_text_is_paged_at_paragraphs_and_form_feeds(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n\n".join(f"Абзац {n}. " + "слово " * 100 for n in range(20)))
    pages, _ = await read_all(reader, path, TEXT)
    assert len(pages) == 5
    assert all(page.text.startswith("Абзац") for page in pages)
    path.write_text("первая\fвторая")
    pages, _ = await read_all(reader, path, TEXT)
    assert [page.text for page in pages] == ["первая", "вторая"]


async def test_one_endless_line_is_cut(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("слово " * 20_000)
    pages, _ = await read_all(reader, path, TEXT)
    assert len(pages) > 30
    assert all(len(page.text) <= 6_000 for page in pages)
    assert sum(page.text.count("слово") for page in pages) == 20_000
