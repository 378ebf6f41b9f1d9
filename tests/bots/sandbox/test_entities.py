"""Telegram's three ways of marking text up, and its complaints."""

from __future__ import annotations

import pytest

from bots.sandbox.entities import Formatted, tidy
from bots.sandbox.errors import ApiError
from bots.sandbox.html_mode import parse_html
from bots.sandbox.markdown_mode import parse_markdown, parse_markdown_v2

Short = list[tuple[str, int, int]]


def short(formatted: Formatted) -> Short:
    return [(entity["type"], entity["offset"], entity["length"]) for entity in formatted.entities]


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>a<i>b</i></b> &lt;c&gt; &#1078;", "ab <c> ж", [("bold", 0, 2), ("italic", 1, 1)]),
        ("<pre><code class='language-python'>x = 1</code></pre>", "x = 1", [("pre", 0, 5)]),
        ("<span class='tg-spoiler'>s</span><tg-spoiler>t</tg-spoiler>", "st", [("spoiler", 0, 1), ("spoiler", 1, 1)]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("<a href='nonsense'>x</a>", "x", []),
        ("<b></b>empty", "empty", []),
        ("<code><b>x</b></code>", "x", [("code", 0, 1)]),
    ],
)
def test_html(source: str, text: str, entities: Short) -> None:
    formatted = tidy(parse_html(source))
    assert (formatted.text, short(formatted)) == (text, entities)


def test_html_code_keeps_its_language() -> None:
    assert parse_html('<pre><code class="language-python">x</code></pre>').entities[0]["language"] == "python"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("ж<h1>x</h1>", 'Unsupported start tag "h1" at byte offset 2'),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("5 < 6", 'Unsupported start tag "" at byte offset 2'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<{}>", 'Unsupported start tag "{}" at byte offset 0'),
    ],
)
def test_html_that_telegram_refuses(source: str, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_html(source)
    assert caught.value.description == f"Bad Request: can't parse entities: {problem}"


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("*b _i_ __u__*", "b i u", [("bold", 0, 5), ("italic", 2, 1), ("underline", 4, 1)]),
        ("~s~ ||p||", "s p", [("strikethrough", 0, 1), ("spoiler", 2, 1)]),
        ("```py\nx = 1\n```", "x = 1", [("pre", 0, 5)]),
        ("`a*b`", "a*b", [("code", 0, 3)]),
        ("[t](https://example.com/\\))", "t", [("text_link", 0, 1)]),
        (">q\n>r\nafter", "q\nr\nafter", [("blockquote", 0, 4)]),
        ("1\\.5 \\- 2", "1.5 - 2", []),
        ("**>a\n>b||", "a\nb", [("expandable_blockquote", 0, 3)]),
        ("😀 *ж*", "😀 ж", [("bold", 3, 1)]),
    ],
)
def test_markdown_v2(source: str, text: str, entities: Short) -> None:
    formatted = tidy(parse_markdown_v2(source))
    assert (formatted.text, short(formatted)) == (text, entities)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("Hello.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("ж *x", "Can't find end of Bold entity at byte offset 3"),
        ("a | b", "Character '|' is reserved and must be escaped with the preceding '\\'"),
        ("[t](https://example.com", "Can't find end of a URL at byte offset 4"),
        ("```\nx", "Can't find end of Pre entity at byte offset 0"),
    ],
)
def test_markdown_v2_that_telegram_refuses(source: str, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_markdown_v2(source)
    assert caught.value.description == f"Bad Request: can't parse entities: {problem}"


def test_the_older_markdown() -> None:
    formatted = parse_markdown("*b* _i_ `c` [t](example.com) \\*")
    assert (formatted.text, short(formatted)) == (
        "b i c t *",
        [("bold", 0, 1), ("italic", 2, 1), ("code", 4, 1), ("text_link", 6, 1)],
    )
    with pytest.raises(ApiError, match="Can't find end of the entity starting at byte offset 2"):
        parse_markdown("a *b")


def test_links_mentions_and_commands_are_found() -> None:
    found = tidy(Formatted("/start@shop_bot см. https://example.com/x?y=1, @anna #новое a@b.io"))
    assert short(found) == [
        ("bot_command", 0, 15),
        ("url", 20, 25),
        ("mention", 47, 5),
        ("hashtag", 53, 6),
        ("email", 60, 6),
    ]


def test_the_ends_are_trimmed_and_entities_follow() -> None:
    formatted = tidy(Formatted("\n  ab\r\n ", [{"type": "bold", "offset": 3, "length": 5}]))
    assert (formatted.text, short(formatted)) == ("ab", [("bold", 0, 2)])


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ApiError, match="strings must be encoded in UTF-8"):
        tidy(Formatted("\ud83d"))
