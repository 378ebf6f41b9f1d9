"""Texts used on many pages, and the shell's."""

from chatai.web.shared.i18n import Plural, Text

LOADING = Text("Loading", "Загружается")
CLOSE = Text("Close", "Закрыть")
CANCEL = Text("Cancel", "Отмена")
SAVE = Text("Save", "Сохранить")
DELETE = Text("Delete", "Удалить")
OPEN = Text("Open", "Открыть")
RETRY = Text("Try again", "Попробовать ещё раз")
WHERE = Text("Where you are", "Где вы находитесь")
SKIP = Text("Skip to content", "К содержанию")
MAIN_NAVIGATION = Text("Main navigation", "Главное меню")
ASSISTANTS = Text("Assistants", "Ассистенты")
BOTS_PAGE = Text("Bots", "Боты")
CONVERSATIONS = Text("Conversations", "Диалоги")
ACCOUNT = Text("Account", "Профиль")
LANGUAGE = Text("Language", "Язык")
THEME = Text("Appearance", "Оформление")
LIGHT = Text("Light", "Светлое")
DARK = Text("Dark", "Тёмное")
SYSTEM = Text("Automatic", "Авто")
TO_DARK = Text("Dark appearance", "Тёмное оформление")
TO_LIGHT = Text("Light appearance", "Светлое оформление")
OFFLINE = Text(
    "No connection to the server. We keep trying; nothing you see is lost.",
    "Нет связи с сервером. Пробуем ещё раз; всё, что вы видите, сохранится.",
)
NOT_FOUND_TITLE = Text("There is no such page", "Такой страницы нет")
NOT_FOUND = Text(
    "The address may be mistyped, or what was here has been deleted.",
    "Возможно, в адресе опечатка, или то, что здесь было, удалено.",
)
BROKEN_TITLE = Text("This page has broken down", "Эта страница сломалась")
BROKEN = Text(
    "The fault is ours and has been noted. What you have saved is safe.",
    "Это наша ошибка, мы её записали. Всё, что вы сохранили, на месте.",
)
BROKEN_AGAIN = Text("Load it again", "Загрузить снова")
TO_ASSISTANTS = Text("To the assistants", "К ассистентам")
SAVED = Text("Saved", "Сохранено")
LOG_OUT = Text("Log out", "Выйти")

DOCUMENTS = Plural(("document", "documents"), ("документ", "документа", "документов"))
BOTS = Plural(("bot", "bots"), ("бот", "бота", "ботов"))
CONVERSATION_COUNT = Plural(("conversation", "conversations"), ("диалог", "диалога", "диалогов"))
MESSAGES = Plural(("message", "messages"), ("сообщение", "сообщения", "сообщений"))
PAGES = Plural(("page", "pages"), ("страница", "страницы", "страниц"))
CHUNKS = Plural(("passage", "passages"), ("фрагмент", "фрагмента", "фрагментов"))

CHANNELS = {
    "web": Text("Web chat", "Чат на сайте"),
    "telegram": Text("Telegram", "Telegram"),
    "api": Text("API", "API"),
    "widget": Text("Widget", "Виджет"),
}
