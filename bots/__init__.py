"""Telegram bots: the manager, each bot's own process, and the processes that make their answers."""
