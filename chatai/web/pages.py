"""Every page and its address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import reflex as rx

from chatai.web import account, entry, missing
from chatai.web.assistants import answers_page, channels, chat, index, knowledge, search_test, setup
from chatai.web.bots import everywhere as all_bots
from chatai.web.bots import everywhere_one as any_bot
from chatai.web.bots import index as bots
from chatai.web.bots import one_page as bot
from chatai.web.conversations import index as conversations
from chatai.web.conversations import one as conversation
from chatai.web.documents import one as document
from chatai.web.shared.i18n import Text, t
from chatai.web.shared.texts import assistants as assistant_texts
from chatai.web.shared.texts import bots as bot_texts
from chatai.web.shared.texts import chat as chat_texts
from chatai.web.shared.texts import common
from chatai.web.shared.texts import entry as entry_texts
from chatai.web.shared.texts import knowledge as knowledge_texts

Page = tuple[str, Text, Callable[[], rx.Component], Sequence[Any]]

PAGES: tuple[Page, ...] = (
    ("/login", entry_texts.LOG_IN, entry.login_page, [entry.Entry.read_address]),
    ("/register", entry_texts.REGISTER, entry.register_page, [entry.Entry.read_address]),
    ("/confirm", entry_texts.CONFIRM_TITLE, entry.confirm_page, [entry.Entry.read_address, entry.Confirmation.confirm]),
    ("/reset", entry_texts.RESET_TITLE, entry.reset_page, [entry.Entry.read_address]),
    ("/", common.ASSISTANTS, index.page, index.ON_LOAD),
    ("/assistants/[assistant_id]", assistant_texts.TAB_CHAT, chat.page, chat.ON_LOAD),
    ("/assistants/[assistant_id]/knowledge", assistant_texts.TAB_KNOWLEDGE, knowledge.page, knowledge.ON_LOAD),
    ("/assistants/[assistant_id]/answers", assistant_texts.TAB_ANSWERS, answers_page.page, answers_page.ON_LOAD),
    ("/assistants/[assistant_id]/search", assistant_texts.TAB_SEARCH, search_test.page, search_test.ON_LOAD),
    ("/assistants/[assistant_id]/channels", assistant_texts.TAB_CHANNELS, channels.page, channels.ON_LOAD),
    ("/assistants/[assistant_id]/setup", assistant_texts.TAB_SETUP, setup.page, setup.ON_LOAD),
    ("/bots", bot_texts.TITLE, bots.page, bots.ON_LOAD),
    ("/bots/[bot_id]", bot_texts.ONE, bot.page, bot.ON_LOAD),
    ("/admin/bots", bot_texts.ALL_TITLE, all_bots.page, all_bots.ON_LOAD),
    ("/admin/bots/[bot_id]", bot_texts.ONE, any_bot.page, any_bot.ON_LOAD),
    ("/conversations", common.CONVERSATIONS, conversations.page, conversations.ON_LOAD),
    ("/conversations/[conversation_id]", chat_texts.CONVERSATION, conversation.page, conversation.ON_LOAD),
    ("/documents/[document_id]", knowledge_texts.DOCUMENT, document.page, document.ON_LOAD),
    ("/account", common.ACCOUNT, account.page, account.ON_LOAD),
    ("/404", common.NOT_FOUND_TITLE, missing.page, []),
)


def titled(text: Text) -> Text:
    """What the browser's tab says."""
    return Text(f"{text.en} · ChatAI", f"{text.ru} · ChatAI")


def add_pages(app: rx.App) -> None:
    """Gives the application its pages."""
    for address, title, page, on_load in PAGES:
        app.add_page(page, route=address, title=t(titled(title)), image="/logo.svg", on_load=list(on_load) or None)
