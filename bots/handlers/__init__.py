"""What a bot does with an update, as an aiogram dispatcher."""

from __future__ import annotations

from aiogram import Dispatcher

from bots.handlers import business, choices, commands, edits, managed, membership, messages, sources


def build_dispatcher() -> Dispatcher:
    """The dispatcher that all workers share. Its handlers take a `job` (see `bots.job`).

    All filters are coroutines: aiogram runs a plain function in a thread, which costs a hundred times the filter, and a
    question passes nine of them.
    """
    dispatcher = Dispatcher(disable_fsm=True)
    for module in (membership, managed, business, sources, choices, commands, edits, messages):
        dispatcher.include_router(module.build_router())
    return dispatcher
