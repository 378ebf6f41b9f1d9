"""Texts of embedding an assistant's passages anew."""

from chatai.web.shared.i18n import Text

TITLE = Text("Embedding anew", "Пересчёт эмбеддингов")
PROGRESS = Text(
    "Embedding anew for {model}: {done} of {all} passages", "Пересчёт эмбеддингов для {model}: {done} из {all}"
)
UNTIL_THEN = Text("Until then search uses {model}.", "До этого поиск использует {model}.")
UNTIL_THEN_WORDS = Text("Until then search goes by words alone.", "До этого поиск идёт только по словам.")
AWAY = Text("The embedding model can't be reached at the moment.", "Модель эмбеддингов сейчас недоступна.")
REFUSED = Text(
    "The embedding model refuses the request: check its key, name and balance.",
    "Модель эмбеддингов отклоняет запрос: проверьте ключ, название и баланс.",
)
RETRYING = Text("It is tried again by itself.", "Попытка повторится сама.")
GIVEN_UP = Text("It is not tried again by itself.", "Сама попытка не повторится.")
TRYING = Text("It is being tried again", "Пробуем ещё раз")
