"""Texts of the list of assistants and of one assistant's set-up."""

from chatai.web.shared.i18n import Text

TITLE = Text("Assistants", "Ассистенты")
LEAD = Text(
    "Each one knows the documents you give it and answers wherever you put it.",
    "Каждый знает документы, которые вы ему дали, и отвечает там, где вы его подключите.",
)
NEW = Text("New assistant", "Новый ассистент")
EMPTY_TITLE = Text("Make your first assistant", "Создайте первого ассистента")
EMPTY = Text(
    "Give it a name and your documents. A few minutes later it answers questions with the page each answer comes from.",
    "Дайте ему имя и документы. Через несколько минут он отвечает на вопросы и показывает страницу, откуда взят ответ.",
)
NO_DESCRIPTION = Text("No description yet", "Описания пока нет")
NO_DOCUMENTS = Text("No documents yet", "Документов пока нет")
CREATE_TITLE = Text("New assistant", "Новый ассистент")
CREATE = Text("Create", "Создать")
START_FROM = Text("Start from", "Взять за основу")
NAME = Text("Name", "Название")
NAME_HINT = Text("People see it in the chat and in Telegram.", "Его видят люди в чате и в Telegram.")
NAME_EXAMPLE = Text("For example: Anna from support", "Например: Анна из поддержки")
DESCRIPTION = Text("Description", "Описание")
DESCRIPTION_HINT = Text("For you and your team, one sentence.", "Для вас и вашей команды, одно предложение.")
INSTRUCTIONS = Text("Instructions", "Инструкции")
INSTRUCTIONS_HINT = Text(
    "How to answer: tone, what to refuse, when to send people to a colleague. Facts belong into documents.",
    "Как отвечать: тон, от чего отказываться, когда передать коллеге. Факты держите в документах.",
)
GREETING = Text("Greeting", "Приветствие")
GREETING_HINT = Text("The first thing people read.", "Первое, что прочтут люди.")
MODEL = Text("Model", "Модель")
MODEL_HINT = Text("Leave empty for the installation's own model.", "Оставьте пустым — будет модель установки.")
TEMPERATURE = Text("Freedom of wording", "Свобода формулировок")
TEMPERATURE_HINT = Text(
    "0 keeps to the documents most strictly, 1 words answers more freely.",
    "0 — строже всего по документам, 1 — свободнее в словах.",
)
TAB_CHAT = Text("Chat", "Чат")
TAB_KNOWLEDGE = Text("Knowledge", "Знания")
TAB_ANSWERS = Text("Answers", "Ответы")
TAB_SEARCH = Text("Search test", "Проверка поиска")
TAB_SEARCH_SHORT = Text("Search", "Поиск")
TAB_CHANNELS = Text("Channels", "Каналы")
TAB_SETUP = Text("Set-up", "Настройка")
TABS = Text("Parts of the assistant", "Разделы ассистента")
VERSIONS = Text("Versions", "Версии")
VERSIONS_LEAD = Text("Every save keeps the one before.", "Каждое сохранение оставляет прежнюю версию.")
VERSION = Text("Version {number}", "Версия {number}")
CURRENT = Text("current", "текущая")
RESTORE = Text("Restore", "Вернуть")
RESTORED = Text("Version restored", "Версия возвращена")
DANGER = Text("Delete the assistant", "Удалить ассистента")
DANGER_LEAD = Text(
    "Its documents, conversations and bots go with it. This can't be undone.",
    "Вместе с ним исчезнут документы, диалоги и боты. Отменить это нельзя.",
)
DELETE_TYPE = Text("Type its name to confirm", "Введите его название для подтверждения")
DELETE_MISMATCH = Text("The name does not match. Nothing was deleted.", "Название не совпадает. Ничего не удалено.")
DELETED = Text("The assistant is deleted", "Ассистент удалён")
