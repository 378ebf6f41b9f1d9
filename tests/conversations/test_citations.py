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
    alphabet = ["[1]", "[2]", "[12]", "[", "]", " ", "`", "```", "a", "1", ",", "【3】", "\n", "[1, 3]", "[x]"]
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
