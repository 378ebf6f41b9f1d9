"""What a bot says of itself, in both languages."""

from __future__ import annotations

from typing import Literal

from chatai.core.i18n import Language

Text = Literal[
    "help", "help_group", "added", "new", "unknown_command", "choose_language", "language_chosen", "only_admins",
    "failed", "heard", "forwarded", "replied", "quoted", "file", "voice", "picture", "silent",
    "not_sticker", "not_location", "not_contact", "not_poll", "not_video", "not_other",
    "made_bot", "made_bot_refused", "made_bot_enough", "make_bot", "make_bot_button",
    "no_pictures", "no_voice", "voice_too_long", "too_large", "file_gone", "too_many_files",
    "malware", "unscanned",
    "source_gone", "open_source",
]  # fmt: skip

_TEXTS: dict[Text, dict[Language, str]] = {
    "help": {
        "en": "I answer questions from documents. Write to me, or send a file and ask about it.\n\n"
        "/new – begin a new conversation\n/language – choose the language\n/help – this message\n\n"
        "In a group, mention me or reply to my message.",
        "ru": "Я отвечаю на вопросы по документам. Напишите мне или пришлите файл и спросите о нём.\n\n"
        "/new – начать новый разговор\n/language – выбрать язык\n/help – эта подсказка\n\n"
        "В группе упомяните меня или ответьте на моё сообщение.",
    },
    "made_bot": {
        "en": "Your bot @{bot} is ready: it answers from now on. Open it and write to it.",
        "ru": "Ваш бот @{bot} готов и уже отвечает. Откройте его и напишите ему.",
    },
    "made_bot_refused": {
        "en": "Your bot @{bot} was made, but it could not be connected. Please tell the people who run me.",
        "ru": "Ваш бот @{bot} создан, но подключить его не удалось. Сообщите об этом тем, кто меня ведёт.",
    },
    "made_bot_enough": {
        "en": "Your bot @{bot} was made, but not connected: you have as many with me as one person may. Please ask the "
        "people who run me.",
        "ru": "Ваш бот @{bot} создан, но не подключён: у вас уже столько ботов со мной, сколько можно одному человеку. "
        "Обратитесь к тем, кто меня ведёт.",
    },
    "make_bot": {
        "en": "Make a bot of your own with the button below, or with this link. It is connected as soon as you confirm:"
        "\n\n{link}",
        "ru": "Создайте собственного бота кнопкой внизу или по этой ссылке. Он подключится, как только вы подтвердите:"
        "\n\n{link}",
    },
    "make_bot_button": {"en": "Make my bot", "ru": "Создать своего бота"},
    "help_group": {
        "en": "I answer questions from documents. Mention me (@{bot}) or reply to my message, and I will answer here. "
        "What is not addressed to me I leave alone.",
        "ru": "Я отвечаю на вопросы по документам. Упомяните меня (@{bot}) или ответьте на моё сообщение, и я отвечу "
        "здесь. Остальное я не трогаю.",
    },
    "added": {
        "en": "Hello! I answer questions from documents. Mention me (@{bot}) or reply to my message.",
        "ru": "Здравствуйте! Я отвечаю на вопросы по документам. Упомяните меня (@{bot}) или ответьте на моё "
        "сообщение.",
    },
    "new": {
        "en": "A new conversation has begun. What would you like to know?",
        "ru": "Начат новый разговор. Что вы хотите узнать?",
    },
    "unknown_command": {
        "en": "I do not know this command. These I know: /new, /language, /help. Or just write your question.",
        "ru": "Такой команды я не знаю. Вот те, что знаю: /new, /language, /help. Или просто напишите вопрос.",
    },
    "choose_language": {"en": "Which language shall I speak?", "ru": "На каком языке мне говорить?"},
    "language_chosen": {"en": "I speak English here now.", "ru": "Теперь я говорю здесь по-русски."},
    "only_admins": {
        "en": "Only admins of the group may choose the language.",
        "ru": "Выбирать язык могут только администраторы группы.",
    },
    "failed": {
        "en": "Something went wrong and I could not answer. Please ask again a little later.",
        "ru": "Что-то пошло не так, и ответить не получилось. Пожалуйста, спросите ещё раз чуть позже.",
    },
    "heard": {"en": "I heard:", "ru": "Я услышал:"},
    "forwarded": {"en": "Forwarded message from {name}", "ru": "Пересланное сообщение, автор: {name}"},
    "replied": {"en": "Message that is replied to, from {name}", "ru": "Сообщение, на которое отвечают, автор: {name}"},
    "quoted": {"en": "Quotation that is replied to", "ru": "Цитата, на которую отвечают"},
    "file": {"en": "file", "ru": "файл"},
    "voice": {"en": "voice message", "ru": "голосовое сообщение"},
    "picture": {"en": "picture", "ru": "картинка"},
    "silent": {
        "en": "I could not make out any words there. Please say it again or write it.",
        "ru": "Я не разобрал там слов. Пожалуйста, скажите ещё раз или напишите.",
    },
    "not_sticker": {
        "en": "I understand words, not stickers and animations. What would you like to know?",
        "ru": "Я понимаю слова, а не стикеры и анимации. Что вы хотите узнать?",
    },
    "not_location": {
        "en": "I cannot see places on a map. Please write the address and your question in words.",
        "ru": "Я не вижу мест на карте. Напишите, пожалуйста, адрес и вопрос словами.",
    },
    "not_contact": {
        "en": "I cannot do anything with a contact card. Please write your question in words.",
        "ru": "С карточкой контакта я ничего сделать не могу. Напишите, пожалуйста, вопрос словами.",
    },
    "not_poll": {
        "en": "I do not take part in polls. Please write your question in words.",
        "ru": "В опросах я не участвую. Напишите, пожалуйста, вопрос словами.",
    },
    "not_video": {
        "en": "I do not watch videos. Please write your question in words.",
        "ru": "Видео я не смотрю. Напишите, пожалуйста, вопрос словами.",
    },
    "not_other": {
        "en": "I do not understand messages of this kind. Please write your question in words.",
        "ru": "Такие сообщения я не понимаю. Напишите, пожалуйста, вопрос словами.",
    },
    "no_pictures": {
        "en": "I do not understand pictures. Please describe in words what you would like to know.",
        "ru": "Картинки я не понимаю. Опишите, пожалуйста, словами, что вы хотите узнать.",
    },
    "no_voice": {
        "en": "I do not understand speech here. Please write your question in words.",
        "ru": "Речь я здесь не понимаю. Напишите, пожалуйста, вопрос словами.",
    },
    "voice_too_long": {
        "en": "I listen to at most {minutes} min. Please make it shorter, or write.",
        "ru": "Я слушаю не больше {minutes} мин. Запишите, пожалуйста, короче или напишите.",
    },
    "too_large": {
        "en": "The file “{name}” is too large: I can take at most {limit} MB.",
        "ru": "Файл «{name}» слишком большой: я могу взять не больше {limit} МБ.",
    },
    "file_gone": {
        "en": "Telegram did not give me the file “{name}”. Please send it again.",
        "ru": "Telegram не отдал мне файл «{name}». Пришлите его, пожалуйста, ещё раз.",
    },
    "malware": {
        "en": "The virus scanner found something in the file “{name}”. I did not open it.",
        "ru": "Антивирус нашёл что-то в файле «{name}». Я его не открывал.",
    },
    "unscanned": {
        "en": "Files cannot be checked for viruses at the moment, so I did not open “{name}”. Please send it later.",
        "ru": "Сейчас файлы не проверить на вирусы, поэтому я не открывал «{name}». Пришлите его, пожалуйста, позже.",
    },
    "source_gone": {
        "en": "This passage cannot be shown: it belongs to another chat, or it was deleted.",
        "ru": "Этот отрывок нельзя показать: он из другого чата или был удалён.",
    },
    "open_source": {"en": "Open the document", "ru": "Открыть документ"},
    "too_many_files": {
        "en": "I take at most {limit} files at once; I left out the others.",
        "ru": "Я беру не больше {limit} файлов за раз, остальные я пропустил.",
    },
}

_RUSSIAN = ("ru", "be", "uk", "kk", "ky", "uz", "tg")
"""Languages of Telegram's apps whose speakers rather read Russian than English."""


def text(key: Text, language: Language, **fields: object) -> str:
    return _TEXTS[key][language].format(**fields) if fields else _TEXTS[key][language]


def language_of(code: str | None, default: Language) -> Language:
    """The language to speak to a person whose app has this language code (`ru`, `pt-br`, or none)."""
    if not code:
        return default
    return "ru" if code.lower().split("-")[0] in _RUSSIAN else "en"
