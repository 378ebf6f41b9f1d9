"""Scanned pages are read where tesseract is installed, and said to be unreadable where it is not."""

from __future__ import annotations

import os
import re
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

from chatai.domains.knowledge.errors import NoText, RecognitionTimeout
from chatai.domains.knowledge.reporting import report_on
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.protocol import PDF
from chatai.integrations.reader.recognition import PageRecogniser, installed_languages
from tests.integrations.reader.reading import read_all

RUSSIAN = "Гарантия на насос действует\nдвадцать четыре месяца."
ENGLISH = "Delivery takes five days\nanywhere in the country."
FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf")


def scan(path: Path, texts: list[str], *, side: float = 595) -> Path:
    """A PDF whose pages are pictures of the texts."""
    pdf = canvas.Canvas(str(path), pagesize=(side, 420))
    for text in texts:
        image = Image.new("L", (1240, 600), 255)
        ImageDraw.Draw(image).multiline_text((60, 60), text, fill=0, font=font(), spacing=20)
        data = BytesIO()
        image.save(data, "PNG")
        data.seek(0)
        pdf.drawImage(ImageReader(data), 0, 0, side, 288)
        pdf.showPage()
    pdf.save()
    return path


def font() -> ImageFont.FreeTypeFont:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, 44)
        except OSError:
            continue
    pytest.skip("no font with Cyrillic letters on this machine")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def reader_for(*languages: str, page_seconds: int = 60, document_seconds: int = 600) -> ChildReader:
    recogniser = PageRecogniser(languages, page_seconds=page_seconds, document_seconds=document_seconds, memory_mb=1024)
    return ChildReader(timeout_seconds=60, memory_mb=1024, recogniser=recogniser)


needs_tesseract = pytest.mark.skipif(
    not {"rus", "eng"} <= installed_languages(), reason="tesseract with rus and eng, or pdftoppm, is not installed"
)


@needs_tesseract
async def test_scans_in_both_languages_are_read(tmp_path: Path) -> None:
    path = scan(tmp_path / "scan", [RUSSIAN, ENGLISH])
    pages, progress = await read_all(reader_for("rus", "eng"), path, PDF)
    assert [words(page.text) for page in pages] == [words(RUSSIAN), words(ENGLISH)]
    assert all(page.recognised and not page.unreadable for page in pages)
    assert progress[-1].pages_read == progress[-1].page_count == 2


@needs_tesseract
async def test_only_pages_without_text_are_recognised(tmp_path: Path) -> None:
    pdf = canvas.Canvas(str(tmp_path / "mixed"))
    pdf.drawString(72, 700, "This page has text of its own.")
    pdf.showPage()
    pdf.save()
    pages, _ = await read_all(reader_for("eng"), tmp_path / "mixed", PDF)
    assert [(page.recognised, page.unreadable) for page in pages] == [(False, False)]


@needs_tesseract
async def test_a_page_of_any_size_is_drawn_small(tmp_path: Path) -> None:
    path = scan(tmp_path / "huge", [ENGLISH], side=14_000)
    with pytest.raises(NoText):  # the letters are far too small to be read once the page is bounded
        await read_all(reader_for("eng"), path, PDF)


@needs_tesseract
async def test_a_page_that_takes_too_long_stays_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "tesseract").write_text("#!/bin/sh\nexec sleep 600\n")
    (slow / "tesseract").chmod(0o755)
    path = scan(tmp_path / "scan", [ENGLISH])
    monkeypatch.setenv("PATH", f"{slow}:/usr/bin:/bin")
    with pytest.raises(NoText):
        await read_all(reader_for("eng", page_seconds=2), path, PDF)


@needs_tesseract
async def test_the_time_of_a_whole_document_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first scan is read; on the second one tesseract hangs, and the third one is not reached."""
    real = shutil.which("tesseract")
    hanging = tmp_path / "bin"
    hanging.mkdir()
    begun = tmp_path / "begun"
    script = f"case $* in *list-langs*) ;; *) [ -e {begun} ] && exec sleep 600; touch {begun};; esac\n"
    (hanging / "tesseract").write_text(f'#!/bin/sh\n{script}exec {real} "$@"\n')
    (hanging / "tesseract").chmod(0o755)
    monkeypatch.setenv("PATH", f"{hanging}:{os.environ['PATH']}")
    path = scan(tmp_path / "scan", [ENGLISH, RUSSIAN, ENGLISH])
    pages, progress = await read_all(reader_for("rus", "eng", document_seconds=30), path, PDF)
    assert words(pages[0].text) == words(ENGLISH)
    assert [(page.unreadable, page.not_reached) for page in pages] == [(False, False), (True, True), (True, True)]
    assert [event.pages_read for event in progress if event.page_count == 3][-3:] == [0, 1, 3]
    report = report_on(pages)
    assert (report["unreadable"], report["not_reached"]) == ([2, 3], 2)
    with pytest.raises(RecognitionTimeout, match="longer than 1 seconds"):
        await read_all(reader_for("eng", document_seconds=1), path, PDF)


async def test_without_the_language_a_scan_is_said_to_be_one(tmp_path: Path) -> None:
    path = scan(tmp_path / "scan", [RUSSIAN])
    with pytest.raises(NoText):
        await read_all(reader_for("xyz"), path, PDF)
