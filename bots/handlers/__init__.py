"""What a bot does with an update, as an aiogram dispatcher."""

from __future__ import annotations

from aiogram import Dispatcher

from bots.handlers import commands, messages


def build_dispatcher() -> Dispatcher:
    """The dispatcher that all workers share. Its handlers take a `job` (see `bots.job`)."""
    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.include_router(commands.build_router())
    dispatcher.include_router(messages.build_router())
    return dispatcher
