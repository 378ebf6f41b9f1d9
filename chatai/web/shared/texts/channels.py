"""Texts of an assistant's channels: Telegram bots."""

from chatai.web.shared.i18n import Text

TELEGRAM = Text("Telegram", "Telegram")
LEAD = Text(
    "Add as many bots as you like. Each answers with this assistant's knowledge.",
    "Подключите сколько угодно ботов. Каждый отвечает по знаниям этого ассистента.",
)
HOW = Text("How to get a token", "Как получить токен")
STEPS = (
    Text("Open @BotFather in Telegram and send /newbot.", "Откройте @BotFather в Telegram и отправьте /newbot."),
    Text(
        "Give the bot a name and a user name that ends in “bot”.",
        "Задайте имя бота и имя пользователя, которое оканчивается на «bot».",
    ),
    Text(
        "Copy the token from the answer; it looks like 123456789:AAE…",
        "Скопируйте токен из ответа; он выглядит как 123456789:AAE…",
    ),
)
OPEN_BOTFATHER = Text("Open @BotFather", "Открыть @BotFather")
TOKEN = Text("Token", "Токен")
TOKEN_HINT = Text(
    "It is checked with Telegram and stored encrypted.", "Мы проверим его в Telegram и сохраним в зашифрованном виде."
)
ADD = Text("Connect the bot", "Подключить бота")
ADDED = Text("The bot is connected", "Бот подключён")
EMPTY = Text("No bots yet.", "Ботов пока нет.")
START = Text("Start", "Запустить")
STOP = Text("Stop", "Остановить")
DELETE_TITLE = Text("Remove this bot?", "Удалить этого бота?")
DELETE = Text(
    "It stops answering at once. The bot itself stays with you in Telegram, and so do its conversations here.",
    "Он сразу перестанет отвечать. Сам бот останется у вас в Telegram, а его диалоги — здесь.",
)
REMOVE = Text("Remove", "Удалить")
DELETED = Text("The bot is removed", "Бот удалён")

STATES = {
    "stopped": Text("Stopped", "Остановлен"),
    "starting": Text("Starting", "Запускается"),
    "running": Text("Running", "Работает"),
    "sleeping": Text("Ready, asleep", "Готов, спит"),
    "failed": Text("Failed", "Сбой"),
    "revoked": Text("Token revoked", "Токен отозван"),
    "conflict": Text("Used elsewhere", "Занят другими"),
    "quarantined": Text("Set aside", "Приостановлен"),
}
STATE_KINDS = {
    "running": "ok",
    "sleeping": "ok",
    "starting": "busy",
    "failed": "bad",
    "revoked": "bad",
    "conflict": "warn",
    "quarantined": "warn",
}
