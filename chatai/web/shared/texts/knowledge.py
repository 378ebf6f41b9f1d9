"""Texts of documents: uploading, reading, opening at a passage."""

from chatai.web.shared.i18n import Text

DOCUMENT = Text("Document", "Документ")
DROP = Text("Drop documents here", "Перетащите документы сюда")
DROP_ON_PHONE = Text("Documents", "Документы")
DROP_HINT = Text("PDF, DOCX, TXT or MD, up to {mb} MB each", "PDF, DOCX, TXT или MD, до {mb} МБ каждый")
PICK = Text("Choose files", "Выбрать файлы")
EMPTY_TITLE = Text("Nothing to know yet", "Пока знать нечего")
EMPTY = Text(
    "Drop price lists, policies, manuals or answers you give often. The assistant answers from them alone.",
    "Добавьте прайс-листы, правила, инструкции или частые ответы. Ассистент отвечает только по ним.",
)
QUEUED = Text("In the queue", "В очереди")
READING = Text("Reading page {done} of {all}", "Читается страница {done} из {all}")
READING_START = Text("Being read", "Читается")
EMBEDDING = Text("Understanding passage {done} of {all}", "Обрабатывается фрагмент {done} из {all}")
EMBEDDING_START = Text("Being processed", "Обрабатывается")
READY = Text("Ready", "Готов")
FAILED = Text("Not read", "Не прочитан")
UNREADABLE = Text("Pages without readable text: {pages}", "Страницы без читаемого текста: {pages}")
NOT_REACHED = Text(
    "Scanned pages among them that the time for recognising did not reach: {pages}. Split the file, or have "
    "OCR_DOCUMENT_SECONDS raised and read it again.",
    "Из них не хватило времени на распознавание: {pages}. Разделите файл или увеличьте OCR_DOCUMENT_SECONDS и "
    "прочитайте его ещё раз.",
)
DELETE_TITLE = Text("Delete this document?", "Удалить этот документ?")
DELETE = Text(
    "The assistant will no longer answer from it. Answers already given keep their quotes.",
    "Ассистент больше не будет отвечать по нему. В прежних ответах цитаты останутся.",
)
DELETED = Text("The document is deleted", "Документ удалён")
PAGE_OF = Text("Page {number} of {all}", "Страница {number} из {all}")
PREVIOUS = Text("Previous page", "Предыдущая страница")
NEXT = Text("Next page", "Следующая страница")
ORIGINAL = Text("Open the original", "Открыть оригинал")
NO_TEXT = Text(
    "There is no text on this page. It may be a picture.", "На этой странице нет текста. Возможно, это изображение."
)
BACK_TO_CHAT = Text("Back", "Назад")

UPLOADER = {
    "pick": PICK,
    "hide": Text("Hide", "Скрыть"),
    "offline": Text("The upload was cut off. Choose the file again.", "Загрузка прервалась. Выберите файл ещё раз."),
    "loggedOut": Text(
        "You are logged out. Log in and choose the file again.", "Вы вышли. Войдите и выберите файл ещё раз."
    ),
    "failed": Text("The server could not take this file.", "Сервер не смог принять этот файл."),
}
TOO_LARGE = Text("Larger than {mb} MB. Split it or save it smaller.", "Больше {mb} МБ. Разделите или уменьшите файл.")

PAGES_TITLE = Text("Web pages", "Веб-страницы")
ADDRESS = Text("Address of a page or a site", "Адрес страницы или сайта")
ADD_PAGE = Text("Add the page", "Добавить страницу")
ADD_SITE = Text("Find all pages", "Найти все страницы")
ADD_SITE_HINT = Text("By the site's sitemap", "По карте сайта (sitemap)")
SEARCHING_SITE = Text("Looking for the site's pages …", "Ищем страницы сайта …")
FOUND_TITLE = Text("Add these pages?", "Добавить эти страницы?")
FOUND = Text("The site names {pages} pages.", "Сайт называет страниц: {pages}.")
NONE_FOUND = Text("The site names no pages. Add them one by one.", "Сайт не называет страниц. Добавьте их по одной.")
ADD_ALL = Text("Add all", "Добавить все")
PAGES_ADDED = Text("Pages added: {added}; there already: {known}", "Добавлено страниц: {added}; уже были: {known}")
TRY_NOW = Text("Try now", "Попробовать сейчас")
REREAD = Text("Read again", "Прочитать заново")
REREADING = Text("It is being read again", "Читается заново")
