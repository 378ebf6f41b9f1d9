"""What goes to Telegram fits, is allowed, and loses nothing."""

import random

import pytest
from telegramify_markdown import MessageEntity, utf16_len

from bots.formatting import MAX_MESSAGE_UNITS, Part, Source, render, split


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
    (part,) = render("> one\n>> two")
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


@pytest.mark.parametrize("seed", range(60))
def test_splitting_loses_nothing_and_keeps_styles_in_place(seed):
    dice = random.Random(seed)
    text = "".join(dice.choices(["a", "ж", "🎉", " ", "\n", "\n\n", ". ", "👩‍👩‍👧"], k=dice.randint(0, 400)))
    limit = dice.randint(8, 60)
    total = utf16_len(text)
    encoded = text.encode("utf-16-le")
    entities = []
    for _ in range(dice.randint(0, 6)):
        start = dice.randint(0, len(text))
        end = dice.randint(start, len(text))
        first, last = utf16_len(text[:start]), utf16_len(text[:end])
        if first < last:
            entities.append(MessageEntity(type="bold", offset=first, length=last - first))

    parts = split(text, entities, limit)

    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    styled = ""
    for part in parts:
        assert 0 < utf16_len(part.text) <= limit
        assert part.text == part.text.strip()
        for entity in part.entities:
            assert 0 <= entity.offset < entity.offset + entity.length <= utf16_len(part.text)
        styled += "".join("".join(piece.split()) for piece in covered(part, "bold"))
    whole = "".join(
        "".join(encoded[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le").split()) for e in entities
    )
    assert sorted(styled) == sorted(whole)
    assert total == 0 or parts or not text.strip()
