"""What a bot's process says of its end is written together with the states of other bots."""

from __future__ import annotations

import pytest

from chatai.domains.channels.states import storable


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Unauthorized", "Unauthorized"),
        ("a\0b", "ab"),
        ("\ud800!", "?!"),
        ({"a": 1}, "{'a': 1}"),
        ("я" * 600, "я" * 500),
    ],
)
def test_whatever_a_process_says_can_be_stored(said: object, kept: str) -> None:
    assert storable(said) == kept
