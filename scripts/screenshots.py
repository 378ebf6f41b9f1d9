"""Takes a screenshot of every page of a running ChatAI: both widths, both languages, light and dark.

    python scripts/screenshots.py http://localhost:8000 me@example.com --out shots

The password is read from CHATAI_PASSWORD. With `--readme` only the pictures of the README are taken, into
`docs/images/`. With `--bots` only the page of bots is, with many at work: make a thousand in `chatai sandbox`
(`POST /sandbox/bots/many`), import them as a table, start ChatAI again so that they sleep, and have some of them asked
(`POST /sandbox/load`) while the picture is taken.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTHS = {1440: 900, 390: 844}
PUBLIC = {"login": "/login", "register": "/register", "reset": "/reset", "missing": "/no-such-page"}
TABS = ("knowledge", "answers", "search", "channels", "setup")
SETTLED = "document.fonts.ready.then(() => true)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("base", help="Address of the running installation")
    parser.add_argument("email", help="Account to log in with; CHATAI_PASSWORD holds its password")
    parser.add_argument("--out", type=Path, default=Path("shots"))
    parser.add_argument("--only", default="", help="Take only pages whose name contains this")
    parser.add_argument("--readme", action="store_true", help="Take only the README's pictures")
    parser.add_argument("--bots", action="store_true", help="Take only the picture of the page of bots")
    arguments = parser.parse_args()
    base = arguments.base.rstrip("/")
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if arguments.readme:
            take_readme(browser, base, arguments.email)
            return
        if arguments.bots:
            take_bots(browser, base, arguments.email)
            return
        arguments.out.mkdir(parents=True, exist_ok=True)
        for width, language, theme in variants():
            context = open_context(browser, base, width, language, theme)
            take(context, base, PUBLIC, arguments.only, arguments.out, f"{width}-{language}-{theme}")
            log_in(context, base, arguments.email)
            pages = private_pages(context, base)
            take(context, base, pages, arguments.only, arguments.out, f"{width}-{language}-{theme}")
            context.close()


def variants() -> Iterator[tuple[int, str, str]]:
    for width in WIDTHS:
        yield from ((width, language, theme) for language, theme in (("en", "light"), ("ru", "light"), ("ru", "dark")))


def open_context(browser: Browser, base: str, width: int, language: str, theme: str) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        locale=language,
        color_scheme="dark" if theme == "dark" else "light",
        has_touch=width < 500,
        device_scale_factor=1,
    )
    context.add_cookies([{"name": "chatai_language", "value": language, "url": base}])
    return context


def log_in(context: BrowserContext, base: str, email: str) -> None:
    page = context.new_page()
    page.goto(f"{base}/login")
    page.locator("form input[name=email]").fill(email)
    page.locator("form input[name=password]").fill(os.environ["CHATAI_PASSWORD"])
    page.locator("form button[type=submit]").click()
    page.wait_for_url(f"{base}/")
    page.close()


def private_pages(context: BrowserContext, base: str) -> dict[str, str]:
    """The addresses of the pages that need a log-in; of the lists, the first entry stands for all."""
    page = context.new_page()
    page.goto(base)
    page.locator("h1").wait_for()
    found = {"assistants": "/", "bots": "/bots", "conversations": "/conversations", "account": "/account"}
    cards = page.locator("a.card")
    page.locator("a.card, .empty").first.wait_for()
    if cards.count():
        assistant = max((card.get_attribute("href") or "" for card in cards.all()), key=len)
        assistant = cards.first.get_attribute("href") or assistant
        found |= {"chat": assistant} | {tab: f"{assistant}/{tab}" for tab in TABS}
        page.goto(f"{base}{assistant}/knowledge")
        page.locator("ul.card.list, .empty").first.wait_for()
        documents = page.locator("a[href^='/documents/']")
        if documents.count():
            pdfs = documents.filter(has_text=".pdf")  # those are shown as they look
            address = (pdfs if pdfs.count() else documents).first.get_attribute("href") or ""
            found |= {"document": address}
            found |= {f"document-{view}": f"{address}?view={view}" for view in ("text", "passages", "report")}
    page.goto(f"{base}/bots")
    page.locator("table.bots a.strong, .empty").first.wait_for()
    bots = page.locator("table.bots a.strong")
    if bots.count():
        found["bot"] = bots.first.get_attribute("href") or ""
        found |= {"all-bots": "/admin/bots", "any-bot": f"/admin{found['bot']}"}  # with an installation's admin
    page.goto(f"{base}/conversations")
    page.locator("a.item, .empty").first.wait_for()
    lines = page.locator("a.item")
    if lines.count():
        found["conversation"] = lines.first.get_attribute("href") or ""
    page.close()
    return found


def take(context: BrowserContext, base: str, pages: dict[str, str], only: str, out: Path, variant: str) -> None:
    for name, address in pages.items():
        if only not in name:
            continue
        page = context.new_page()
        open_page(page, base + address)
        page.screenshot(path=out / f"{name}-{variant}.png", full_page=True)
        page.close()


def open_page(page: Page, address: str) -> None:
    """Opens a page and waits until it shows its content: in its language, nothing grey, a PDF drawn, fonts there."""
    page.goto(address)
    page.locator("h1, h2").first.wait_for()
    page.locator(".skeleton").first.wait_for(state="detached")
    # Prerendered in one language, a page is see-through until it has the one that is wanted.
    expect(page.locator("[data-lang]").first).to_have_css("opacity", "1")
    if page.locator(".pdf-sheet").count():
        page.locator(".pdf-sheet:not(.waiting) canvas").wait_for()
    page.evaluate(SETTLED)


def take_bots(browser: Browser, base: str, email: str) -> None:
    context = open_context(browser, base, 1440, "en", "light")
    log_in(context, base, email)
    page = context.new_page()
    open_page(page, f"{base}/bots")
    page.get_by_role("button", name="Memory").click()
    page.locator("th.memory[aria-sort=descending]").wait_for()
    page.locator("tbody td.memory").first.get_by_text("MB").wait_for()
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / "bots.png")
    context.close()


def take_readme(browser: Browser, base: str, email: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    context = open_context(browser, base, 1440, "en", "light")
    log_in(context, base, email)
    pages = private_pages(context, base)
    page = context.new_page()
    open_page(page, base + pages["knowledge"])
    page.screenshot(path=IMAGES / "knowledge.png")
    open_page(page, base + pages["conversation"])
    page.get_by_role("link", name="Continue").click()
    page.locator(".chat a.chip").last.wait_for()  # the conversation's own page has them, too
    page.evaluate(SETTLED)
    page.screenshot(path=IMAGES / "conversation.png")
    context.close()


if __name__ == "__main__":
    main()
