"""Texts of typed questions and answers, and of the search test."""

from chatai.web.shared.i18n import Text

TITLE = Text("Questions and answers", "Вопросы и ответы")
LEAD = Text(
    "What you write here goes before the documents when somebody asks for it.",
    "То, что вы напишете здесь, важнее документов, когда об этом спрашивают.",
)
QUESTION = Text("Question", "Вопрос")
QUESTION_HINT = Text("As a customer would ask it", "Так, как спросил бы клиент")
ANSWER = Text("Answer", "Ответ")
ADD = Text("Add", "Добавить")
ADDED = Text("The answer is added", "Ответ добавлен")
CHANGE = Text("Change", "Изменить")
CHANGED = Text("The answer is changed", "Ответ изменён")
SAVE = Text("Save", "Сохранить")
DELETE_TITLE = Text("Delete this answer?", "Удалить этот ответ?")
DELETE = Text("The assistant will no longer give it.", "Ассистент больше не будет его давать.")
DELETED = Text("The answer is deleted", "Ответ удалён")
EMPTY_TITLE = Text("No answers of your own yet", "Своих ответов пока нет")
EMPTY = Text(
    "Write down what people ask most, with the words that you want them to read.",
    "Запишите, о чём спрашивают чаще всего, теми словами, которые люди должны прочитать.",
)
IMPORT = Text("Import a table", "Загрузить таблицу")
IMPORT_HINT = Text(
    "CSV with the columns question and answer, as a spreadsheet saves it. Paste it here.",
    "CSV со столбцами «вопрос» и «ответ», как его сохраняет таблица. Вставьте его сюда.",
)
IMPORTED = Text(
    "Added: {added}, changed: {changed}, refused: {refused}",
    "Добавлено: {added}, изменено: {changed}, отклонено: {refused}",
)
REFUSED = Text("Row {row}: {why}", "Строка {row}: {why}")
NOT_READY = Text("Being processed", "Обрабатывается")
