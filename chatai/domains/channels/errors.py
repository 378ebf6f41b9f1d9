"""What can be wrong with a bot."""

from __future__ import annotations

from chatai.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class BotNotFound(NotFound):
    code = "bot_not_found"
    en = "There is no such bot."
    ru = "Такого бота нет."


class MayNotManageBots(Forbidden):
    code = "may_not_manage_bots"
    en = "Only an admin of the workspace may connect or remove bots; operators may start and stop them."
    ru = "Подключать и удалять ботов может только администратор рабочего пространства, оператор – запускать."


class NotAToken(Invalid):
    code = "not_a_bot_token"
    en = "This is not a bot token. @BotFather gives you one that looks like 123456789:AAE…; copy the whole of it."
    ru = "Это не токен бота. Его выдаёт @BotFather, он выглядит как 123456789:AAE…; скопируйте его целиком."


class TokenRefused(Invalid):
    code = "bot_token_refused"
    en = "Telegram does not know this token. Check that it is copied whole and was not replaced in @BotFather."
    ru = "Telegram не знает этого токена. Проверьте, что он скопирован целиком и не был заменён в @BotFather."


class BotAlreadyHere(Conflict):
    code = "bot_already_here"
    en = "This bot, @{username}, is already connected in this workspace."
    ru = "Этот бот, @{username}, уже подключён в этом рабочем пространстве."


class BotInUse(Conflict):
    """The bot is connected in another workspace: which one is nobody's business."""

    code = "bot_in_use"
    en = "This bot cannot be connected because it is in use already. Disconnect it there, or make another one."
    ru = "Этого бота нельзя подключить: он уже используется. Отключите его там или создайте другого."


class TelegramUnreachable(Unavailable):
    code = "telegram_unreachable"
    en = "Telegram cannot be reached from this server at the moment. Please try again in a minute."
    ru = "Telegram сейчас недоступен с этого сервера. Попробуйте через минуту."


class TelegramBusy(Unavailable):
    code = "telegram_busy"
    en = "Telegram asks to wait {seconds} seconds before the next try."
    ru = "Telegram просит подождать {seconds} с до следующей попытки."


class TokenRevoked(Conflict):
    code = "bot_token_revoked"
    en = "Telegram no longer accepts this bot's token: it was replaced or the bot was deleted in @BotFather."
    ru = "Telegram больше не принимает токен этого бота: его заменили или бота удалили в @BotFather."


class PolledElsewhere(Conflict):
    code = "bot_polled_elsewhere"
    en = "Another program receives this bot's messages. Stop it there; ChatAI tries again by itself."
    ru = "Сообщения этого бота получает другая программа. Остановите её; ChatAI попробует снова сам."


class WebhookRefused(Invalid):
    code = "bot_webhook_refused"
    en = "Telegram refused the webhook address. PUBLIC_URL must be public, https, on port 443, 80, 88 or 8443."
    ru = "Telegram отклонил адрес веб-хука. PUBLIC_URL должен быть публичным, https, на порту 443, 80, 88 или 8443."


class TokenUnreadable(Invalid):
    code = "bot_token_unreadable"
    en = "The bot's stored token cannot be read with this SECRET_KEY. Remove the bot and connect it again."
    ru = "Сохранённый токен бота не читается с этим SECRET_KEY. Удалите бота и подключите его заново."


class BotCrashes(Unavailable):
    code = "bot_crashes"
    en = "The bot's process ended unexpectedly several times and was stopped. Start it to try again."
    ru = "Процесс бота несколько раз неожиданно завершался и был остановлен. Запустите его, чтобы попробовать снова."


class NoProcess(Unavailable):
    code = "bot_has_no_process"
    en = "No process can be made for the bot at the moment. Its messages are kept, and ChatAI tries again by itself."
    ru = "Сейчас для бота не удаётся создать процесс. Его сообщения сохраняются, ChatAI попробует снова сам."


class BotsCrowded(Unavailable):
    code = "bots_crowded"
    en = "As many bots are at work as BOT_LIVE_MOST allows. Messages are kept: the bot answers in its turn."
    ru = "Работает столько ботов, сколько позволяет BOT_LIVE_MOST. Сообщения сохраняются: бот ответит в свою очередь."


class BotSetupFailed(Unavailable):
    code = "bot_setup_failed"
    en = "The bot could not be set up. ChatAI tries again by itself."
    ru = "Бота не удалось настроить. ChatAI попробует снова сам."


class NotInstallationAdmin(Forbidden):
    code = "not_installation_admin"
    en = "This page is for the admins of the whole installation. Your own bots are under “Bots”."
    ru = "Эта страница – для администраторов всей системы. Ваши боты – в разделе «Боты»."


class TooManyBots(Conflict):
    code = "too_many_bots"
    en = "This workspace has {limit} bots, and no more are allowed. Remove one, or ask for a higher limit."
    ru = "В этом рабочем пространстве уже {limit} ботов, больше нельзя. Удалите лишнего или попросите поднять предел."


class MadeEnough(Conflict):
    """Told to whoever made the bot, by the managing bot."""

    code = "made_bots_enough"
    en = "One person may have {limit} bots connected by making them with this one."
    ru = "Один человек может подключить {limit} ботов, созданных с помощью этого бота."


class WrongBot(Invalid):
    """Somebody else's token would silently turn one bot into another."""

    code = "bot_token_of_another"
    en = "This token belongs to another bot, @{username}. Take the one of @{expected}, or connect @{username} as new."
    ru = "Это токен другого бота, @{username}. Нужен токен @{expected}; а @{username} можно подключить как нового."


class WebhookElsewhere(Conflict):
    code = "bot_webhook_elsewhere"
    en = "Another program has Telegram send this bot's messages to its own address. Stop it there, then start the bot."
    ru = "Другая программа направила сообщения этого бота на свой адрес. Остановите её, затем запустите бота."


class WebhookTaken(Conflict):
    code = "bot_webhook_taken"
    en = "Another program had Telegram send this bot's messages to its own address. ChatAI takes them back; stop it."
    ru = "Другая программа направила сообщения этого бота на свой адрес. ChatAI возвращает их; остановите её."


class WebhookRemoved(Conflict):
    code = "bot_webhook_removed"
    en = "Another program removed this bot's webhook, to get everything itself. ChatAI sets it again; stop that one."
    ru = "Другая программа удалила веб-хук бота, чтобы получать всё самой. ChatAI ставит его снова; остановите её."


class BadProfile(Invalid):
    code = "bot_profile_invalid"
    en = "A bot's name has 1 to 64 characters, its description up to 512, its short description up to 120."
    ru = "Имя бота – от 1 до 64 символов, описание – до 512, краткое описание – до 120."


class ProfileRefused(Invalid):
    code = "bot_profile_refused"
    en = "Telegram did not accept this: {reason}"
    ru = "Telegram этого не принял: {reason}"


class PhotoRefused(Invalid):
    code = "bot_photo_refused"
    en = "The picture must be a JPEG, at least 160 pixels wide and high, and no larger than {limit_mb} MB."
    ru = "Нужен снимок в формате JPEG, не меньше 160 точек в ширину и высоту и не больше {limit_mb} МБ."


class NotManaged(Conflict):
    code = "bot_not_managed"
    en = "Only a bot that was made with one of your bots can get a new token here. Ask @BotFather for one."
    ru = "Новый токен здесь можно выпустить только для бота, созданного вашим ботом. Получите его у @BotFather."


class ManagementOff(Conflict):
    code = "bot_management_off"
    en = "Allow this bot to manage others first: @BotFather, the bot's settings, “Bot Management Mode”."
    ru = "Сначала разрешите боту управлять другими: @BotFather, настройки бота, «Bot Management Mode»."


class ImportEmpty(Invalid):
    code = "import_empty"
    en = "There is no line with a bot in this. The first column, or one called “token”, holds the tokens."
    ru = "Здесь нет ни одной строки с ботом. Токены – в первом столбце или в столбце «token»."


class ImportTooLong(Invalid):
    code = "import_too_long"
    en = "At most {limit} bots can be connected at once; this has {number}. Split the file."
    ru = "За один раз можно подключить не больше {limit} ботов, а здесь {number}. Разделите файл."


class ImportWithoutTokens(Invalid):
    code = "import_without_tokens"
    en = "The first line names columns, but none is called “token”. It has: {columns}."
    ru = "В первой строке названия столбцов, но столбца «token» нет. Есть: {columns}."


class LineBroken(Invalid):
    code = "import_line_broken"
    en = "A quotation mark is opened in this line and never closed."
    ru = "В этой строке открыта кавычка, которая нигде не закрыта."


class RepeatedInFile(Conflict):
    code = "import_repeated"
    en = "The same bot stands in line {line} already."
    ru = "Этот бот уже есть в строке {line}."


class NoSuchAssistant(Invalid):
    code = "import_no_such_assistant"
    en = "There is no assistant “{name}”. Give its name or its identifier."
    ru = "Ассистента «{name}» нет. Укажите его имя или идентификатор."


class AmbiguousAssistant(Invalid):
    code = "import_ambiguous_assistant"
    en = "Several assistants are called “{name}”. Give the identifier of the right one."
    ru = "Ассистентов с именем «{name}» несколько. Укажите идентификатор нужного."


class NoAssistantGiven(Invalid):
    code = "import_no_assistant"
    en = "No assistant is given here, and none is chosen for lines without one."
    ru = "Ассистент здесь не указан и не выбран для строк без него."


class BotOfLineIsHere(Conflict):
    code = "import_bot_already_here"
    en = "The bot @{username} is connected in this workspace already."
    ru = "Бот @{username} уже подключён в этом рабочем пространстве."


class ImportStopped(Conflict):
    code = "import_stopped"
    en = "You stopped before this line. Import the file again to go on: what is connected is passed over."
    ru = "Вы остановились до этой строки. Импортируйте файл ещё раз: уже подключённые боты будут пропущены."
