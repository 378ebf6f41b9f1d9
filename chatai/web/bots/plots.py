"""Small plots: a line over an area, drawn as SVG from points that the server has computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import reflex as rx

from chatai.web.shared.i18n import Text, number, t
from chatai.web.shared.texts import bots as texts

WIDTH, HEIGHT = 300, 56


def points(values: Sequence[float]) -> str:
    """Points of a polyline through the values, the highest at the top; empty for fewer than two of them."""
    if len(values) < 2:
        return ""
    highest = max(values) or 1
    step = WIDTH / (len(values) - 1)
    return " ".join(f"{place * step:.1f},{HEIGHT - value / highest * HEIGHT:.1f}" for place, value in enumerate(values))


def plot(title: Text, line: rx.Var[str], highest: Any, digits: int = 0) -> rx.Component:
    """A plot with its name and its highest value.

    Args:
        title: What is plotted.
        line: From `points`.
        highest: The highest value.
        digits: Of the highest value, after the decimal sign.
    """
    return rx.el.figure(
        rx.el.figcaption(
            rx.el.span(t(title)),
            rx.el.span(t(texts.HIGHEST, number=number(highest, digits)), class_name="faint"),
        ),
        rx.cond(
            line != "",
            rx.el.svg(
                rx.el.svg.polygon(points=f"0,{HEIGHT} {line} {WIDTH},{HEIGHT}"),
                rx.el.svg.polyline(points=line),
                view_box=f"0 0 {WIDTH} {HEIGHT}",
                preserve_aspect_ratio="none",
                aria_hidden=True,
            ),
            rx.el.p("–", class_name="faint"),
        ),
        class_name="plot",
    )
