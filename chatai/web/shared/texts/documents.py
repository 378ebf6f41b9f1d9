"""Texts of a document's page: its views, the page as pdf.js shows it, passages, the report."""

from chatai.web.shared.i18n import Plural, Text

VIEWS = Text("Views of the document", "Виды документа")
VIEW_PAGE = Text("Page", "Страница")
VIEW_TEXT = Text("Text", "Текст")
VIEW_PASSAGES = Text("Passages", "Фрагменты")
VIEW_REPORT = Text("Report", "Отчёт")

PDF = {
    "region": Text("Page of the document", "Страница документа"),
    "previous": Text("Previous page", "Предыдущая страница"),
    "next": Text("Next page", "Следующая страница"),
    "pageOf": Text("Page {number} of {all}", "Страница {number} из {all}"),
    "goTo": Text("Go to page", "Перейти к странице"),
    "zoom": Text("Size", "Размер"),
    "larger": Text("Larger", "Крупнее"),
    "smaller": Text("Smaller", "Мельче"),
    "fit": Text("As wide as the window", "По ширине окна"),
    "failed": Text(
        "This PDF can't be shown as it looks. Here is the text that was read of it.",
        "Показать страницу этого PDF не удалось. Вот прочитанный из неё текст.",
    ),
    "unmarked": Text(
        "The passage could not be marked on the page as it looks.",
        "Отметить фрагмент на странице не удалось.",
    ),
    "asText": Text("See it in the text", "Посмотреть в тексте"),
}

NOT_SHOWN = Text("This PDF can't be shown as it looks.", "Показать страницу этого PDF не удалось.")
PICTURE = Text(
    "This page is a picture, its text was recognised: the passage can't be marked on it.",
    "Эта страница — изображение, текст с неё распознан: отметить на ней фрагмент нельзя.",
)
NOT_READ = Text(
    "No text was read of this document. The report says why.",
    "Текст этого документа не прочитан. Почему, сказано в отчёте.",
)

FIND = Text("Words in the passages", "Слова во фрагментах")
FIND_BUTTON = Text("Find", "Найти")
ALL_PASSAGES = Text("Show all", "Показать все")
NO_PASSAGES_TITLE = Text("No passages yet", "Фрагментов пока нет")
NO_PASSAGES = Text(
    "They appear when the document was read. The report says how far it is.",
    "Они появятся, когда документ будет прочитан. Как идёт чтение, видно в отчёте.",
)
NOTHING_FOUND_TITLE = Text("No passage fits", "Подходящих фрагментов нет")
NOTHING_FOUND = Text("No passage holds all these words.", "Нет фрагмента, где есть все эти слова.")
LEAD = Text(
    "Search finds these pieces of the text. Mend one, or switch it off if it must not be found.",
    "Поиск находит эти части текста. Фрагмент можно поправить или отключить, если находить его не нужно.",
)
RANGE = Text("{first}–{last} of {all}", "{first}–{last} из {all}")
EARLIER = Text("Earlier passages", "Предыдущие фрагменты")
LATER = Text("Further passages", "Следующие фрагменты")
CHARACTERS = Plural(("character", "characters"), ("знак", "знака", "знаков"))
PAGES_FROM_TO = Text("p. {first}–{last}", "с. {first}–{last}")
EDITED = Text("Edited", "Изменён")
OFF = Text("Switched off", "Отключён")
EDIT = Text("Edit", "Изменить")
EDIT_TITLE = Text("Edit the passage", "Изменить фрагмент")
EDIT_HINT = Text(
    "The document itself stays as it is; a citation still opens this place in it.",
    "Сам документ не меняется; ссылка по-прежнему откроет это место в нём.",
)
PASSAGE = Text("Text of the passage", "Текст фрагмента")
EDIT_DONE = Text("The passage is changed", "Фрагмент изменён")
SWITCH_OFF = Text("Switch off: it is no longer found", "Отключить: фрагмент не будет находиться")
SWITCH_ON = Text("Switch on: it is found again", "Включить: фрагмент снова будет находиться")
SWITCHED_OFF = Text("The passage is no longer found", "Фрагмент больше не находится")
SWITCHED_ON = Text("The passage is found again", "Фрагмент снова находится")
PUT_BACK = Text("Put back what was read", "Вернуть прочитанное")
PUT_BACK_TITLE = Text("Put back what was read?", "Вернуть прочитанный текст?")
PUT_BACK_WARNING = Text("What was written here instead will be lost.", "Написанное вместо него пропадёт.")
PUT_BACK_DONE = Text("The passage is as it was read", "Фрагмент снова такой, как прочитан")
WAS_READ = Text("As it was read", "Как было прочитано")
OPEN_PLACE = Text("Open its place in the document", "Открыть его место в документе")
OF_ANSWER = Text(
    "This is an answer of your own. Change it among the assistant's answers.",
    "Это ваш готовый ответ. Изменить его можно среди ответов ассистента.",
)
TO_ANSWERS = Text("To the answers", "К ответам")

STATE = Text("State", "Состояние")
TYPE = Text("Type", "Тип")
SIZE = Text("Size", "Размер")
SOURCE = Text("Address", "Адрес")
ADDED = Text("Added", "Добавлен")
READ = Text("Read", "Прочитан")
PAGES = Text("Pages", "Страницы")
WORDS = Text("Words", "Слова")
LANGUAGE = Text("Language", "Язык")
TABLES = Text("Tables", "Таблицы")
UNREADABLE = Text("Pages without readable text", "Страницы без читаемого текста")
UNREADABLE_HINT = Text(
    "Nothing on them is found. Upload a copy with recognised text, or have text recognition installed.",
    "Ничего с них не находится. Загрузите копию с распознанным текстом или установите распознавание.",
)
RECOGNISED = Text("Pages recognised from a picture", "Страницы, распознанные по изображению")
RECOGNISED_HINT = Text("Letters may be wrong there: compare.", "Там возможны ошибки в буквах: сверьте.")
AND_MORE = Text("and {more} more", "и ещё {more}")
PASSAGES = Text("Passages", "Фрагменты")
OF_THEM_EDITED = Text("edited: {edited}", "изменено: {edited}")
OF_THEM_OFF = Text("switched off: {off}", "отключено: {off}")
EMBEDDED = Text("Found by meaning", "Находятся по смыслу")
LOST = Text(
    "Changes to passages that were lost when it was read again: {lost}. Those places read differently now.",
    "При новом чтении пропали правки фрагментов: {lost}. Эти места теперь читаются иначе.",
)
NOT_KNOWN = Text("Not known yet", "Пока неизвестно")
LANGUAGES = {
    "ru": Text("Russian (by its letters)", "Русский (по буквам)"),
    "en": Text("English (by its letters)", "Английский (по буквам)"),
    "mixed": Text("Russian and English (by their letters)", "Русский и английский (по буквам)"),
}
TYPES = {
    "pdf": Text("PDF file", "Файл PDF"),
    "docx": Text("Word document (DOCX)", "Документ Word (DOCX)"),
    "text": Text("Text", "Текст"),
    "markdown": Text("Text with Markdown", "Текст с разметкой Markdown"),
    "web_page": Text("Web page", "Веб-страница"),
    "answer": Text("Answer of your own", "Ваш готовый ответ"),
}
REREAD_TITLE = Text("Read the document again?", "Прочитать документ заново?")
REREAD_WARNING = Text(
    "Passages changed here: {changes}. A change is kept where the passage is read as before, and lost where it is not.",
    "Здесь изменены фрагменты: {changes}. Правка останется, если фрагмент прочитается так же, иначе пропадёт.",
)
