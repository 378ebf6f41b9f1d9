"""How a turn of a conversation looks: in the web chat and in the list of conversations alike."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import reflex as rx

from chatai.core.errors import sentence_for
from chatai.domains.conversations.schemas import CitationView, MessageView, citation_path
from chatai.web.shared.elements import link, note
from chatai.web.shared.i18n import is_russian, t
from chatai.web.shared.parts import Prose
from chatai.web.shared.texts import chat as texts

MARK = re.compile(r"\[(\d{1,3})\](?!\()")


@dataclass
class Source:
    """A citation as a chip. `address` opens the document at the passage; empty if the document is gone."""

    number: int = 0
    name: str = ""
    page: int = 0
    address: str = ""
    quote: str = ""


@dataclass
class Turn:
    """One message. Its text is Markdown; the numbers of its citations are links to their passages."""

    id: str = ""
    role: str = ""
    text: str = ""
    state: str = ""
    error_en: str = ""
    error_ru: str = ""
    said_at: str = ""
    reply_to: str = ""
    author: str = ""
    attachment: str = ""
    sources: list[Source] = field(default_factory=list)


def turn_of(message: MessageView) -> Turn:
    sources = [source_of(item) for item in message.citations]
    failed = message.state == "failed"
    return Turn(
        id=str(message.id),
        role=message.role,
        text=with_links(message.text, sources) if message.role == "assistant" else message.text,
        state=message.state,
        error_en=sentence_for(message.error_code, "en") if failed else "",
        error_ru=sentence_for(message.error_code, "ru") if failed else "",
        said_at=message.created_at.isoformat(),
        reply_to=str(message.reply_to or ""),
        author=message.author,
        attachment=message.attachment_name,
        sources=sources,
    )


def source_of(citation: CitationView) -> Source:
    return Source(
        number=citation.number,
        name=citation.document_name,
        page=citation.page,
        address=citation_path(citation),
        quote=citation.quote[:300],
    )


def with_links(text: str, sources: list[Source]) -> str:
    """Turns `[2]` into a link to the second source's passage. Other brackets stay as they are."""
    addresses = {source.number: source.address for source in sources}

    def linked(match: re.Match[str]) -> str:
        address = addresses.get(int(match[1]))
        return f"[{match[1]}]({address})" if address else match[0]

    return MARK.sub(linked, text)


def chip(source: rx.Var[Source]) -> rx.Component:
    content = rx.fragment(
        rx.el.span(source.number, class_name="no"),
        rx.el.span(source.name, class_name="clip"),
        rx.el.span(t(texts.PAGE_SHORT, page=source.page), class_name="faint", style={"whiteSpace": "nowrap"}),
    )
    return rx.cond(
        source.address,
        link(content, to=source.address, class_name="chip", title=source.quote),
        rx.el.span(content, class_name="chip", title=source.quote),
    )


def sources(turn: rx.Var[Turn]) -> rx.Component:
    return rx.cond(
        turn.sources,
        rx.el.div(rx.foreach(turn.sources, chip), class_name="row tight", role="group", aria_label=t(texts.SOURCES)),
    )


def asked(text: rx.Var[str] | str | rx.Component) -> rx.Component:
    return rx.el.div(rx.el.div(text, class_name="said"), class_name="turn asked")


def answered(turn: rx.Var[Turn], *actions: rx.Component) -> rx.Component:
    return rx.el.div(
        rx.cond(turn.text, Prose.create(text=turn.text)),
        sources(turn),
        rx.cond(turn.state == "interrupted", rx.el.p(t(texts.INTERRUPTED), class_name="faint small")),
        rx.cond(turn.state == "failed", note(rx.cond(is_russian(), turn.error_ru, turn.error_en), "bad")),
        *actions,
        class_name="turn",
    )


def turn_view(turn: rx.Var[Turn]) -> rx.Component:
    words = rx.fragment(
        rx.cond(turn.author, rx.el.div(turn.author, class_name="faint small")),
        turn.text,
        rx.cond(turn.attachment, rx.el.div("📎 ", turn.attachment, class_name="faint small")),
    )
    return rx.cond(turn.role == "person", asked(words), answered(turn))


def typing() -> rx.Component:
    return rx.el.div(
        rx.el.span(rx.el.i(), rx.el.i(), rx.el.i(), class_name="typing", aria_hidden="true"),
        rx.el.span(t(texts.THINKING), class_name="faint small"),
        class_name="row tight",
        role="status",
    )
