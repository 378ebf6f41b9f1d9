"""PDF documents through the real child process."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.pdfgen import canvas
from reportlab.platypus import SimpleDocTemplate, Table

from chatai.domains.knowledge.errors import DamagedFile, NoText, PasswordProtected
from chatai.domains.knowledge.schemas import ReadPage, ReadProgress
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.protocol import PDF
from tests.integrations.reader.reading import read_all
from tests.knowledge.documents import make_pdf, raw_pdf, shared_data


async def test_a_long_book_keeps_pages_and_headings_and_is_mended(reader: ChildReader) -> None:
    pages, progress = await read_all(reader, shared_data("pdf") / "GeoTopo-komprimiert.pdf", PDF)
    assert [page.number for page in pages] == list(range(1, 118))
    assert progress[-1] == ReadProgress(117, 117)
    assert progress[1].pages_read == 1  # told page by page, not at the end
    topology = pages[20]
    assert "1.6 Wege und Knoten" in topology.text
    assert [heading.title for heading in topology.headings] == ["1.6 Wege und Knoten"]
    heading = topology.headings[0]
    assert topology.text[heading.offset :].startswith("1.6 Wege und Knoten")
    assert heading.level == 2
    assert not topology.text.startswith("18 1.6. WEGE UND KNOTEN")  # the running header
    assert "offenen Kugeln" in topology.text  # written with a ligature
    assert "Nach Voraussetzung kann" in topology.text  # cut at the line's end


async def test_contents_keep_their_lines_without_their_dots(reader: ChildReader) -> None:
    pages, _ = await read_all(reader, shared_data("pdf") / "GeoTopo-komprimiert.pdf", PDF)
    assert "1.6 Wege und Knoten … 17\nÜbungsaufgaben … 22\n2 Mannigfaltigkeiten" in pages[3].text


async def test_two_columns_are_read_one_after_the_other(reader: ChildReader) -> None:
    pages, _ = await read_all(reader, shared_data("pdf") / "multicolumn.pdf", PDF)
    assert "consectetuer adipiscing elit. Ut purus elit" in pages[0].text
    # Lines of a column are joined, also where hyphens have made long lines of two.
    assert "placerat. Integer sapien est, iaculis in, pretium quis, viverra ac, nunc." in pages[0].text


async def test_rows_of_a_table_are_whole_and_know_their_header(reader: ChildReader) -> None:
    pages, _ = await read_all(reader, shared_data("pdf") / "multicolumn.pdf", PDF)
    header = "Country | Population (millions) | Area (km2) | Capital | Official Language"
    lines = pages[2].text.split("\n")
    assert lines[:3] == ["Table 1: EU Countries Information", "", header]
    assert "Belgium | 11.5 | 30,689 | Brussels | Dutch, French, German" in lines
    (table,) = pages[2].tables
    assert table.header == header
    assert pages[2].text[table.start : table.end].startswith("Austria | 8.9 | 83,879 | Vienna | German\n")


async def test_a_table_goes_on_over_pages(reader: ChildReader, tmp_path: Path) -> None:
    rows = [["Article", "Price", "Stock", "Place"]]
    rows += [[f"Pump PPR-{9000 + number}", f"{number + 10}.50", str(number), "" if number % 9 else "Shelf"]
             for number in range(90)]  # fmt: skip
    SimpleDocTemplate(str(tmp_path / "prices.pdf")).build([Table(rows)])
    pages, _ = await read_all(reader, tmp_path / "prices.pdf", PDF)
    assert len(pages) > 1
    assert "Pump PPR-9000 | 10.50 | 0 | Shelf" in pages[0].text
    assert "Pump PPR-9001 | 11.50 | 1 | \n" in pages[0].text
    assert "Pump PPR-9089 | 99.50 | 89 | " in pages[-1].text
    assert {table.header for page in pages for table in page.tables} == {"Article | Price | Stock | Place"}


async def test_a_table_that_is_drawn_column_by_column_is_put_together(reader: ChildReader, tmp_path: Path) -> None:
    pdf = canvas.Canvas(str(tmp_path / "columns.pdf"))
    columns = [["City", "Moscow", "Kazan", "Perm"], ["Days", "two", "three", "four"], ["Cost", "300", "450", "500"]]
    pdf.drawString(72, 740, "Delivery takes as long as the table says.")
    for number, column in enumerate(columns):
        for row, cell in enumerate(column):
            pdf.drawString(72 + 120 * number, 700 - 20 * row, cell)
    pdf.save()
    pages, _ = await read_all(reader, tmp_path / "columns.pdf", PDF)
    assert pages[0].text == (
        "Delivery takes as long as the table says.\n\n"
        "City | Days | Cost\nMoscow | two | 300\nKazan | three | 450\nPerm | four | 500"
    )


async def test_columns_of_prose_are_no_table(reader: ChildReader, tmp_path: Path) -> None:
    pdf = canvas.Canvas(str(tmp_path / "news.pdf"))
    for column in range(3):
        for row in range(12):
            pdf.drawString(40 + 180 * column, 700 - 14 * row, f"words of column {column} line {row} 5 6")
    pdf.save()
    pages, _ = await read_all(reader, tmp_path / "news.pdf", PDF)
    assert " | " not in pages[0].text
    assert pages[0].tables == ()


@pytest.mark.parametrize("name", ["google-doc-document", "habibi", "pdflatex-4-pages", "pdflatex-forms"])
async def test_other_producers_are_read(reader: ChildReader, name: str) -> None:
    pages, _ = await read_all(reader, shared_data("pdf") / f"{name}.pdf", PDF)
    assert all(page.text and not page.unreadable for page in pages)


async def test_password_and_pictures_only_say_so(reader: ChildReader) -> None:
    folder = shared_data("pdf")
    with pytest.raises(PasswordProtected):
        await read_all(reader, folder / "libreoffice-writer-password.pdf", PDF)
    with pytest.raises(NoText):
        await read_all(reader, folder / "imagemagick-images.pdf", PDF)


async def test_pages_with_only_a_picture_are_reported(reader: ChildReader, tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", ["Price list\nPump 100", "", "Warranty two years"], footer="Page {number} of 3")
    pages, _ = await read_all(reader, path, PDF)
    assert pages[1] == ReadPage(2, "", (), unreadable=True)
    assert [page.text for page in pages] == ["Price list\nPump 100", "", "Warranty two years"]


async def test_scan_with_page_numbers_only_has_no_text(reader: ChildReader, tmp_path: Path) -> None:
    with pytest.raises(NoText):
        await read_all(reader, make_pdf(tmp_path / "a.pdf", ["", "", ""], footer="{number}"), PDF)


async def test_same_text_on_every_page_is_not_taken_for_a_header(reader: ChildReader, tmp_path: Path) -> None:
    pages, _ = await read_all(reader, make_pdf(tmp_path / "a.pdf", ["Closed on Monday"] * 4), PDF)
    assert [page.text for page in pages] == ["Closed on Monday"] * 4


async def test_password_is_asked_for_unless_it_is_empty(reader: ChildReader, tmp_path: Path) -> None:
    with pytest.raises(PasswordProtected):
        await read_all(reader, make_pdf(tmp_path / "a.pdf", ["Secret"], password="word"), PDF)


@pytest.mark.parametrize("keep", [0.05, 0.5])
async def test_truncated_pdf_is_damaged_or_read_as_far_as_it_goes(
    reader: ChildReader, tmp_path: Path, keep: float
) -> None:
    whole = make_pdf(tmp_path / "whole.pdf", ["First page text", "Second page text"]).read_bytes()
    cut = tmp_path / "cut.pdf"
    cut.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(DamagedFile):
        await read_all(reader, cut, PDF)


async def test_pages_that_contain_themselves_end(reader: ChildReader, tmp_path: Path) -> None:
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 1>>"]
    path = raw_pdf(tmp_path / "cyclic.pdf", objects)
    with pytest.raises(DamagedFile):
        await read_all(reader, path, PDF)
