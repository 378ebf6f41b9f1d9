"""The filter between the model and the reader."""

import random

import pytest

from chatai.domains.conversations.citations import CitationFilter


def filtered(text: str, passages: int, pieces: list[str] | None = None) -> tuple[str, list[int]]:
    keep = CitationFilter(passages)
    shown = "".join(keep.feed(piece) for piece in (pieces or [text])) + keep.end()
    return shown, keep.used


@pytest.mark.parametrize(
    ("text", "expected", "used"),
    [
        ("It is red [2].", "It is red [1].", [2]),
        ("A [3] and B [1], again [3].", "A [1] and B [2], again [1].", [3, 1]),
        ("Both [1, 2] say so.", "Both [1][2] say so.", [1, 2]),
        ("Chinese marks 【2】 count.", "Chinese marks [1] count.", [2]),
        ("Invented [9].", "Invented.", []),
        ("Half [1, 9].", "Half [1].", [1]),
        ("Zero [0] is none.", "Zero is none.", []),
        ("See items[0], rows_[0], строки[0] and x2[0].", "See items[0], rows_[0], строки[0] and x2[0].", []),
        ("Between [0, 1] and 【1; 0】, [1]", "Between [0, 1] and 【1; 0】, [1]", [1]),
        ("`a [0]` and\n```\n[0]\n```\n", "`a [0]` and\n```\n[0]\n```\n", []),
        ("A [link](https://example.org) stays.", "A [link](https://example.org) stays.", []),
        ("- [ ] a task", "- [ ] a task", []),
        ("`rows[1]` and [1]", "`rows[1]` and [1]", [1]),
        ("```\na[2]\n```\nsee [2]", "```\na[2]\n```\nsee [1]", [2]),
        ("An open bracket [1", "An open bracket [1", []),
        ("", "", []),
    ],
)
def test_only_given_passages_are_cited(text: str, expected: str, used: list[int]) -> None:
    assert filtered(text, 3) == (expected, used)


def test_how_the_text_is_cut_into_pieces_does_not_matter() -> None:
    chance = random.Random(7)
    alphabet = [
        "[1]",
        "[0]",
        "[0, 1]",
        "[2]",
        "[12]",
        "[",
        "]",
        " ",
        "`",
        "```",
        "a",
        "1",
        ",",
        "【3】",
        "\n",
        "[1, 3]",
        "[x]",
    ]
    for _ in range(400):
        text = "".join(chance.choices(alphabet, k=chance.randint(1, 25)))
        pieces, rest = [], text
        while rest:
            cut = chance.randint(1, len(rest))
            pieces.append(rest[:cut])
            rest = rest[cut:]
        assert filtered(text, 3, pieces) == filtered(text, 3), (text, pieces)


def test_nothing_is_held_back_longer_than_needed() -> None:
    keep = CitationFilter(3)
    assert keep.feed("The price is 5 [") == "The price is 5"
    assert keep.feed("see below]") == " [see below]"


@pytest.mark.parametrize(
    ("text", "untold"),
    [
        ("It is not told [0].", True),
        ("It is not told.[0]", True),
        ("[0]", True),
        ("「不」 [ 0 ]", True),
        ("Nothing. [9][0]", True),
        ("Take items[0] of it [1].", False),
        ("Between [0, 1] [1].", False),
        ("`[0]` [1]", False),
        ("```\nx = [0]\n```\nso [1]", False),
        ("It is [1].", False),
    ],
)
def test_only_the_sign_by_itself_says_that_the_documents_do_not_tell(text: str, untold: bool) -> None:
    for pieces in ([text], list(text)):
        keep = CitationFilter(3)
        for piece in pieces:
            keep.feed(piece)
        keep.end()
        assert keep.untold == untold
