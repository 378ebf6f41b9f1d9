"""The panel on the knowledge page that shows how far an assistant's passages are embedded anew for another model."""

from __future__ import annotations

import reflex as rx

from chatai.core.actor import Actor
from chatai.domains.knowledge import service as knowledge
from chatai.domains.knowledge.errors import EmbeddingsAway
from chatai.web.shared.elements import bar, button, note
from chatai.web.shared.guard import handler, language_for, route_id, tell, unit
from chatai.web.shared.i18n import number, t
from chatai.web.shared.parts import Ticker
from chatai.web.shared.texts import common
from chatai.web.shared.texts import embedding as texts

REFRESH_MS = 2000


class Embedding(rx.State):
    """`coming`: the model that is set, while the vectors that serve are another one's; else empty."""

    coming: str = ""
    serving: str = ""
    done: int = 0
    all: int = 0
    percent: int = 0
    trouble: str = ""
    retrying: bool = False

    @handler
    async def load(self, actor: Actor) -> None:
        """Also called while passages are being embedded."""
        async with unit(actor) as uow:
            view = await knowledge.status(uow, actor, route_id(self, "assistant_id"))
        self.coming, self.serving = view.coming_model, view.serving_model
        self.done, self.all = view.embedded, view.embedded + view.to_embed
        self.percent = round(100 * self.done / self.all) if self.all else 0
        self.trouble, self.retrying = view.trouble, view.retrying

    @handler
    async def try_again(self, actor: Actor) -> None:
        async with unit(actor) as uow:
            await knowledge.embed_anew(uow, actor, route_id(self, "assistant_id"))
        self.trouble = ""
        await tell(self, texts.TRYING.of(await language_for(self)))


def panel(busy: rx.Var[bool]) -> rx.Component:
    """The panel, while there is anything to show.

    Args:
        busy: Documents are being read, and show their own progress. The first ones need no second bar.
    """
    label = t(texts.PROGRESS, model=Embedding.coming, done=number(Embedding.done), all=number(Embedding.all))
    meanwhile = rx.cond(
        Embedding.serving != "", t(texts.UNTIL_THEN, model=Embedding.serving), t(texts.UNTIL_THEN_WORDS)
    )
    trouble = note(
        rx.fragment(
            rx.cond(Embedding.trouble == EmbeddingsAway.code, t(texts.AWAY), t(texts.REFUSED)),
            " ",
            rx.cond(Embedding.retrying, t(texts.RETRYING), t(texts.GIVEN_UP)),
        ),
        "warn",
    )
    shown = rx.el.section(
        rx.el.p(label, class_name="strong"),
        bar(Embedding.percent, label),
        rx.el.p(meanwhile, class_name="muted small"),
        rx.cond(
            Embedding.trouble != "",
            rx.fragment(
                trouble,
                rx.cond(
                    ~Embedding.retrying,
                    rx.el.div(
                        button(common.RETRY, icon_name="rotate-ccw", small=True, on_click=Embedding.try_again),
                        class_name="row end",
                    ),
                ),
            ),
        ),
        class_name="card pad stack tight",
        aria_label=t(texts.TITLE),
    )
    return rx.cond(
        Embedding.coming != "",
        rx.fragment(
            rx.cond((Embedding.serving != "") | ~busy, shown),
            Ticker.create(interval=REFRESH_MS, on_tick=Embedding.load),
        ),
    )
