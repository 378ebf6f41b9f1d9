"""A document's page: as it looks with the passage marked, its passages, its report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, expect

from chatai.core.settings import Settings
from tests.knowledge.documents import make_docx, make_pdf, raw_pdf, shared_data
from tests.web.conftest import Site, make_assistant, register

POINTS_HIGH = 841.89  # of a page that `make_pdf` makes
FIRST_LINE = 760  # points from the foot of the page to its first line
LINES = [
    "Opening hours are from nine to five on working days.",
    "Worn shoes can be returned within fourteen days if there is a defect.",
    "Gift cards never expire.",
]
FILLER = [f"Clause {n} of the house rules speaks of lamps, ladders and umbrellas." for n in range(30)]

# Where the first mark is on the page, as shares of it, and how much ink is under it and on the whole page.
LOOK = """(sheet) => {
    const page = sheet.getBoundingClientRect(), mark = sheet.querySelector("mark").getBoundingClientRect();
    const canvas = sheet.querySelector("canvas"), context = canvas.getContext("2d");
    const by = canvas.width / page.width;
    const ink = (x, y, width, height) => {
        const data = context.getImageData(x * by, y * by, Math.max(1, width * by), Math.max(1, height * by)).data;
        let dark = 0;
        for (let at = 0; at < data.length; at += 4) if (data[at] + data[at + 1] + data[at + 2] < 380) dark++;
        return dark / (data.length / 4);
    };
    const [x, y] = [mark.x - page.x, mark.y - page.y];
    return {
        left: x / page.width, right: (x + mark.width) / page.width, top: y / page.height,
        bottom: (y + mark.height) / page.height,
        under: ink(x, y, mark.width, mark.height), all: ink(0, 0, page.width, page.height),
        below: ink(x, y + mark.height * 1.05, mark.width, mark.height * 0.1),
    };
}"""


async def upload(page: Page, *files: Path) -> None:
    await page.locator("input[type=file]").set_input_files(files)
    await expect(page.locator(".pill", has_text="Ready")).to_have_count(len(files), timeout=60_000)


async def ask(page: Page, question: str) -> Locator:
    """Asks in the chat; the first citation of the answer."""
    await page.get_by_role("link", name="Chat", exact=True).click()
    await page.get_by_label("Your question").fill(question)
    await page.get_by_role("button", name="Send").click()
    return page.locator("a.chip").first


async def begin_anew(page: Page) -> None:
    await expect(page.locator(".turn")).to_have_count(2)  # the chat before is there
    await page.get_by_role("button", name="New chat").click()
    await expect(page.locator(".turn")).to_have_count(0)


def sheet(page: Page, number: int) -> Locator:
    return page.locator(f".pdf-sheet[data-page='{number}']")


async def looked(page: Page, number: int) -> dict[str, Any]:
    await expect(sheet(page, number)).to_be_visible()
    seen: dict[str, Any] = await sheet(page, number).evaluate(LOOK)
    return seen


async def test_a_citation_opens_the_page_as_it_looks_with_the_words_marked(
    page: Page, site: Site, tmp_path: Path
) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    texts = [[LINES[0], *FILLER], [*FILLER[:4], LINES[1], *FILLER[4:]], [LINES[2], *FILLER]]
    document = make_pdf(tmp_path / "rules.pdf", ["\n".join(text) for text in texts])
    await upload(page, document, shared_data("pdf") / "google-doc-document.pdf")

    await (await ask(page, "Can worn shoes be returned?")).click()
    await expect(sheet(page, 2).locator("mark").first).to_contain_text("Worn shoes can be returned")
    await expect(sheet(page, 2).locator("mark").first).to_be_in_viewport()
    await expect(page.get_by_text("Page 2 of 3").first).to_be_visible()
    seen = await looked(page, 2)
    assert 0 < seen["all"] < 0.2
    assert seen["under"] > 0.03
    # It is the fifth line: 14.4 points each, from `FIRST_LINE` down.
    baseline = (POINTS_HIGH - FIRST_LINE + 4 * 14.4) / POINTS_HIGH
    assert seen["top"] < baseline < seen["bottom"]
    assert abs(seen["left"] - 72 / 595.28) < 0.01
    assert seen["bottom"] - seen["top"] < 14.4 * 1.2 / POINTS_HIGH

    await paging_and_size(page)
    await page.get_by_role("navigation", name="Views of the document").get_by_role("link", name="Text").click()
    await expect(page.locator("article.sheet")).to_contain_text(LINES[2])

    await page.get_by_role("link", name="Assistants").first.click()
    await page.get_by_text("Shop help").first.click()
    await page.get_by_role("link", name="Chat", exact=True).click()
    await begin_anew(page)
    await (await ask(page, "Is beautiful better than ugly?")).click()
    await expect(sheet(page, 1).locator("mark", has_text="Beautiful is better than ugly").first).to_be_visible()
    seen = await looked(page, 1)
    assert seen["under"] > 0.03
    assert seen["all"] > 0


async def paging_and_size(page: Page) -> None:
    """By keyboard, by the arrows, at a phone's width; the address follows."""
    await page.keyboard.press("ArrowRight")
    await expect(sheet(page, 3)).to_be_visible()
    await expect(page).to_have_url(re.compile("view=page&page=3"))
    await expect(page.locator(".pdf-text mark")).to_have_count(0)
    await page.get_by_role("link", name="Previous page").first.click()
    await expect(sheet(page, 2)).to_be_visible()
    await page.keyboard.press("ArrowLeft")
    await expect(sheet(page, 1)).to_be_visible()
    await page.keyboard.press("ArrowLeft")  # there is none before
    fits = await width_of(sheet(page, 1))
    await page.get_by_role("button", name="Larger").click()
    await expect(page.locator(".pdf-zoom")).to_have_text("100 %")
    assert await width_of(sheet(page, 1)) > fits
    await expect(page.get_by_role("button", name="As wide as the window")).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("0")
    await expect(page.get_by_role("button", name="As wide as the window")).to_have_attribute("aria-pressed", "true")
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(page.locator(".pdf-zoom")).to_have_text(re.compile(r"^4\d %$"))  # 358 pixels for 595 points
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size({"width": 1280, "height": 860})
    await page.keyboard.press("ArrowRight")
    await expect(sheet(page, 2)).to_be_visible()
    await page.keyboard.press("ArrowRight")
    await expect(sheet(page, 3)).to_be_visible()


async def width_of(place: Locator) -> float:
    box = await place.bounding_box()
    return box["width"] if box else 0.0


async def test_the_text_stands_in_where_the_file_cannot_be_shown(
    page: Page, site: Site, settings: Settings, tmp_path: Path
) -> None:
    await register(page, site)
    await make_assistant(page, "Shop help")
    await upload(page, make_pdf(tmp_path / "rules.pdf", ["\n".join(LINES)]))
    (stored,) = [path for path in settings.uploads_dir.rglob("*") if path.is_file()]
    stored.write_bytes(b"%PDF-1.7 and nothing that a PDF is made of")
    await page.get_by_role("link", name="rules.pdf").click()
    await expect(page.get_by_text("This PDF can't be shown as it looks.")).to_be_visible()
    await expect(page.locator("article.sheet")).to_contain_text(LINES[1])
    stored.unlink()
    await page.reload()
    await expect(page.get_by_text("This PDF can't be shown as it looks.")).to_be_visible()


async def test_what_could_not_be_read_says_why(page: Page, site: Site, tmp_path: Path) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await page.locator("input[type=file]").set_input_files(raw_pdf(tmp_path / "bad.pdf", [b"<</Type/Catalog>>"]))
    await expect(page.locator(".pill", has_text="Not read")).to_be_visible()
    await page.get_by_role("link", name="bad.pdf").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator(".facts")).to_contain_text("Not read")
    await page.get_by_role("link", name="Passages").click()
    await expect(page.get_by_text("No passages yet")).to_be_visible()
    await page.get_by_role("link", name="Report").click()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(f"{address}/knowledge")
    await expect(page.get_by_text("Nothing to know yet")).to_be_visible()


async def test_passages_are_edited_put_back_and_switched_off(page: Page, site: Site, tmp_path: Path) -> None:
    await register(page, site)
    address = await make_assistant(page, "Shop help")
    await upload(page, make_docx(tmp_path / "pump.docx"))
    await page.get_by_role("link", name="pump.docx").click()
    await page.get_by_role("link", name="Passages", exact=True).click()
    await expect(page).to_have_url(re.compile("view=passages"))
    rows = page.locator(".passage")
    await expect(rows.first).to_be_visible()
    place = page.url

    await page.get_by_label("Words in the passages").fill("гарантии")  # stands there in another form
    await page.get_by_role("button", name="Find").click()
    await expect(rows).to_have_count(1)
    await rows.get_by_role("button", name="Edit").click()
    text = page.get_by_role("dialog").get_by_label("Text of the passage")
    read = await text.input_value()
    assert "двадцать четыре месяца" in read
    await text.fill(" … ")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("at least one word")
    await text.fill("Гарантия на насос действует тридцать шесть месяцев.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(rows.locator(".pill", has_text="Edited")).to_be_visible()
    await expect(rows).to_contain_text("тридцать шесть месяцев")
    await rows.get_by_text("As it was read").click()
    await expect(rows.locator(".was")).to_contain_text("двадцать четыре месяца")

    await page.goto(address)
    chip = await ask(page, "Сколько месяцев гарантия на насос?")
    await expect(page.locator(".turn").last).to_contain_text("тридцать шесть")
    await chip.click()  # the place in the document is what was read there
    await expect(page.locator("mark")).to_contain_text("двадцать четыре месяца")

    await page.goto(place)
    edited = rows.filter(has_text="тридцать шесть")
    await edited.get_by_role("button", name="Switch off").click()
    await expect(edited.locator(".pill", has_text="Switched off")).to_be_visible()
    await page.reload()
    await expect(edited.locator(".pill", has_text="Switched off")).to_be_visible()
    await page.goto(address)
    await begin_anew(page)
    await ask(page, "тридцать шесть")
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await expect(page.locator(".turn")).to_have_count(2)
    await expect(page.locator("a.chip", has_text="pump.docx")).to_have_count(0)

    await page.goto(f"{address}/knowledge")
    await page.get_by_role("button", name="Read again").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Passages changed here: 1.")
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(".pill", has_text="Ready")).to_be_visible()

    await page.goto(place.replace("view=passages", "view=report"))
    await expect(page.locator(".facts")).to_contain_text("edited: 1")
    await expect(page.locator(".facts")).to_contain_text("switched off: 1")
    await page.get_by_role("button", name="Read again").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Passages changed here: 1.")
    await page.get_by_role("dialog").get_by_role("button", name="Read again").click()
    await expect(page.get_by_text("It is being read again")).to_be_visible()
    await expect(page.locator(".facts .pill", has_text="Ready")).to_be_visible()
    await expect(page.locator(".facts")).to_contain_text("edited: 1")  # it was read the same

    await page.get_by_role("link", name="Passages", exact=True).click()
    await edited.get_by_role("button", name="Switch on").click()
    await expect(edited.locator(".pill", has_text="Switched off")).to_have_count(0)
    await edited.get_by_role("button", name="Put back what was read").click()
    await page.get_by_role("dialog").get_by_role("button", name="Put back what was read").click()
    await expect(edited).to_have_count(0)
    await expect(rows.filter(has_text="двадцать четыре месяца")).to_be_visible()
