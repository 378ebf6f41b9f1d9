"""Web pages: their content, without what surrounds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatai.integrations.reader.html import read_html
from chatai.integrations.reader.protocol import Page, ReadFailure

SHOP = """<!doctype html><html><head><title>Прайс — Магазин</title><style>p{color:red}</style></head><body>
<header><a href="/">Главная</a></header><nav><a href="/x">Каталог</a></nav>
<div class="cookie-banner">Мы используем куки</div>
<main><h1>Насосы</h1><p>Наши <b>насосы</b> работают<br>от сети
220&nbsp;В.</p><script>alert(1)</script>
<h2>Цены</h2><table><caption>Цены 2026</caption><tr><th>Модель</th><th>Цена</th></tr>
<tr><td>ППР-9087</td><td>100 ₽</td></tr><tr><td>ППР-9088</td><td>200 ₽</td></tr></table>
<p>Что взять с собой:</p>
<ul><li>Доставка <i>бесплатно</i></li><li>Возврат<ol start="3"><li>чек</li><li>паспорт</li></ol></li></ul>
<p hidden>тайна</p><div style="display:none">тайна</div><p aria-hidden="true">тайна</p><!-- тайна -->
<p>Достаточно длинный текст, чтобы главная часть была принята за всё содержание страницы; потому здесь стоит
ещё одно предложение, в котором ничего не сказано.</p></main><footer>© Магазин</footer></body></html>"""


def read(tmp_path: Path, source: str | bytes) -> list[Page]:
    path = tmp_path / "page"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return list(read_html(path, lambda _read, _all: None))


def test_the_content_comes_in_reading_order(tmp_path: Path) -> None:
    (page,) = read(tmp_path, SHOP)
    assert page.text.startswith(
        "Насосы\n\nНаши насосы работают\nот сети 220 В.\n\nЦены\n\nЦены 2026\n\nМодель | Цена\n"
    )
    assert "с собой:\n\n- Доставка бесплатно\n- Возврат\n\t3. чек\n\t4. паспорт\n\nДостаточно" in page.text
    assert [(heading.level, heading.title) for heading in page.headings] == [(1, "Насосы"), (2, "Цены")]
    for word in ("тайна", "alert", "color", "куки", "Каталог", "Главная", "©"):
        assert word not in page.text


def test_rows_of_a_table_know_their_header(tmp_path: Path) -> None:
    (page,) = read(tmp_path, SHOP)
    (table,) = page.tables
    assert table.header == "Модель | Цена"
    assert page.text[table.start : table.end] == "ППР-9087 | 100 ₽\nППР-9088 | 200 ₽"


def test_a_table_for_layout_is_read_as_text(tmp_path: Path) -> None:
    (page,) = read(tmp_path, "<table><tr><td><p>Слева стоит текст.</p></td><td><p>Справа тоже.</p></td></tr></table>")
    assert page.text == "Слева стоит текст.\n\nСправа тоже."
    assert page.tables == ()


def test_the_title_stands_for_a_missing_heading(tmp_path: Path) -> None:
    (page,) = read(tmp_path, "<title>Оплата</title><p>Картой или наличными.</p>")
    assert page.text == "Оплата\n\nКартой или наличными."
    assert page.headings[0].title == "Оплата"


def test_markup_that_is_broken_or_deep_does_no_harm(tmp_path: Path) -> None:
    (page,) = read(tmp_path, "<p>Раз<p>Два<b>три</div></span>" + "<div>" * 5000 + "глубоко")
    assert page.text.startswith("Раз\n\nДватри")


def test_entities_of_its_own_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "' + "b" * 50 + '"><!ENTITY c SYSTEM "file:///etc/passwd">]><p>Текст &a; &c;</p>'
    (page,) = read(tmp_path, bomb)
    assert "root:" not in page.text
    assert "bbb" not in page.text.replace('"' + "b" * 50, "")


@pytest.mark.parametrize("source", ["<html></html>", "<script>only()</script>", "<p>  …  </p>", "<!-- -->"])
def test_a_page_without_text_is_said_to_have_none(tmp_path: Path, source: str) -> None:
    with pytest.raises(ReadFailure) as failure:
        read(tmp_path, source)
    assert failure.value.code == "no_text"
