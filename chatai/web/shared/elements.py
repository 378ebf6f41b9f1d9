"""The design's building blocks. Pages put these together and add no styles of their own."""

from __future__ import annotations

from typing import Any, Literal

import reflex as rx
from reflex.vars import Var
from reflex_components_core.react_router.dom import ReactRouterLink

from chatai.web.shared.i18n import Text, t
from chatai.web.shared.parts import Modal
from chatai.web.shared.texts import common

Label = Text | str | Var[str]
ButtonKind = Literal["primary", "plain", "ghost", "bad", "bad-ghost"]
PillKind = Literal["", "ok", "busy", "warn", "bad"]


def said(label: Label) -> Any:
    """What a label shows: a catalogue text in the browser's language, anything else as it is."""
    return t(label) if isinstance(label, Text) else label


def icon(name: str, size: int = 18) -> rx.Component:
    return rx.icon(name, size=size, stroke_width=1.9, aria_hidden=True)


def button(
    label: Label,
    *,
    kind: ButtonKind = "plain",
    icon_name: str = "",
    small: bool = False,
    block: bool = False,
    type: str = "button",
    **props: Any,
) -> rx.Component:
    parts = [icon(icon_name, 17)] if icon_name else []
    names = f"btn {kind}{' small' if small else ''}{' block' if block else ''}"
    return rx.el.button(*parts, said(label), class_name=names, type=type, **props)


def icon_button(
    name: str, label: Label, *, kind: ButtonKind = "ghost", small: bool = True, **props: Any
) -> rx.Component:
    """A button that shows only a symbol. The label is for screen readers and the pointer's hint."""
    text = said(label)
    props.setdefault("type", "button")
    return rx.el.button(
        icon(name, 17), class_name=f"btn icon {kind}{' small' if small else ''}", aria_label=text, title=text, **props
    )


def link(*children: Any, to: str | Var[str], **props: Any) -> rx.Component:
    """A link to another page, without loading everything anew."""
    return ReactRouterLink.create(*children, to=to, **props)


def link_button(
    label: Label, to: str | Var[str], *, kind: ButtonKind = "plain", icon_name: str = "", small: bool = False
) -> rx.Component:
    parts = [icon(icon_name, 17)] if icon_name else []
    return link(*parts, said(label), to=to, class_name=f"btn {kind}{' small' if small else ''}")


def field(
    label: Label,
    control: rx.Component,
    *,
    name: str,
    hint: Label = "",
    error: str | Var[str] = "",
) -> rx.Component:
    """A labelled control. `name` is the id of the control."""
    return rx.el.div(
        rx.el.label(said(label), html_for=name),
        control,
        *([rx.el.p(said(hint), class_name="hint")] if isinstance(hint, Text | Var) else []),
        *([rx.cond(error, note(error, "bad"))] if isinstance(error, Var) else []),
        class_name="field",
    )


def text_input(name: str, **props: Any) -> rx.Component:
    props.setdefault("id", name)
    return rx.el.input(name=name, class_name="input", **props)


def text_area(name: str, *, tall: bool = False, **props: Any) -> rx.Component:
    props.setdefault("id", name)
    return rx.el.textarea(name=name, class_name="area tall" if tall else "area", **props)


def select(name: str, *options: rx.Component, **props: Any) -> rx.Component:
    props.setdefault("id", name)
    return rx.el.select(*options, name=name, class_name="select", **props)


def pill(label: Label, kind: PillKind | Var[str] = "", *, bare: bool = False) -> rx.Component:
    names: Any = f"pill {kind}{' bare' if bare else ''}" if isinstance(kind, str) else rx.Var.create(f"pill {kind}")
    return rx.el.span(said(label), class_name=names)


def bar(percent: Var[int], label: Label) -> rx.Component:
    """A progress bar; `percent` from 0 to 100."""
    return rx.el.div(
        rx.el.span(style={"width": f"{percent}%"}),
        class_name="bar",
        role="progressbar",
        aria_label=said(label),
        aria_valuenow=percent,
        aria_valuemin=0,
        aria_valuemax=100,
    )


def note(content: Any, kind: Literal["", "ok", "warn", "bad"] = "", **props: Any) -> rx.Component:
    """A remark in place. Bad ones are read out by screen readers as they appear."""
    sign = {"": "info", "ok": "circle-check", "warn": "triangle-alert", "bad": "circle-alert"}[kind]
    role = "alert" if kind == "bad" else "status"
    return rx.el.div(
        icon(sign), rx.el.div(said(content), class_name="grow"), class_name=f"note {kind}", role=role, **props
    )


def tile(content: Any, *, names: str = "") -> rx.Component:
    return rx.el.span(content, class_name=f"tile {names}", aria_hidden="true")


def empty(icon_name: str, title: Label, text: Label, *actions: rx.Component) -> rx.Component:
    """What a page shows when there is nothing yet: why, and what to do next."""
    return rx.el.div(
        tile(icon(icon_name, 26)), rx.el.h2(said(title)), rx.el.p(said(text)), *actions, class_name="empty"
    )


def skeleton(*heights: int) -> rx.Component:
    """Grey boxes while something loads."""
    boxes = [rx.el.div(class_name="skeleton", style={"height": f"{height}px"}) for height in heights]
    return rx.el.div(*boxes, class_name="stack", role="status", aria_label=t(common.LOADING))


def listing(rows: Var[Any], line: Any, nothing: rx.Component) -> rx.Component:
    """A card with a line for each row; `nothing` stands in it where there are none."""
    return rx.cond(
        rows, rx.el.ul(rx.foreach(rows, line), class_name="card list"), rx.el.div(nothing, class_name="card")
    )


def card_head(title: Label, lead: Label = "") -> rx.Component:
    """The heading of a card that holds a list."""
    return rx.el.div(
        rx.el.h2(said(title)),
        *([rx.el.p(said(lead), class_name="muted small")] if lead else []),
        class_name="pad-head under",
    )


def dialog(title: Label, *content: Any, on_dismiss: Any, wide: bool = False, waits: bool = False) -> rx.Component:
    """A modal dialog. Put it into `rx.cond`; it is open while it is there. One that `waits` is there still for who left
    its page; others are dismissed then."""
    return Modal.create(
        rx.el.div(
            rx.el.div(
                rx.el.h2(said(title), id="dialog-title", class_name="grow"),
                icon_button("x", common.CLOSE, on_click=on_dismiss),
                class_name="row top",
            ),
            *content,
            class_name="stack",
        ),
        class_name="dialog wide" if wide else "dialog",
        aria_labelledby="dialog-title",
        waits=waits,
        on_dismiss=on_dismiss,
    )


def foot(
    action: Label,
    *,
    on_cancel: Any,
    error: Var[str] | None = None,
    cancel: Label = common.CANCEL,
    kind: ButtonKind = "primary",
    **props: Any,
) -> rx.Component:
    """The end of a dialog: what went wrong, the way back, and what it is for. Without `on_click` it sends the form."""
    if "on_click" not in props:
        props["type"] = "submit"
    return rx.fragment(
        *([rx.cond(error, note(error, "bad"))] if error is not None else []),
        rx.el.div(button(cancel, on_click=on_cancel), button(action, kind=kind, **props), class_name="row end"),
    )


def confirm(
    title: Label,
    text: Label,
    *,
    action: Label,
    on_dismiss: Any,
    on_confirm: Any = None,
    form: Any = None,
    extra: rx.Component | None = None,
) -> rx.Component:
    """Asks before something is lost. With `form`, the answer is a form with the controls in `extra`."""
    buttons = foot(action, kind="bad", on_cancel=on_dismiss, **({} if form else {"on_click": on_confirm}))
    content = (extra, buttons) if extra else (buttons,)
    return dialog(
        title,
        rx.el.p(said(text), class_name="muted"),
        *([rx.el.form(*content, on_submit=form, class_name="stack")] if form else content),
        on_dismiss=on_dismiss,
    )


def crumbs(*steps: tuple[Label, str | Var[str]]) -> rx.Component:
    """Where this page stands. Each step is a label and its address."""
    parts: list[rx.Component] = []
    for label, address in steps:
        parts += [link(said(label), to=address, class_name="clip"), icon("chevron-right", 14)]
    return rx.el.nav(*parts[:-1], class_name="crumbs", aria_label=t(common.WHERE))


def page_head(title: Any, *actions: rx.Component, lead: Label = "") -> rx.Component:
    return rx.el.header(
        rx.el.div(
            rx.el.h1(said(title)),
            *([rx.el.p(said(lead), class_name="lead")] if lead else []),
            class_name="stack tight grow",
        ),
        *actions,
        class_name="head",
    )
