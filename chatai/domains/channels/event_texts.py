"""What can happen to a bot, as the codes that are stored and the sentences that people read.

The fields come from the event's detail. Where one is missing the sentence is cut off before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

from chatai.core.errors import sentence_for
from chatai.core.i18n import Language

_SENTENCES: dict[str, tuple[str, str]] = {
    "bot_taken_over": (
        "The bot manager {manager} has taken the bot over from another one.",
        "Менеджер ботов {manager} принял бота от другого.",
    ),
    "bot_failed": ("The bot cannot work: {reason} {error}", "Бот не может работать: {reason} {error}"),
    "bot_revoked": ("The bot was stopped: {reason} {error}", "Бот остановлен: {reason} {error}"),
    "bot_conflict": ("Messages do not come: {reason} {error}", "Сообщения не приходят: {reason} {error}"),
    "bot_quarantined": ("The bot was set aside: {reason} {error}", "Бот отстранён: {reason} {error}"),
    "bot_recovered": ("The bot works again.", "Бот снова работает."),
    "process_started": ("The bot's process {pid} started.", "Процесс бота {pid} запущен."),
    "process_left": (
        "The bot's process {pid} ended: there was nothing to do.",
        "Процесс бота {pid} завершён: дел не было.",
    ),
    "process_stopped": ("The bot's process {pid} was stopped.", "Процесс бота {pid} остановлен."),
    "process_ended": (
        "The bot's process {pid} ended unexpectedly: {why}.",
        "Процесс бота {pid} неожиданно завершился: {why}.",
    ),
    "process_hung": (
        "The bot's process {pid} did not answer and was killed.",
        "Процесс бота {pid} не отвечал и был завершён принудительно.",
    ),
    "process_deaf": (
        "The bot's process {pid} did not read what it was sent and was killed.",
        "Процесс бота {pid} не читал, что ему посылали, и был завершён принудительно.",
    ),
    "process_babbled": (
        "The bot's process {pid} said more than it can have to say and was killed.",
        "Процесс бота {pid} сообщал больше, чем ему может быть нужно, и был завершён принудительно.",
    ),
    "memory_exceeded": (
        "The bot's process {pid} took {memory_mb} MB of memory, more than it may, and was killed.",
        "Процесс бота {pid} занял {memory_mb} МБ памяти, больше дозволенного, и был завершён принудительно.",
    ),
    "update_set_aside": (
        "A message was set aside after {attempts} tries: {error}",
        "Сообщение отложено после {attempts} попыток: {error}",
    ),
    "update_failed": ("An answer could not be delivered: {error}", "Ответ не удалось доставить: {error}"),
    "updates_retried": (
        "Messages that were set aside are tried again: {number}.",
        "Отложенные сообщения обрабатываются заново: {number}.",
    ),
    "updates_dismissed": (
        "Messages that were set aside were dismissed: {number}.",
        "Отложенные сообщения сняты: {number}.",
    ),
    "sends_repeated": (
        "Answers that Telegram may already have had were sent again: {number}.",
        "Повторно отправлены ответы, которые Telegram, возможно, уже получил: {number}.",
    ),
    "throttled": (
        "Telegram asked the bot to wait {seconds} seconds.",
        "Telegram попросил бота подождать {seconds} с.",
    ),
    "webhook_error": (
        "Telegram could not deliver a message here: {error}",
        "Telegram не смог доставить сюда сообщение: {error}",
    ),
    "webhook_taken": (
        "The webhook was set back; it had been replaced by one at {host}.",
        "Веб-хук возвращён; его подменили веб-хуком на {host}.",
    ),
    "webhook_removed": (
        "The webhook was set again; it had been removed.",
        "Веб-хук установлен снова: его удалили.",
    ),
    "updates_passed_over": (
        "What came from Telegram was no message and was passed over: {number}, the last one because: {why}.",
        "Из Telegram пришло непонятное и было пропущено: {number}, последнее – потому что: {why}.",
    ),
    "posts_refused": (
        "Posts to the bot's webhook were refused: {number}, the last one because: {why}.",
        "Отклонены обращения к веб-хуку бота: {number}, последнее – потому что: {why}.",
    ),
    "business_waiting": (
        "The business account “{name}” has connected the bot and waits for your permission, on this page.",
        "Бизнес-аккаунт «{name}» подключил бота и ждёт вашего разрешения на этой странице.",
    ),
    "business_full": (
        "The bot keeps silent in a chat of the business account “{name}”: it gave {number} answers there within an "
        "hour, perhaps to another bot.",
        "Бот молчит в одном из чатов бизнес-аккаунта «{name}»: за час он дал там ответов: {number}, – возможно, "
        "другому боту.",
    ),
    "business_unanswered": (
        "A customer of a business account got no answer: {reason}",
        "Клиент бизнес-аккаунта остался без ответа: {reason}",
    ),
    "worker_log": ("The bot's process says: {text}", "Процесс бота сообщает: {text}"),
    "events_left_out": (
        "More happened than is kept here; left out: {number}.",
        "Событий было больше; пропущено: {number}.",
    ),
}


TOLD_BY_WORKERS = frozenset({"business_waiting", "business_full", "business_unanswered"})
"""Codes that a bot's own process may tell. All others are for those who watch it."""


def event_codes() -> list[str]:
    """Every code there is."""
    return list(_SENTENCES)


def event_sentence(event: str, detail: Mapping[str, object], language: Language) -> str:
    """What happened, for people. An unknown code stands for itself."""
    if event not in _SENTENCES:
        return event
    sentence = _SENTENCES[event][language == "ru"]
    values = {key: _value(key, value, language) for key, value in detail.items()}
    text = ""
    for literal, field, _, _ in Formatter().parse(sentence):
        text += literal
        if field is not None:
            if not values.get(field):
                return text.strip().rstrip(":")
            text += values[field]
    return text.strip()


def _value(key: str, value: object, language: Language) -> str:
    """A field as it stands in the sentence. `reason` is the code of an error, which has a sentence of its own."""
    if key == "reason" and value:
        return sentence_for(str(value), language)
    return "" if value is None else str(value)
