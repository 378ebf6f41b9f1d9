"""What can go wrong with a document, in words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping

from chatai.core.errors import ChatAIError, Conflict, Invalid, NotFound, TooLarge, TooMany, Unavailable, all_errors
from chatai.core.i18n import Language
from chatai.core.outgoing import AddressRefused


class DocumentNotFound(NotFound):
    code = "document_not_found"
    en = "This document does not exist, or it is not yours to see."
    ru = "Этого документа нет, или он вам не доступен."


class PageNotFound(NotFound):
    code = "page_not_found"
    en = "The document has no page {number}."
    ru = "В документе нет страницы {number}."


class DuplicateDocument(Conflict):
    """`name` is the document that is already there."""

    code = "duplicate_document"
    en = "The assistant already has this file, as “{name}”."
    ru = "У ассистента уже есть этот файл: «{name}»."


class DocumentTooLarge(TooLarge):
    """`limit_mb` is the largest accepted size."""

    code = "document_too_large"
    en = "The file is larger than {limit_mb} MB. Split it, or ask your administrator to raise the limit."
    ru = "Файл больше {limit_mb} МБ. Разделите его или попросите администратора поднять предел."


class StorageFull(Unavailable):
    code = "storage_full"
    en = "There is no room left on the server for this file. Tell your administrator; nothing was saved."
    ru = "На сервере не осталось места для этого файла. Сообщите администратору; ничего не сохранено."


class QuotaExceeded(TooLarge):
    """`quota_mb`: what the workspace may hold."""

    code = "quota_exceeded"
    en = "The workspace's documents would take more than {quota_mb} MB. Delete some, or ask your administrator."
    ru = "Документы рабочего пространства заняли бы больше {quota_mb} МБ. Удалите лишние или попросите больше места."


class ScannerAway(Unavailable):
    """The malware scanner is configured, and can't be asked. What was not scanned is never read."""

    code = "scanner_away"
    en = "The malware scanner does not answer. The document waits, and is read as soon as it was scanned."
    ru = "Антивирус не отвечает. Документ ждёт и будет прочитан сразу после проверки."


class ChunkNotFound(NotFound):
    code = "chunk_not_found"
    en = "This passage is no longer there: its document was read again or deleted. Load the page anew."
    ru = "Этого фрагмента больше нет: документ прочитан заново или удалён. Загрузите страницу ещё раз."


class BadChunk(Invalid):
    """`most`: characters."""

    code = "bad_chunk"
    en = "Write at least one word, and at most {most} characters. To leave the passage out, switch it off."
    ru = "Напишите хотя бы одно слово, не больше {most} знаков. Чтобы фрагмент не находился, отключите его."


class ChunkChanged(Conflict):
    code = "chunk_changed"
    en = "Somebody else has changed this passage meanwhile. Copy your text, load the page anew and look at theirs."
    ru = "Кто-то уже изменил этот фрагмент. Скопируйте свой текст, загрузите страницу заново и сравните."


class ChunkOfAnswer(Invalid):
    code = "chunk_of_answer"
    en = "This passage is a written answer. Change it among the assistant's answers."
    ru = "Этот фрагмент — готовый ответ. Измените его среди ответов ассистента."


class ChangesAtRisk(Conflict):
    """`changes`: passages that were edited or switched off."""

    code = "changes_at_risk"
    en = "Passages that were changed here: {changes}. Reading again may lose some of it; confirm that it shall be done."
    ru = "Здесь изменены фрагменты: {changes}. При новом чтении часть правок может пропасть; подтвердите его."


class PairNotFound(NotFound):
    code = "pair_not_found"
    en = "This question and answer do not exist, or are not yours to see."
    ru = "Этого вопроса с ответом нет, или он вам не доступен."


class BadPair(Invalid):
    """`question`, `answer`: the most characters that each may have."""

    code = "bad_pair"
    en = "Write a question (at most {question} characters) and its answer (at most {answer})."
    ru = "Напишите вопрос (не больше {question} знаков) и ответ на него (не больше {answer})."


class DuplicatePair(Conflict):
    code = "duplicate_pair"
    en = "This question is there already: “{question}”. Change its answer instead."
    ru = "Такой вопрос уже есть: «{question}». Измените ответ на него."


class BadTable(Invalid):
    """`most`: rows."""

    code = "bad_table"
    en = "No questions were found in this table. It needs two columns, question and answer, and at most {most} rows."
    ru = "В таблице не нашлось вопросов. Нужны два столбца, вопрос и ответ, и не больше {most} строк."


class TableTooLong(BadTable):
    """`limit_kb`: of the table as text."""

    code = "table_too_long"
    en = "The table is larger than {limit_kb} KB as text. Split it into several; nothing was imported."
    ru = "Таблица больше {limit_kb} КБ в виде текста. Разделите её на несколько: ничего не загружено."


class TableTooLarge(TooLarge):
    """`limit_mb` is the largest accepted size."""

    code = "table_too_large"
    en = "The table's file is larger than {limit_mb} MB. Split it, or save it without pictures."
    ru = "Файл таблицы больше {limit_mb} МБ. Разделите его или сохраните без картинок."


class UnsupportedTable(Invalid):
    code = "unsupported_table"
    en = "By its content this is not an XLSX file. Save the table as XLSX or CSV."
    ru = "Судя по содержимому, это не файл XLSX. Сохраните таблицу как XLSX или CSV."


class TooManySearches(TooMany):
    code = "too_many_searches"
    en = "You have tried the search very often. Please wait a minute."
    ru = "Вы проверяли поиск очень часто. Подождите минуту."


class UnreadableDocument(Invalid):
    """A document that can't be read, and never will be as it is. The subclasses say why."""

    code = "unreadable_document"
    en = "This document could not be read."
    ru = "Этот документ не удалось прочитать."


class EmptyFile(UnreadableDocument):
    code = "empty_file"
    en = "The file is empty."
    ru = "Файл пуст."


class UnsupportedType(UnreadableDocument):
    code = "unsupported_type"
    en = "By its content this is not a PDF, DOCX, TXT or MD file. Save the document in one of these formats."
    ru = "Судя по содержимому, это не PDF, DOCX, TXT или MD. Сохраните документ в одном из этих форматов."


class PasswordProtected(UnreadableDocument):
    code = "password_protected"
    en = "The document is protected by a password. Save a copy without one and upload that."
    ru = "Документ защищён паролем. Сохраните копию без пароля и загрузите её."


class NoText(UnreadableDocument):
    code = "no_text"
    en = (
        "There are only images in the document and no text that can be made out: it looks like a scan. Upload a copy "
        "with recognised text, or ask your administrator to install text recognition."
    )
    ru = (
        "В документе только изображения, и текст в них разобрать не удалось: похоже на скан. Загрузите копию с "
        "распознанным текстом или попросите администратора установить распознавание."
    )


class UnreadableEncoding(UnreadableDocument):
    code = "unreadable_encoding"
    en = "The text is in an encoding that can't be made out, or is damaged. Save it as UTF-8 and upload it again."
    ru = "Кодировку текста не удалось определить, или он повреждён. Сохраните его в UTF-8 и загрузите снова."


class DamagedFile(UnreadableDocument):
    code = "damaged_file"
    en = "The file is damaged: it can't be opened. Save it anew and upload it again."
    ru = "Файл повреждён, его не удаётся открыть. Сохраните его заново и загрузите ещё раз."


class ArchiveBomb(UnreadableDocument):
    code = "archive_bomb"
    en = "Unpacked, this file would be far larger than any document. It was not opened."
    ru = "В распакованном виде этот файл намного больше любого документа. Он не был открыт."


class TooMuchText(UnreadableDocument):
    code = "too_much_text"
    en = "There is more text in the document than can be taken in at once. Split it into several files."
    ru = "В документе больше текста, чем можно принять за раз. Разделите его на несколько файлов."


class ParserTimeout(UnreadableDocument):
    """`seconds` is the limit that was reached."""

    code = "parser_timeout"
    en = "Reading the document took longer than {seconds} seconds and was stopped. Save it anew or split it."
    ru = "Чтение документа заняло больше {seconds} секунд и было остановлено. Сохраните его заново или разделите."


class RecognitionTimeout(UnreadableDocument):
    """No page has text of its own, and the time for recognising was used up before one was read."""

    code = "recognition_timeout"
    en = "Recognising the scanned pages took longer than {seconds} seconds and was stopped. Split the file."
    ru = "Распознавание страниц заняло больше {seconds} секунд и было остановлено. Разделите файл."


class ParserMemory(UnreadableDocument):
    code = "parser_memory"
    en = "Reading the document takes more memory than allowed. Split it, or save it anew without large images."
    ru = "Чтение документа требует больше памяти, чем разрешено. Разделите его или сохраните без больших изображений."


class BadSitemap(AddressRefused):
    code = "bad_sitemap"
    en = "The site's sitemap cannot be read: it is damaged or too large. Add its pages one by one."
    ru = "Карту сайта прочитать нельзя: она повреждена или слишком велика. Добавьте страницы по одной."


class MalwareFound(UnreadableDocument):
    """`finding`: as the scanner names it."""

    code = "malware_found"
    en = "The malware scanner found {finding} in this file. It was locked away and not read."
    ru = "Антивирус нашёл в файле {finding}. Файл изолирован и не прочитан."


class FileMissing(UnreadableDocument):
    code = "file_missing"
    en = "The document's file is no longer on the server. Delete the document and upload it again."
    ru = "Файла документа больше нет на сервере. Удалите документ и загрузите его снова."


class ReadingFailed(UnreadableDocument):
    """Our own failure, after every retry."""

    code = "reading_failed"
    en = "Reading the document failed on our side, several times. Try again later, or tell your administrator."
    ru = "Прочитать документ не удалось по нашей вине, несколько раз. Попробуйте позже или сообщите администратору."


class EmbeddingsAway(Unavailable):
    """The embedding model can't be reached at the moment. Worth another try."""

    code = "embeddings_away"
    en = "The embedding model cannot be reached at the moment. Until it is back, the document is found by its words."
    ru = "Модель эмбеддингов сейчас недоступна. Пока её нет, документ находится по словам."


class EmbeddingsRefused(Unavailable):
    """The endpoint answers, but refuses: a wrong key, an unknown model, no money left. Trying again won't help."""

    code = "embeddings_refused"
    en = "The embedding model refuses the request: check its key, name and balance. The document is found by its words."
    ru = "Модель эмбеддингов отклоняет запрос: проверьте ключ, название и баланс. Документ находится по словам."


def unreadable(code: str, **fields: object) -> UnreadableDocument:
    """The error of a code, as a reader reports it."""
    for error in all_errors(UnreadableDocument):
        if error.code == code and issubclass(error, UnreadableDocument):
            return error(**fields)
    return DamagedFile()


def failure_sentence(code: str, fields: Mapping[str, object], language: Language) -> str:
    """The sentence of a failure that was stored with a document."""
    error = next((error for error in all_errors() if error.code == code), ChatAIError)
    try:
        return error(**fields).sentence(language)
    except KeyError:  # stored by a version whose sentence had other fields
        return ReadingFailed().sentence(language)
