"""Texts of typed questions and answers, and of the search test."""

from chatai.web.shared.i18n import Plural, Text

TITLE = Text("Questions and answers", "Вопросы и ответы")
LEAD = Text(
    "What you write here goes before the documents when somebody asks for it.",
    "То, что вы напишете здесь, важнее документов, когда об этом спрашивают.",
)
QUESTION = Text("Question", "Вопрос")
QUESTION_HINT = Text("As a customer would ask it", "Так, как спросил бы клиент")
ANSWER = Text("Answer", "Ответ")
ADD = Text("Add", "Добавить")
NEW = Text("A new answer", "Новый ответ")
ADDED = Text("The answer is added", "Ответ добавлен")
CHANGE = Text("Change", "Изменить")
CHANGE_TITLE = Text("Change the answer", "Изменить ответ")
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
    "Two columns, question and answer: paste them from a spreadsheet, or choose an XLSX or CSV file. Of an XLSX file "
    "the first sheet is read. Nothing is imported yet.",
    "Два столбца, «вопрос» и «ответ»: вставьте их из таблицы или выберите файл XLSX или CSV. Из файла XLSX читается "
    "первый лист. Сейчас ещё ничего не загружается.",
)
TABLE = Text("Table", "Таблица")
TABLE_EXAMPLE = Text("question;answer", "вопрос;ответ")
CHOOSE_FILE = Text("Choose a file", "Выбрать файл")
READING_FILE = Text("Reading the file …", "Файл читается…")
FILE_FAILED = Text("The file could not be read. Try again.", "Файл не удалось прочитать. Попробуйте ещё раз.")
TABLE_TOO_LARGE = Text(
    "The table is larger than 700 KB as text. Split it into several.",
    "Таблица больше 700 КБ в виде текста. Разделите её на несколько.",
)
CHECK = Text("Check", "Проверить")
BACK = Text("Back", "Назад")
IMPORT_NOW = Text("Import", "Загрузить")
IMPORTING = Text("Importing …", "Загружается…")
WILL_ADD = Text("New: {number}", "Новых: {number}")
WILL_CHANGE = Text("Changed: {number}", "Изменятся: {number}")
WILL_KEEP = Text("Unchanged: {number}", "Без изменений: {number}")
WILL_REFUSE = Text("Can't be taken: {number}", "Не подходят: {number}")
OUTCOMES = {
    "add": Text("New", "Новый"),
    "change": Text("Changed", "Изменится"),
    "keep": Text("Unchanged", "Без изменений"),
}
ROW = Text("Row {number}", "Строка {number}")
SHOWN_LINES = Text("The first {number} rows are shown.", "Показаны первые {number} строк.")
IMPORTED = Text(
    # Spaces that do not break keep each number with its word.
    "Added:\u00a0{added}, changed:\u00a0{changed}, refused:\u00a0{refused}",
    "Добавлено:\u00a0{added}, изменено:\u00a0{changed}, отклонено:\u00a0{refused}",
)
NOT_READY = Text("Being processed", "Обрабатывается")

UNANSWERED = Text("Unanswered questions", "Вопросы без ответа")
UNANSWERED_LEAD = Text(
    "Asked by people, and not answered by the documents. Equal ones are counted together.",
    "Об этом спрашивали, но в документах ответа не нашлось. Одинаковые вопросы собраны вместе.",
)
UNANSWERED_COUNT = Text("Unanswered questions: {number}", "Вопросов без ответа: {number}")
STATES = {
    "open": Text("Open", "Открытые"),
    "answered": Text("Answered", "С ответом"),
    "dismissed": Text("Dismissed", "Отложенные"),
}
WHICH = Text("Which ones", "Какие показать")
NONE = {
    "open": Text(
        "Nothing waits for an answer. What the documents don't tell will be listed here.",
        "Ничто не ждёт ответа. Здесь появятся вопросы, о которых в документах не сказано.",
    ),
    "answered": Text("You have not answered any of them yet.", "Вы пока не ответили ни на один из них."),
    "dismissed": Text("You have not dismissed any.", "Вы ничего не отложили."),
}
REASONS = {
    "not_told": Text("The documents don't tell", "В документах не сказано"),
    "no_source": Text("Answered without a source", "Ответ без источника"),
}
TIMES = Plural(("time", "times"), ("раз", "раза", "раз"))
WRITE_ANSWER = Text("Write the answer", "Написать ответ")
DISMISS = Text("Dismiss", "Отложить")
UNDO = Text("Undo", "Вернуть")
DISMISSED = Text("Dismissed", "Отложено")
REOPEN = Text("Open again", "Открыть снова")
TO_CONVERSATION = Text("Conversation", "Диалог")
MORE = Text("Show more", "Показать ещё")
