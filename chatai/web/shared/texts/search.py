"""Texts of the search test."""

from chatai.web.shared.i18n import Plural, Text

TITLE = Text("Search test", "Проверка поиска")
LEAD = Text(
    "Ask as a customer would, and see which passages the answer would be made from, and why those.",
    "Спросите, как спросил бы клиент, и посмотрите, из каких фрагментов сложился бы ответ и почему из этих.",
)
QUESTION = Text("Question", "Вопрос")
EXAMPLE = Text("How long may goods be returned?", "В течение какого срока можно вернуть товар?")
SEARCH = Text("Search", "Искать")
SEARCHING = Text("Searching …", "Идёт поиск…")
START_TITLE = Text("Nothing asked yet", "Вопроса пока нет")
START = Text(
    "Type a question above. Nobody else sees it, and it is not stored.",
    "Введите вопрос выше. Его никто не увидит, и он не сохранится.",
)
NOTHING_TITLE = Text("No passage fits", "Подходящих фрагментов нет")
NOTHING = Text(
    "An answer would say that the documents don't tell. Add a document that does, or write the answer yourself.",
    "В ответе было бы сказано, что в документах об этом нет. Добавьте документ или напишите ответ сами.",
)
WRITE_ANSWER = Text("To the answers", "К ответам")
EMBED = Text("Embedding", "Эмбеддинг")
FIND = Text("Search itself", "Сам поиск")
RERANK = Text("Reranking", "Переранжирование")
MS = Text("{number} ms", "{number} мс")
NOT_USED = Text("not used", "не используется")
BY_WORDS = Text("By words", "По словам")
VECTOR_LEG = {
    "on": Text("By meaning: {model}", "По смыслу: {model}"),
    "off": Text("By meaning: no embedding model is set", "По смыслу: модель эмбеддингов не задана"),
    "away": Text(
        "By meaning: the embedding model did not answer in time", "По смыслу: модель эмбеддингов не ответила вовремя"
    ),
    "other_model": Text(
        "By meaning: the passages are being embedded anew", "По смыслу: эмбеддинги фрагментов пересчитываются"
    ),
    "empty": Text("By meaning: no passage is embedded yet", "По смыслу: эмбеддингов пока нет"),
}
RERANKER_AWAY = Text("The reranking model did not answer in time", "Модель переранжирования не ответила вовремя")
LOOKED_UP = Text("Looked up", "Что искалось")
LOOKED_UP_HINT = Text(
    "Words by their stems, codes without separators, quotations word for word; with about how many passages hold each.",
    "Слова по основам, коды без разделителей, цитаты дословно; рядом — примерно в скольких фрагментах они встречаются.",
)
NOT_THERE = Text("not in the documents", "нет в документах")
CODE = Text("code", "код")
QUOTED = Text("word for word", "дословно")
QUOTED_NOWHERE = Text("nowhere word for word", "дословно нигде нет")
FOUND = Plural(("passage", "passages"), ("фрагмент", "фрагмента", "фрагментов"))
TEXT_RANK = Text("by words", "по словам")
VECTOR_RANK = Text("by meaning", "по смыслу")
SCORE = Text("score", "оценка")
RANK = Text("no. {number}", "{number}-й")
ABSENT = Text("not found", "не найден")
MOVED_UP = Text("Reranking: up from no. {number}", "Переранжирование: выше, был {number}-м")
MOVED_DOWN = Text("Reranking: down from no. {number}", "Переранжирование: ниже, был {number}-м")
NOT_MOVED = Text("Reranking: not moved", "Переранжирование: без изменений")
OWN_ANSWER = Text("Your answer", "Ваш ответ")
PAGE = Text("page {number}", "стр. {number}")
