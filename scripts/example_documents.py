"""Writes the two small documents that the tutorial uses into `docs/examples/`: a PDF in English, a DOCX in Russian.

    python -m scripts.example_documents

They are made up for a shop that does not exist. The PDF's bytes are the same each time; the DOCX carries the time.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from docx import Document
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "examples"
PAGES_EN: list[tuple[str, list[str]]] = [
    (
        "Delivery",
        [
            "Orders placed before 2 p.m. on a working day leave our warehouse the same day. Later orders leave on the "
            "next working day.",
            "Delivery within the country takes two to four working days and costs 4.90. It is free for orders of 60 "
            "and more.",
            "Express delivery arrives on the next working day until noon and costs 12.50. It is not available for "
            "furniture and for islands.",
            "You receive a tracking number by e-mail as soon as the parcel has left the warehouse. If it does not "
            "arrive within seven working days, write to us: we start a search with the carrier and send a "
            "replacement after ten working days.",
        ],
    ),
    (
        "Returns",
        [
            "You may return unworn shoes and clothes within 30 days of delivery without giving a reason. The return "
            "label is in the parcel; the return is free of charge.",
            "Worn shoes can be returned within 14 days, and only if there is a defect. Send a photo of the defect "
            "first: in most cases we refund the price without asking for the shoes.",
            "Sale items marked as final, gift cards and socks can not be returned.",
            "We refund the money to the card you paid with, within five working days after the parcel has reached us.",
        ],
    ),
    (
        "Warranty and repair",
        [
            "The warranty on shoes is 12 months, on bags and belts 24 months, from the day of delivery. It covers "
            "defects of material and workmanship. It does not cover ordinary wear of soles and heels.",
            "Repairs under warranty take up to three weeks. Soles of the models Aspen and Ridge can be replaced after "
            "the warranty as well; the price is 35 for a pair.",
            "Article numbers are printed on the inside of the tongue, for example AS-2041-BK. Please name it when you "
            "write to us about a repair.",
        ],
    ),
]
SECTIONS_RU: list[tuple[str, list[str]]] = [
    (
        "Доставка",
        [
            "Заказы, оформленные до 14:00 рабочего дня, мы отправляем в тот же день, остальные — на следующий рабочий.",
            "Доставка по стране занимает от двух до четырёх рабочих дней и стоит 390 рублей. Для заказов от 5000 "
            "рублей она бесплатна.",
            "Экспресс-доставка приходит на следующий рабочий день до полудня и стоит 990 рублей.",
        ],
    ),
    (
        "Возврат",
        [
            "Неношеную обувь и одежду можно вернуть в течение 30 дней после получения без объяснения причин. Возврат "
            "бесплатный, этикетка лежит в посылке.",
            "Ношеную обувь можно вернуть в течение 14 дней и только при наличии дефекта. Сначала пришлите фотографию.",
            "Деньги возвращаются на карту, которой был оплачен заказ, в течение пяти рабочих дней.",
        ],
    ),
    (
        "Гарантия и ремонт",
        [
            "Гарантия на обувь — 12 месяцев, на сумки и ремни — 24 месяца со дня получения.",
            "Гарантийный ремонт занимает до трёх недель. Подошвы моделей Aspen и Ridge заменяем и после гарантии, "
            "цена — 2900 рублей за пару.",
        ],
    ),
]


def write_pdf(path: Path) -> None:
    """One section a page, so that a citation has a page to name."""
    styles = getSampleStyleSheet()
    story: list[object] = []
    for title, paragraphs in PAGES_EN:
        story.append(Paragraph(title, styles["Heading1"]))
        for text in paragraphs:
            story += [Paragraph(text, styles["BodyText"]), Spacer(1, 8)]
        story.append(PageBreak())
    document = SimpleDocTemplate(str(path), pagesize=A4, title="Returns and delivery", author="", invariant=1)
    document.build(story[:-1])


def write_docx(path: Path) -> None:
    document = Document()
    made = datetime(2026, 1, 1)
    document.core_properties.author, document.core_properties.title = "", "Возврат и доставка"
    document.core_properties.created = document.core_properties.modified = made
    for title, paragraphs in SECTIONS_RU:
        document.add_heading(title, level=1)
        for text in paragraphs:
            document.add_paragraph(text)
    document.save(str(path))


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_pdf(FOLDER / "returns-and-delivery.pdf")
    write_docx(FOLDER / "vozvrat-i-dostavka.docx")
