"""Pages of Telegram bots: the list, one bot, many at once, and all of the installation."""
