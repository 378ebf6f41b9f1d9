"""Every page and its address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import reflex as rx

from chatai.web import account, documents, entry, missing
from chatai.web.assistants import channels, chat, index, knowledge, setup
from chatai.web.conversations import index as conversations
from chatai.web.conversations import one as conversation

Page = tuple[str, str, Callable[[], rx.Component], Sequence[Any]]

PAGES: tuple[Page, ...] = (
    ("/login", "Log in", entry.login_page, [entry.Entry.read_address]),
    ("/register", "Register", entry.register_page, [entry.Entry.read_address]),
    ("/confirm", "Confirm", entry.confirm_page, [entry.Entry.read_address, entry.Confirmation.confirm]),
    ("/reset", "New password", entry.reset_page, [entry.Entry.read_address]),
    ("/", "Assistants", index.page, index.ON_LOAD),
    ("/assistants/[assistant_id]", "Chat", chat.page, chat.ON_LOAD),
    ("/assistants/[assistant_id]/knowledge", "Knowledge", knowledge.page, knowledge.ON_LOAD),
    ("/assistants/[assistant_id]/channels", "Channels", channels.page, channels.ON_LOAD),
    ("/assistants/[assistant_id]/setup", "Set-up", setup.page, setup.ON_LOAD),
    ("/conversations", "Conversations", conversations.page, conversations.ON_LOAD),
    ("/conversations/[conversation_id]", "Conversation", conversation.page, conversation.ON_LOAD),
    ("/documents/[document_id]", "Document", documents.page, documents.ON_LOAD),
    ("/account", "Account", account.page, account.ON_LOAD),
    ("/404", "Not found", missing.page, []),
)


def add_pages(app: rx.App) -> None:
    """Gives the application its pages."""
    for address, title, page, on_load in PAGES:
        app.add_page(page, route=address, title=f"{title} · ChatAI", image="/logo.svg", on_load=list(on_load) or None)
