"""Texts of the web chat and of conversations."""

from chatai.web.shared.i18n import Text

ASK = Text("Ask a question…", "Задайте вопрос…")
YOUR_QUESTION = Text("Your question", "Ваш вопрос")
SEND = Text("Send", "Отправить")
STOP = Text("Stop", "Остановить")
NEW_CHAT = Text("New chat", "Новый чат")
START_TITLE = Text("Ask {name} something", "Спросите: {name}")
START = Text(
    "Answers come from the assistant's documents, with the page. What you try here is what your customers will get.",
    "Ответы берутся из документов ассистента, со ссылкой на страницу. Так же он будет отвечать клиентам.",
)
NO_DOCUMENTS = Text(
    "This assistant has no documents that are ready yet, so it has nothing to answer from.",
    "У ассистента пока нет готовых документов, ему не по чему отвечать.",
)
ADD_DOCUMENTS = Text("Add documents", "Добавить документы")
AGAIN = Text("Answer again", "Ответить заново")
STOPPED = Text("Stopped", "Остановлено")
INTERRUPTED = Text("The answer was cut off.", "Ответ оборвался.")
THINKING = Text("Looking through the documents", "Просматриваю документы")
SOURCES = Text("Sources", "Источники")
PAGE_SHORT = Text("p. {page}", "с. {page}")
CONVERSATION = Text("Conversation", "Диалог")
HISTORY = Text("Earlier chats", "Прежние чаты")

TITLE = Text("Conversations", "Диалоги")
LEAD = Text("What people ask, on every channel.", "Что спрашивают люди, по всем каналам.")
EMPTY_TITLE = Text("No conversations yet", "Диалогов пока нет")
EMPTY = Text(
    "As soon as somebody writes to an assistant in the web chat or in Telegram, you can read along here.",
    "Как только кто-нибудь напишет ассистенту в веб-чате или Telegram, диалог появится здесь.",
)
NOTHING_FITS = Text("No conversation fits this choice.", "Под этот выбор диалогов нет.")
ALL_ASSISTANTS = Text("All assistants", "Все ассистенты")
ALL_CHANNELS = Text("All channels", "Все каналы")
MORE = Text("Show earlier ones", "Показать более ранние")
UNTITLED = Text("Without a title", "Без названия")
DELETE_TITLE = Text("Delete this conversation?", "Удалить этот диалог?")
DELETE = Text("Its messages are gone for good.", "Сообщения исчезнут навсегда.")
DELETED = Text("The conversation is deleted", "Диалог удалён")
CONTINUE = Text("Continue", "Продолжить")
