"""The field for a bot's token."""

from __future__ import annotations

import reflex as rx

from chatai.web.shared.elements import Label, field, text_input
from chatai.web.shared.texts import channels as texts


def token_field(label: Label = texts.TOKEN) -> rx.Component:
    """Named `token`. Browsers are asked to neither keep nor spell-check what is in it."""
    control = text_input(
        "token",
        required=True,
        auto_complete="off",
        spell_check=False,
        placeholder="123456789:AAE…",
        max_length=120,
    )
    return field(label, control, name="token", hint=texts.TOKEN_HINT)
