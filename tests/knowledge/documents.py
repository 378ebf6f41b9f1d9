"""Documents for tests: made here, or the shared ones where they are present."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from docx import Document
from docx.enum.text import WD_BREAK
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas


def shared_data(part: str) -> Path:
    """A folder of `shared/data`, which lies beside the project or above it; the test is skipped without."""
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "data" / part
        if folder.is_dir():
            return folder
    pytest.skip(f"no shared/data/{part} beside the project")


def make_pdf(path: Path, pages: list[str], *, password: str = "", footer: str = "") -> Path:
    """A PDF with these lines on its pages. An empty text gives a page with a picture only."""
    pdf = canvas.Canvas(str(path), encrypt=password or None)
    for number, text in enumerate(pages, start=1):
        if text:
            lines = pdf.beginText(72, 760)
            for line in text.split("\n"):
                lines.textLine(line)
            pdf.drawText(lines)
        else:
            pdf.drawImage(picture(), 72, 400, 200, 200)
        if footer:
            pdf.drawString(250, 40, footer.format(number=number))
        pdf.showPage()
    pdf.save()
    return path


def raw_pdf(path: Path, objects: list[bytes]) -> Path:
    """A PDF of these objects, numbered from 1 (the catalogue), with a right table of places."""
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += str(number).encode() + b" 0 obj" + body + b"endobj\n"
    table = b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    size = str(len(objects) + 1).encode()
    start = str(len(data)).encode()
    data += b"xref\n0 " + size + b"\n0000000000 65535 f \n" + table
    data += b"trailer<</Root 1 0 R/Size " + size + b">>\nstartxref\n" + start + b"\n%%EOF"
    path.write_bytes(data)
    return path


def picture() -> ImageReader:
    from PIL import Image

    data = BytesIO()
    Image.new("RGB", (40, 40), (200, 30, 30)).save(data, "PNG")
    data.seek(0)
    return ImageReader(data)


def make_docx(path: Path) -> Path:
    """Headings, paragraphs, lists, a table with merged cells, a page break, in Russian."""
    document = Document()
    document.add_heading("Инструкция", level=1)
    document.add_paragraph("Насос ППР-9087 работает от сети 220 В.")
    document.add_heading("Гарантия", level=2)
    document.add_paragraph("Гарантия действует двадцать четыре месяца.")
    document.add_paragraph("Сохраните чек", style="List Bullet")
    document.add_paragraph("Не вскрывайте корпус", style="List Number")
    table = document.add_table(rows=3, cols=3)
    rows = [("Модель", "Цена", "Срок"), ("Альфа", "100 ₽", "2 дня"), ("", "200 ₽", "3 дня")]
    for row, values in zip(table.rows, rows, strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    table.cell(1, 0).merge(table.cell(2, 0))
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_heading("Доставка", level=2)
    document.add_paragraph("Доставляем по всей стране за пять дней.")
    document.save(str(path))
    return path


_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def make_xlsx(path: Path, sheet: str, *, strings: str = "", styles: str = "", book: str = "", **more: str) -> Path:
    """An XLSX file as spreadsheets write it, with this XML in its parts.

    Args:
        path: Where.
        sheet: What stands in `sheetData` of the first sheet.
        strings: Of the shared strings.
        styles: Of the style sheet.
        book: In the workbook, before its sheets.
        more: Other entries' contents; slashes and dots of their names as `__` and `_dot_`.
    """
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override'
        ' PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
        '.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_RELATIONS}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONS}">{book}<sheets><sheet name="Вопросы"'
        ' sheetId="1" r:id="rId1"/><sheet name="Other" sheetId="2" r:id="rId2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">'
        + "".join(
            f'<Relationship Id="{name}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
            for name, kind, target in (
                ("rId1", "worksheet", "worksheets/sheet1.xml"),
                ("rId2", "worksheet", "/xl/worksheets/sheet2.xml"),
                ("rId3", "sharedStrings", "sharedStrings.xml"),
                ("rId4", "styles", "styles.xml"),
            )
        )
        + "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEET}"><sheetData>{sheet}</sheetData></worksheet>',
        "xl/worksheets/sheet2.xml": f'<worksheet xmlns="{_SHEET}"><sheetData><row><c t="str"><v>Not this</v></c></row>'
        "</sheetData></worksheet>",
        **({"xl/sharedStrings.xml": f'<sst xmlns="{_SHEET}">{strings}</sst>'} if strings else {}),
        **({"xl/styles.xml": f'<styleSheet xmlns="{_SHEET}">{styles}</styleSheet>'} if styles else {}),
        **{name.replace("_dot_", ".").replace("__", "/"): content for name, content in more.items()},
    }
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def xlsx_of(path: Path, *rows: tuple[str, ...]) -> Path:
    """An XLSX file with these rows of text."""
    lines = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    )
    return make_xlsx(path, lines)
