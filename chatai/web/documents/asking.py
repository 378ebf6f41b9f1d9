"""What is asked before a document is deleted, or read again. Its page asks, and the list that it stands in."""

from __future__ import annotations

from typing import Any

import reflex as rx

from chatai.web.shared.elements import confirm, note
from chatai.web.shared.i18n import t
from chatai.web.shared.texts import common, knowledge
from chatai.web.shared.texts import documents as texts


def ask_delete(name: rx.Var[str], *, on_confirm: Any, on_dismiss: Any) -> rx.Component:
    return confirm(
        knowledge.DELETE_TITLE,
        knowledge.DELETE,
        action=common.DELETE,
        on_confirm=on_confirm,
        on_dismiss=on_dismiss,
        extra=note(name),
    )


def ask_reread(changes: rx.Var[int], *, on_confirm: Any, on_dismiss: Any) -> rx.Component:
    """`changes`: how many passages somebody has edited or switched off, which reading again undoes."""
    return confirm(
        texts.REREAD_TITLE,
        t(texts.REREAD_WARNING, changes=changes),
        action=knowledge.REREAD,
        on_confirm=on_confirm,
        on_dismiss=on_dismiss,
    )
