"""File names as shown."""

from __future__ import annotations

import pytest

from chatai.domains.knowledge.names import display_name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Договор №5.pdf", "Договор №5.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Анна\\прайс.docx", "прайс.docx"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b\n.txt", "ab .txt"),
        ("и\u0306од.txt", "йод.txt"),
        ("", "document"),
        ("...", "document"),
        ("/", "document"),
        ("a\ud800.txt", "a.txt"),
        ('<b>"x"</b>.md', "b_.md"),
    ],
)
def test_name_is_cleaned(given: str, shown: str) -> None:
    assert display_name(given) == shown


def test_long_name_keeps_its_ending() -> None:
    name = display_name("я" * 300 + ".pdf")
    assert len(name) == 255
    assert name.endswith("я.pdf")
