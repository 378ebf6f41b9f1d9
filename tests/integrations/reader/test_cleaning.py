"""Text made fit to keep, line by line."""

from __future__ import annotations

from collections import Counter

import pytest

from chatai.integrations.reader import cleaning


def test_signs_that_only_their_font_knows_are_left_out_but_for_bullets() -> None:
    assert cleaning.normalise("\uf0b7 насос\ue123 \U000f03d9Germany") == "• насос Germany"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1.6 Wege . . . . . . . 17", "1.6 Wege … 17"),
        ("Гарантия........................24", "Гарантия … 24"),
        ("Wait... what", "Wait... what"),
        ("Цена 1...5", "Цена 1...5"),
        ("Name ______________", "Name …"),
    ],
)
def test_rows_of_dots_become_one_sign(line: str, expected: str) -> None:
    assert cleaning.tidy_spaces(cleaning.short_leaders(line)) == expected


def test_lines_of_a_narrow_column_are_joined_where_hyphens_made_long_ones_of_two() -> None:
    column = [
        "Большой насос перекачивает сорок лит-",
        "ров воды в минуту.",
        "Гарантия на него действует два го-",
        "да.",
    ] * 4
    column += ["цена остаётся прежней для всех тех", "кто заказал до конца этого года и", "оплатил покупку сразу"]
    text = "\n".join(column)
    assert cleaning.line_width(text) == 37
    width = cleaning.line_width(text)
    joined = cleaning.reflow(cleaning.join_hyphens(text, Counter()), width)
    assert "цена остаётся прежней для всех тех кто заказал до конца этого года и оплатил" in joined
    assert "сорок литров воды" in joined


def test_rows_and_contents_stay_lines() -> None:
    rows = ["Насос большой для воды | 100 | да", "Насос малый для масла | 200 | нет", "Глава первая, длинная … 17"]
    text = "\n".join([*rows, "Предложение, которое до конца", "строки не закончилось и идёт", "дальше до самой точки."])
    lines = cleaning.reflow(text, 30).split("\n")
    assert lines == [*rows, "Предложение, которое до конца строки не закончилось и идёт дальше до самой точки."]


def test_a_tables_header_at_the_top_of_each_page_is_no_running_header() -> None:
    pages = [f"Каталог 2026\nМодель | Цена | Склад\nППР-{number} | {number}0 | 5" for number in range(5)]
    assert cleaning.strip_repeated(pages)[2] == "Модель | Цена | Склад\nППР-2 | 20 | 5"
