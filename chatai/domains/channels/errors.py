"""What can be wrong with a bot."""

from __future__ import annotations

from chatai.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class BotNotFound(NotFound):
    code = "bot_not_found"
    en = "There is no such bot."
    ru = "Такого бота нет."


class MayNotManageBots(Forbidden):
    code = "may_not_manage_bots"
    en = "Only an admin of the workspace may connect or remove bots; operators may start and stop them."
    ru = "Подключать и удалять ботов может только администратор рабочего пространства, оператор – запускать."


class NotAToken(Invalid):
    code = "not_a_bot_token"
    en = "This is not a bot token. @BotFather gives you one that looks like 123456789:AAE…; copy the whole of it."
    ru = "Это не токен бота. Его выдаёт @BotFather, он выглядит как 123456789:AAE…; скопируйте его целиком."


class TokenRefused(Invalid):
    code = "bot_token_refused"
    en = "Telegram does not know this token. Check that it is copied whole and was not replaced in @BotFather."
    ru = "Telegram не знает этого токена. Проверьте, что он скопирован целиком и не был заменён в @BotFather."


class BotAlreadyHere(Conflict):
    code = "bot_already_here"
    en = "This bot, @{username}, is already connected in this workspace."
    ru = "Этот бот, @{username}, уже подключён в этом рабочем пространстве."


class BotInUse(Conflict):
    """The bot is connected in another workspace: which one is nobody's business."""

    code = "bot_in_use"
    en = "This bot cannot be connected because it is in use already. Disconnect it there, or make another one."
    ru = "Этого бота нельзя подключить: он уже используется. Отключите его там или создайте другого."


class TelegramUnreachable(Unavailable):
    code = "telegram_unreachable"
    en = "Telegram cannot be reached from this server at the moment. Please try again in a minute."
    ru = "Telegram сейчас недоступен с этого сервера. Попробуйте через минуту."


class TelegramBusy(Unavailable):
    code = "telegram_busy"
    en = "Telegram asks to wait {seconds} seconds before the next try."
    ru = "Telegram просит подождать {seconds} с до следующей попытки."


class TokenRevoked(Conflict):
    code = "bot_token_revoked"
    en = "Telegram no longer accepts this bot's token: it was replaced or the bot was deleted in @BotFather."
    ru = "Telegram больше не принимает токен этого бота: его заменили или бота удалили в @BotFather."


class PolledElsewhere(Conflict):
    code = "bot_polled_elsewhere"
    en = "Another program receives this bot's messages. Stop it there; ChatAI tries again by itself."
    ru = "Сообщения этого бота получает другая программа. Остановите её; ChatAI попробует снова сам."


class WebhookRefused(Invalid):
    code = "bot_webhook_refused"
    en = "Telegram refused the webhook address. PUBLIC_URL must be public, https, on port 443, 80, 88 or 8443."
    ru = "Telegram отклонил адрес веб-хука. PUBLIC_URL должен быть публичным, https, на порту 443, 80, 88 или 8443."


class TokenUnreadable(Invalid):
    code = "bot_token_unreadable"
    en = "The bot's stored token cannot be read with this SECRET_KEY. Remove the bot and connect it again."
    ru = "Сохранённый токен бота не читается с этим SECRET_KEY. Удалите бота и подключите его заново."


class BotCrashes(Unavailable):
    code = "bot_crashes"
    en = "The bot's process ended unexpectedly several times and was stopped. Start it to try again."
    ru = "Процесс бота несколько раз неожиданно завершался и был остановлен. Запустите его, чтобы попробовать снова."


class BotSetupFailed(Unavailable):
    code = "bot_setup_failed"
    en = "The bot could not be set up. ChatAI tries again by itself."
    ru = "Бота не удалось настроить. ChatAI попробует снова сам."
