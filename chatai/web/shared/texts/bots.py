"""Texts of the bots' pages: the list, one bot, the import, and all bots of the installation."""

from chatai.web.shared.i18n import Plural, Text

TITLE = Text("Bots", "Боты")
ONE = Text("Bot", "Бот")
LEAD = Text("Every Telegram bot of this workspace and how it fares.", "Все боты Telegram этого пространства и их дела.")
ALL_TITLE = Text("Bots of all workspaces", "Боты всех пространств")
ALL_LEAD = Text(
    "For the admins of the installation. What you do here stands in the workspace's own record.",
    "Для администраторов системы. Ваши действия видны в журнале самого пространства.",
)
ALL_LINK = Text("All workspaces", "Все пространства")
EMPTY_TITLE = Text("No bots yet", "Ботов пока нет")
EMPTY = Text(
    "Connect a bot by its token, or many at once from a table.",
    "Подключите бота по токену или сразу много из таблицы.",
)
NOTHING_FITS = Text("No bot fits. Change the search or the filter.", "Ничего не нашлось. Измените поиск или фильтр.")
ADD = Text("Connect a bot", "Подключить бота")
IMPORT = Text("Import a table", "Импорт таблицы")
SEARCH = Text("Name, user name or assistant", "Имя, имя пользователя или ассистент")
GROUPS = {
    "": Text("All", "Все"),
    "running": Text("Working", "Работают"),
    "sleeping": Text("Asleep", "Спят"),
    "trouble": Text("In trouble", "С проблемами"),
    "stopped": Text("Stopped", "Остановлены"),
}
FILTER = Text("Show", "Показать")
COLUMNS = {
    "name": Text("Bot", "Бот"),
    "state": Text("State", "Состояние"),
    "assistant": Text("Assistant", "Ассистент"),
    "answered": Text("Answered", "Ответы"),
    "rate": Text("Msgs/s", "Сообщ/с"),
    "queue": Text("Queue", "Очередь"),
    "memory": Text("Memory", "Память"),
    "restarts": Text("Crashes", "Сбои"),
    "activity": Text("Last active", "Активность"),
}
COLUMN_HINTS = {
    "answered": Text("Messages settled since the bot was taken up", "Обработано с момента, как бот взят в работу"),
    "rate": Text("Calls to Telegram a second, over the last minute", "Обращений к Telegram в секунду за минуту"),
    "queue": Text("Messages that wait or are being answered", "Сообщения в ожидании и в работе"),
    "memory": Text("The process's own memory", "Собственная память процесса"),
    "restarts": Text("How often its process ended unexpectedly", "Сколько раз процесс неожиданно завершался"),
}
WORKSPACE = Text("Workspace", "Пространство")
MB = Text("{number} MB", "{number} МБ")
GB = Text("{number} GB", "{number} ГБ")
PER_SECOND = Text("{number} a second", "{number} в секунду")
TOTAL_RATE = Text("Calls to Telegram", "Обращения к Telegram")
TOTAL_QUEUE = Text("Waiting messages", "Ждут ответа")
TOTAL_MEMORY = Text("Memory of processes", "Память процессов")
TOTAL_ANSWERED = Text("Answered messages", "Дано ответов")
SELECT = Text("Select {name}", "Выбрать {name}")
SELECT_PAGE = Text("Select this page", "Выбрать страницу")
SELECTED = Text("Selected: {number}", "Выбрано: {number}")
SELECT_FOUND = Text("Select all {number}", "Выбрать все {number}")
CLEAR = Text("Clear selection", "Снять выбор")
START = Text("Start", "Запустить")
STOP = Text("Stop", "Остановить")
RESTART = Text("Restart", "Перезапустить")
DELETE = Text("Remove", "Удалить")
STARTED = Text("Started: {number}", "Запущено: {number}")
STOPPED = Text("Stopped: {number}", "Остановлено: {number}")
REMOVED = Text("Removed: {number}", "Удалено: {number}")
STOP_TITLE = Text("Stop these bots?", "Остановить этих ботов?")
STOP_MANY = Text(
    "They stop answering at once. What people write to them waits at Telegram for a day.",
    "Они сразу перестанут отвечать. То, что им напишут, подождёт в Telegram сутки.",
)
DELETE_TITLE = Text("Remove these bots?", "Удалить этих ботов?")
DELETE_MANY = Text(
    "They stop answering at once. The bots stay with you in Telegram, and their conversations stay here.",
    "Они сразу перестанут отвечать. Сами боты останутся у вас в Telegram, а их диалоги – здесь.",
)
BEFORE = Text("Earlier", "Назад")
AFTER = Text("Further", "Вперёд")
RANGE = Text("{first}–{last} of {all}", "{first}–{last} из {all}")
PAGES = Text("Pages of the list", "Страницы списка")
NUMBER = Plural(("bot", "bots"), ("бот", "бота", "ботов"))

ASSISTANT = Text("Assistant", "Ассистент")
WHICH_ASSISTANT = Text("Who answers in this bot.", "Кто отвечает в этом боте.")
NO_ASSISTANT = Text("Make an assistant first: a bot answers with one.", "Сначала создайте ассистента: бот отвечает им.")

IMPORT_LEAD = Text(
    "One bot a line. Columns: token, assistant (name or identifier), name, description, short_description. Only the "
    "token is needed. Commas, semicolons or tabs, as your spreadsheet saves them; up to 1,000 lines.",
    "По боту в строке. Столбцы: token, assistant (имя или идентификатор), name, description, short_description. "
    "Обязателен только токен. Запятые, точки с запятой или табуляция, как сохранит ваша программа; до 1000 строк.",
)
TABLE = Text("Table", "Таблица")
CHOOSE_FILE = Text("Choose a file", "Выбрать файл")
TABLE_TOO_LARGE = Text("This is too large. Split the table.", "Слишком большой объём. Разделите таблицу.")
DEFAULT_ASSISTANT = Text("Assistant of lines that name none", "Ассистент для строк, где он не указан")
NONE = Text("None", "Никакой")
CHECK = Text("Check", "Проверить")
CAN_CONNECT = Text("To be connected: {number}", "Будет подключено: {number}")
CANNOT = Text("With a problem: {number}", "С проблемами: {number}")
CHECKED_HINT = Text(
    "Telegram has not been asked yet. Lines with a problem are passed over.",
    "Telegram ещё не опрошен. Строки с проблемами будут пропущены.",
)
CONNECT_ALL = Text("Connect", "Подключить")
BACK = Text("Back", "Назад")
LINE = Text("Line {number}", "Строка {number}")
READY = Text("Ready", "Готово")
IMPORTING = Text("Asking Telegram: {done} of {all}", "Опрашиваем Telegram: {done} из {all}")
STOP_IMPORT = Text("Stop here", "Остановить")
CONNECTED = Text("Connected: {number}", "Подключено: {number}")
NOT_CONNECTED = Text("Not connected: {number}", "Не подключено: {number}")
REPORT = Text("Download the report", "Скачать отчёт")
DONE = Text("Done", "Готово")

NOT_FOUND = Text("There is no such bot", "Такого бота нет")
TO_BOTS = Text("To the bots", "К ботам")
WHAT_NOW = {
    "revoked": Text("Give the bot its new token below.", "Укажите ниже новый токен бота."),
    "quarantined": Text(
        "Look at the log for the reason, then lift the quarantine.", "Найдите причину в журнале и снимите карантин."
    ),
    "conflict": Text(
        "What the other program receives does not come here; what nobody fetched waits at Telegram.",
        "То, что получает другая программа, сюда не придёт; остальное ждёт в Telegram.",
    ),
    "failed": Text("ChatAI tries again by itself.", "ChatAI пробует снова сам."),
}
LIFT = Text("Lift the quarantine", "Снять карантин")
FIGURES = Text("Right now", "Сейчас")
WAIT = Text("Wait (95%)", "Ожидание (95%)")
MS = Text("{number} ms", "{number} мс")
PEAK = Text("Highest {number} MB", "Наибольшая {number} МБ")
PROCESS = Text("Process", "Процесс")
SINCE = Text("Since {when}", "С {when}")
ASLEEP = Text("None, asleep", "Нет, спит")
THROTTLED = Text("Asked to wait", "Просили подождать")
LAST_HOUR = Text("The last hour", "Последний час")
PLOT_MESSAGES = Text("Messages a minute", "Сообщений в минуту")
PLOT_WAIT = Text("Wait (95%), ms", "Ожидание (95%), мс")
PLOT_MEMORY = Text("Memory since you opened this, MB", "Память с открытия страницы, МБ")
HIGHEST = Text("at most {number}", "не более {number}")
LOG = Text("Log", "Журнал")
LOG_EMPTY = Text("Nothing has happened yet.", "Пока ничего не происходило.")
EARLIER = Text("Show earlier", "Показать раньше")
LEVELS = {
    "info": Text("Note", "Заметка"),
    "warning": Text("Warning", "Внимание"),
    "error": Text("Error", "Ошибка"),
}
SET_ASIDE = Text("Messages set aside", "Отложенные сообщения")
SET_ASIDE_HINT = Text(
    "They failed too often to be tried again by themselves.", "Они слишком часто не удавались, чтобы пробовать самим."
)
ATTEMPTS = Text("Tries: {number}", "Попыток: {number}")
RETRY_ALL = Text("Try all again", "Попробовать все снова")
DISMISS_ALL = Text("Dismiss all", "Снять все")
RETRIED = Text("Tried again: {number}", "Снова в работе: {number}")
DISMISSED = Text("Dismissed: {number}", "Снято: {number}")
DISMISS_TITLE = Text("Dismiss these messages?", "Снять эти сообщения?")
DISMISS = Text("They will never be answered.", "На них уже не ответят.")
RECEIVING = Text("How messages come", "Как приходят сообщения")
MODES = {
    "webhook": Text("Telegram posts them here (webhook)", "Telegram присылает их сюда (веб-хук)"),
    "polling": Text("ChatAI fetches them (polling)", "ChatAI забирает их сам (опрос)"),
}
MODE_HINT = Text(
    "It is a webhook where PUBLIC_URL is set, and switches without losing a message.",
    "Веб-хук работает, если задан PUBLIC_URL; переключение не теряет сообщений.",
)
AT_TELEGRAM = Text("Waiting at Telegram: {number}", "Ждут в Telegram: {number}")
UNREACHABLE = Text("Unreachable", "Недоступен")
UNDELIVERED = Text("Telegram could not deliver messages: {error}", "Telegram не смог доставить сообщения: {error}")
WEBHOOK_ERROR = Text("Telegram's last failed post:", "Последняя неудачная отправка Telegram:")
LOOK = Text("Ask Telegram", "Спросить Telegram")
LOOKED = Text("Telegram has answered", "Telegram ответил")
TOKEN_TITLE = Text("Token", "Токен")
TOKEN_LEAD = Text(
    "Got a new one from @BotFather? Only a token of this bot is taken. The old one is forgotten.",
    "Получили новый у @BotFather? Принимается только токен этого бота. Старый будет забыт.",
)
TOKEN_NEW = Text("New token", "Новый токен")
TOKEN_SAVE = Text("Replace the token", "Заменить токен")
TOKEN_SAVED = Text("The token is replaced", "Токен заменён")
TOKEN_RENEW = Text("Have Telegram make a new one", "Выпустить новый через Telegram")
TOKEN_RENEW_TITLE = Text("Make a new token?", "Выпустить новый токен?")
TOKEN_RENEW_TEXT = Text(
    "The present token stops working everywhere else at once.",
    "Нынешний токен сразу перестанет работать в других местах.",
)
PROFILE = Text("What people see in Telegram", "Что видят люди в Telegram")
PROFILE_NAME = Text("Name", "Имя")
PROFILE_DESCRIPTION = Text("Description", "Описание")
PROFILE_DESCRIPTION_HINT = Text("Stands in an empty chat.", "Видно в пустом чате.")
PROFILE_SHORT = Text("Short description", "Краткое описание")
PROFILE_SHORT_HINT = Text("Stands in the bot's profile.", "Видно в профиле бота.")
PROFILE_SAVED = Text("Telegram shows it now", "Telegram уже показывает это")
PHOTO = Text("Picture", "Картинка")
PHOTO_HINT = Text("JPEG, at least 160 × 160, up to {mb} MB.", "JPEG, не меньше 160 × 160, до {mb} МБ.")
PHOTO_PICK = Text("Choose a picture", "Выбрать картинку")
PHOTO_REMOVE = Text("Remove the picture", "Убрать картинку")
PHOTO_REMOVED = Text("The picture is removed", "Картинка убрана")
PHOTO_SET = Text("The picture is set", "Картинка установлена")
OPTIONS = Text("Options", "Настройки")
ALWAYS_ON = Text("Always on", "Всегда включён")
ALWAYS_ON_HINT = Text(
    "Its process stays when there is nothing to do. It answers the first message a little faster and takes memory.",
    "Процесс остаётся, когда дел нет. Первый ответ чуть быстрее, но память занята.",
)
BUSINESS = Text("Business accounts", "Бизнес-аккаунты")
BUSINESS_HINT = Text(
    "Accounts in Telegram that have connected this bot. Once you allow it, it answers their customers in their name, "
    "at your cost, and keeps silent in a chat for a while after the owner wrote there.",
    "Аккаунты Telegram, к которым подключён этот бот. С вашего разрешения он отвечает их клиентам от их имени и за ваш "
    "счёт и какое-то время молчит в чате, где написал сам владелец.",
)
BUSINESS_WAITS = Text("waits for your permission", "ждёт вашего разрешения")
BUSINESS_ALLOW = Text("Allow", "Разрешить")
BUSINESS_STOP = Text("Stop", "Запретить")
BUSINESS_ALLOW_TITLE = Text("Answer for this account?", "Отвечать за этот аккаунт?")
BUSINESS_ALLOW_TEXT = Text(
    "Whoever writes to it gets your assistant's answers, in the owner's name and at your cost. Anybody can connect an "
    "account to this bot, under any name: allow only those that you know.",
    "Все, кто пишет этому аккаунту, получат ответы вашего ассистента от имени владельца и за ваш счёт. Подключить свой "
    "аккаунт к боту может кто угодно и под любым именем: разрешайте только тем, кого знаете.",
)
BUSINESS_ANSWERS = Text("answers", "отвечает")
BUSINESS_MUTE = Text("may not write", "нет права писать")
BUSINESS_GONE = Text("disconnected", "отключён")
MADE_BOTS = Text("Bots that people make with this one", "Боты, которых люди создают с этим")
MADE_BOTS_HINT = Text(
    "Telegram lets people make bots of their own that this bot manages. Allow it in @BotFather (Bot Management Mode), "
    "choose what happens here, and give your customers the link. Whoever has it, or writes /newbot to this bot, gets a "
    "bot in your workspace, at your cost; one person no more than MADE_BOTS_PER_PERSON on the server says, which is 3 "
    "unless set.",
    "Telegram позволяет людям создавать своих ботов под управлением этого. Разрешите это в @BotFather "
    "(Bot Management Mode), выберите здесь, что делать, и дайте клиентам ссылку. Любой, у кого она есть или кто напишет"
    " этому боту /newbot, получит бота в вашем пространстве и за ваш счёт; один человек – не больше, "
    "чем позволяет настройка сервера MADE_BOTS_PER_PERSON (если не задана – 3).",
)
MADE_BOTS_CHOICES = {
    "": Text("Leave them alone", "Не подключать"),
    "share": Text("Connect them to this assistant", "Подключать к этому ассистенту"),
    "copy": Text("Give each a copy of this assistant", "Давать каждому копию ассистента"),
}
MADE_BY = Text("Made with another bot of yours", "Создан другим вашим ботом")
MANAGEMENT_IS_OFF = Text(
    "@BotFather says that this bot may not manage others yet.",
    "По данным @BotFather, управлять другими ему пока нельзя.",
)
CLONE = Text("Make one like it", "Создать такого же")
CLONE_LEAD = Text(
    "A new bot with a copy of this assistant: instructions, greeting and settings. Later changes to one do not touch "
    "the other.",
    "Новый бот с копией этого ассистента: инструкции, приветствие и настройки. Дальнейшие правки одного не затронут "
    "другого.",
)
CLONE_TOKEN = Text("The new bot's token", "Токен нового бота")
CLONE_DOCUMENTS = Text("Copy the documents too", "Скопировать и документы")
CLONED = Text("The new bot is connected", "Новый бот подключён")
DANGER = Text("Remove the bot", "Удалить бота")
