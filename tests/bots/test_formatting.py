"""What goes to Telegram fits, is allowed, and loses nothing."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegramify_markdown import MessageEntity, utf16_len

from bots.formatting import MAX_MESSAGE_UNITS, Part, Source, render, shortened, split
from bots.sandbox.entities import Formatted, given_entities, tidy


def covered(part: Part, kind: str) -> list[str]:
    """The pieces of the part's text under entities of a kind."""
    encoded = part.text.encode("utf-16-le")
    return [
        encoded[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le") for e in part.entities if e.type == kind
    ]


def test_styles_become_entities():
    (part,) = render("Hello **bold** 🎉 and `code` and [here](https://example.com)")
    assert part.text == "Hello bold 🎉 and code and here"
    assert covered(part, "bold") == ["bold"]
    assert covered(part, "code") == ["code"]
    assert covered(part, "text_link") == ["here"]


def test_a_style_never_covers_code():
    (part,) = render("**bold with `code` inside**")
    assert covered(part, "bold") == ["bold with ", " inside"]
    assert covered(part, "code") == ["code"]


def test_what_looks_like_a_tag_is_shown():
    (part,) = render("Use List<String> and `Map<K>`, not <script>alert(1)</script>")
    assert part.text == "Use List<String> and Map<K>, not <script>alert(1)</script>"


def test_links_that_are_no_addresses_are_plain_text():
    (part,) = render("[x](javascript:alert) [y](https://a.b)")
    assert [e.url for e in part.entities] == ["https://a.b"]


def test_no_quotation_within_a_quotation():
    for quotation in ("> one\n>> two", ">> two", ">>> three\n> one"):
        (part,) = render(quotation)
        assert len([e for e in part.entities if "blockquote" in e.type]) == 1


@pytest.mark.parametrize(
    "text", ["\ud800 alone", "nul \0 here", "``` never closed", "**", "||", "[", "$", "|a|\n|-|", "#"]
)
def test_whatever_a_model_writes_can_be_sent(text):
    for part in render(text):
        part.text.encode()
        assert "\0" not in part.text
        assert part.text.strip()


def test_nothing_gives_nothing():
    assert render(" \n ") == []


def test_sources_unfold_at_the_end():
    sources = [Source(1, "Прайс\n2026.pdf", 3, 3), Source(2, "Договор.docx", 4, 6), Source(3, "faq.txt", 0, 0)]
    (part,) = render("Цена 5 ₽ [1][2].", sources=sources, language="ru")
    assert covered(part, "expandable_blockquote") == [
        "Источники\n[1] Прайс 2026.pdf, с. 3\n[2] Договор.docx, с. 4–6\n[3] faq.txt"
    ]


def test_sources_that_do_not_fit_are_a_message_of_their_own():
    parts = render("a" * MAX_MESSAGE_UNITS, sources=[Source(1, "x.pdf", 1, 1)])
    assert [utf16_len(part.text) for part in parts] == [MAX_MESSAGE_UNITS, utf16_len("Sources\n[1] x.pdf, p. 1")]
    assert covered(parts[1], "expandable_blockquote") == [parts[1].text]


def test_cuts_prefer_a_paragraph_then_a_line_then_a_sentence_then_a_space():
    assert [p.text for p in split("aaaa bbb\n\ncc dd\nee", limit=14)] == ["aaaa bbb", "cc dd\nee"]
    assert [p.text for p in split("aaaa bbb cc\ndd ee", limit=14)] == ["aaaa bbb cc", "dd ee"]
    assert [p.text for p in split("Aaaa bbb. Cc dd ee", limit=14)] == ["Aaaa bbb.", "Cc dd ee"]
    assert [p.text for p in split("aaaa bbbb cccc dddd", limit=12)] == ["aaaa bbbb", "cccc dddd"]
    assert [p.text for p in split("a" * 25, limit=10)] == ["a" * 10, "a" * 10, "a" * 5]


def test_code_and_links_are_not_cut_where_they_fit():
    (before, code) = render("word " * 700 + "\n\n```python\n" + "x = 1\n" * 200 + "```")
    assert covered(code, "pre") == [("x = 1\n" * 200).strip()]
    assert [e.language for e in code.entities] == ["python"]
    assert not covered(before, "pre")


def test_code_that_is_longer_than_a_message_is_cut_at_its_lines():
    parts = render("```sql\n" + "select 1 from somewhere;\n" * 400 + "```")
    assert len(parts) > 2
    for part in parts:
        assert set(part.text.splitlines()) == {"select 1 from somewhere;"}
        assert [(e.type, e.language) for e in part.entities] == [("pre", "sql")]


@pytest.mark.parametrize("letter", ["👩\u200d👩\u200d👧", "🇷🇺", "👍🏽", "e\u0301", "❤\ufe0f"])
def test_no_letter_is_torn_from_what_belongs_to_it(letter):
    assert {part.text for part in split(letter * 40, limit=2 * utf16_len(letter) + 1)} == {letter * 2}


def test_a_table_that_fits_is_set_in_columns():
    (part,) = render("| Tea | Price |\n|---|---:|\n| Green | 10 |\n| Black | 2000 |")
    (table,) = covered(part, "pre")
    assert [line.index("|") for line in table.splitlines() if "|" in line] == [6, 6, 6]


def test_a_table_that_is_too_wide_becomes_a_list():
    (part,) = render(
        "До.\n\n| Тариф | Что входит | Цена |\n|---|---|---|\n"
        "| **Базовый** | поддержка по почте в рабочие дни | 10 ₽ |\n"
        "| Полный | a \\| b, звонки в любое время дня | |\n\nПосле."
    )
    assert not covered(part, "pre")
    assert covered(part, "bold") == ["Базовый", "Полный"]
    lines = [line for line in part.text.splitlines() if line]
    assert lines == [
        "До.",
        "Базовый",
        "• Что входит: поддержка по почте в рабочие дни",
        "• Цена: 10 ₽",
        "Полный",
        "• Что входит: a | b, звонки в любое время дня",
        "После.",
    ]


def test_each_source_has_a_button_with_its_number():
    sources = [Source(number, f"{number}.pdf", 1, 1) for number in (1, 2, 7)]
    *_, last = render("word " * 1000 + "[1][2][7]", sources=sources, answer="a" * 32)
    assert [(button.text, button.data) for button in last.buttons] == [
        (f"[{number}]", f"source:{'a' * 32}:{number}") for number in (1, 2, 7)
    ]
    assert all(len(button.data) <= 64 for button in last.buttons)


def test_what_is_too_long_for_a_notice_is_shortened():
    assert shortened("short", 200) == "short"
    assert utf16_len(shortened("🎉 слово " * 100, 200)) <= 200
    assert shortened("word " * 100, 200).endswith("word…")


PIECES = st.sampled_from(
    [
        "a",
        "ж",
        "🎉",
        "👩\u200d👧",
        "🇷🇺",
        "é",
        "שלום",
        "\u200b",
        "\u202e",
        " ",
        "\n",
        "\n\n",
        ". ",
        "```",
        "`x`",
        "**b**",
    ]
)
TEXTS = st.lists(PIECES, max_size=120).map("".join)


@st.composite
def styled(draw):
    """A text and entities over characters of it."""
    text = draw(TEXTS)
    entities = []
    for _ in range(draw(st.integers(0, 5))):
        first, last = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        kind = draw(st.sampled_from(["bold", "pre", "code", "expandable_blockquote"]))
        if first < last:
            start = utf16_len(text[:first])
            entities.append(MessageEntity(type=kind, offset=start, length=utf16_len(text[:last]) - start))
    return text, entities


def solid(text: str) -> str:
    """Without white space, and without marks that have no width of their own."""
    return "".join(c for c in text if not c.isspace() and c not in "\u200b\u202e\u200d")


@given(styled(), st.integers(16, 80))
def test_splitting_loses_nothing_and_keeps_styles_in_place(case, limit):
    text, entities = case
    parts = split(text, entities, limit)
    assert solid("".join(part.text for part in parts)) == solid(text)
    encoded = text.encode("utf-16-le")
    for part in parts:
        assert 0 < utf16_len(part.text) <= limit
        assert part.text == part.text.strip()
        assert all(0 <= e.offset < e.offset + e.length <= utf16_len(part.text) for e in part.entities)
    for kind in {entity.type for entity in entities}:
        shown = sorted(solid("".join("".join(covered(part, kind)) for part in parts)))
        meant = [
            encoded[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le") for e in entities if e.type == kind
        ]
        assert shown == sorted(solid("".join(meant)))


MARKDOWN = st.lists(
    st.one_of(
        PIECES,
        st.text(st.characters(exclude_categories=[]), max_size=8),  # lone surrogates too
        st.sampled_from(
            ["# ", "> ", ">> ", "- ", "1. ", "|a|b|\n|-|-|\n|c|d|\n", "[x](https://a.b)", "[1]", "<b>", "$x$", "||s||",
             "~~s~~", "![i](https://a.b/c.png)", "- [ ] t\n", "[^1]", "&lt;", "\\", "_i_", "---\n"]
        ),
    ),
    max_size=60,
).map("".join)  # fmt: skip


@given(MARKDOWN)
def test_whatever_is_written_is_sent_as_it_is_rendered(markdown):
    """The sandbox mends what Telegram would mend: nothing of ours needs it."""
    for part in render(markdown, sources=[Source(1, markdown[:80], 1, 1)], answer="a" * 32):
        assert 0 < utf16_len(part.text) <= MAX_MESSAGE_UNITS
        given_ones = [entity.to_dict() for entity in part.entities]
        sent = tidy(Formatted(part.text, given_entities(given_ones)))
        assert solid(sent.text) == solid(part.text)
        assert utf16_len(sent.text) == utf16_len(part.text)
        places = [(e["type"], e["offset"], e["length"]) for e in given_ones]
        kept = [(e["type"], e["offset"], e["length"]) for e in sent.entities]
        assert [place for place in places if place not in kept] == []
        quotes = [e for e in part.entities if "blockquote" in e.type]
        for one, other in combinations(sorted(quotes, key=lambda e: e.offset), 2):
            assert one.offset + one.length <= other.offset
