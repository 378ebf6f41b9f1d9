"""File names as people see them. On disk a file has a generated name, so this is about clarity, not paths."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 255
# Controls, direction marks and overrides, zero-width characters, lone surrogates, private use.
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def display_name(name: str) -> str:
    """The last part of what a client sent as a name, without anything that hides or turns what is written.

    >>> display_name("../../etc/passwd")
    'passwd'
    >>> display_name("invoice\\u202efdp.exe")
    'invoicefdp.exe'
    """
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    return shown_name(re.sub(r'[<>:"|?*]', "_", name))


def shown_name(name: str) -> str:
    """A title or an address as a name, on one line, without anything that hides or turns what is written."""
    name = unicodedata.normalize("NFC", name)
    name = "".join(" " if character.isspace() else character for character in name)
    name = "".join(character for character in name if unicodedata.category(character) not in HIDDEN)
    name = re.sub(r" +", " ", name).strip(" .")
    if not name:
        return "document"
    if len(name) > MAX_CHARS:
        stem, dot, suffix = name.rpartition(".")
        name = stem[: MAX_CHARS - len(suffix) - 1] + dot + suffix if dot and len(suffix) <= 10 else name[:MAX_CHARS]
    return name
