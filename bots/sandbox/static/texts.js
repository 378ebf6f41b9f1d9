// Every text of the page, in both languages. {name} is filled in.

const TEXTS = {
  title: ["Sandbox", "Песочница"],
  subtitle: ["Telegram without Telegram", "Telegram без Telegram"],
  language: ["Русский", "English"],
  bots: ["Bots", "Боты"],
  chats: ["Chats", "Чаты"],
  newBot: ["New bot", "Новый бот"],
  newPerson: ["New person", "Новый человек"],
  newGroup: ["New group", "Новая группа"],
  newTopic: ["New topic", "Новая тема"],
  botName: ["Name of the bot", "Имя бота"],
  personName: ["Name of the person", "Имя человека"],
  groupName: ["Name of the group", "Название группы"],
  topicName: ["Name of the topic", "Название темы"],
  withTopics: ["With topics", "С темами"],
  create: ["Create", "Создать"],
  cancel: ["Cancel", "Отмена"],
  close: ["Close", "Закрыть"],
  menu: ["Bots and chats", "Боты и чаты"],
  tools: ["Trouble and calls", "Неполадки и вызовы"],
  token: ["Token", "Токен"],
  copy: ["Copy", "Копировать"],
  copied: ["Copied", "Скопировано"],
  copyFailed: ["Could not copy: select the token and copy it by hand", "Не скопировалось: выделите токен и скопируйте вручную"],
  polling: ["reads updates by polling", "читает обновления опросом"],
  webhook: ["gets updates by webhook", "получает обновления через webhook"],
  webhookFails: ["webhook fails: {error}", "webhook не отвечает: {error}"],
  nobody: ["nobody reads this bot's updates", "обновления бота никто не читает"],
  waiting: ["{count} waiting", "ждут: {count}"],
  noBotsTitle: ["Make a bot to begin", "Создайте бота, чтобы начать"],
  noBotsText: [
    "You get a token like BotFather's. Give it to ChatAI and write to the bot here: nothing leaves this machine.",
    "Вы получите токен, как у BotFather. Передайте его ChatAI и пишите боту здесь: наружу ничего не уходит.",
  ],
  connectTitle: ["Nobody answers for this bot yet", "За этого бота пока никто не отвечает"],
  connectText: [
    "Start ChatAI with the setting below, then add this token to an assistant under Channels.",
    "Запустите ChatAI с настройкой ниже и добавьте этот токен ассистенту в разделе «Каналы».",
  ],
  sayHello: ["Write the first message, or press Start.", "Напишите первое сообщение или нажмите «Начать»."],
  start: ["Start", "Начать"],
  bot: ["bot", "бот"],
  group: ["{count} people and the bot", "людей: {count}, и бот"],
  typing: ["typing…", "печатает…"],
  upload_document: ["sending a file…", "отправляет файл…"],
  upload_photo: ["sending a photo…", "отправляет фото…"],
  record_voice: ["recording voice…", "записывает голос…"],
  placeholder: ["Message", "Сообщение"],
  placeholderAs: ["Message as {name}", "Сообщение от имени {name}"],
  writeAs: ["Write as", "Писать как"],
  send: ["Send", "Отправить"],
  attach: ["Attach files", "Приложить файлы"],
  commands: ["Commands", "Команды"],
  edited: ["edited", "изменено"],
  forwarded: ["Forwarded", "Переслано"],
  editing: ["Editing", "Правка"],
  replying: ["Reply", "Ответ"],
  edit: ["Edit", "Изменить"],
  reply: ["Reply", "Ответить"],
  forward: ["Forward here", "Переслать сюда"],
  record: ["Record a voice message", "Записать голосовое сообщение"],
  recordEnd: ["Stop and send", "Остановить и отправить"],
  noMicrophone: ["The browser gives no microphone", "Браузер не даёт микрофон"],
  thinking: ["Thinking", "Думает"],
  voice: ["Voice message, {seconds} s", "Голосовое сообщение, {seconds} с"],
  download: ["Download", "Скачать"],
  notDelivered: [
    "The bot does not see this: in groups it gets only commands, mentions and replies to it.",
    "Бот этого не видит: в группах ему приходят только команды, упоминания и ответы ему.",
  ],
  topicCreated: ["Topic “{name}” was created", "Создана тема «{name}»"],
  allTopics: ["All", "Все"],
  block: ["Block the bot", "Заблокировать бота"],
  unblock: ["Unblock the bot", "Разблокировать бота"],
  kick: ["Remove the bot", "Удалить бота из группы"],
  unkick: ["Take the bot back", "Вернуть бота"],
  blocked: ["The bot can't write here now.", "Сейчас бот не может писать сюда."],
  trouble: ["Trouble", "Неполадки"],
  calls: ["Calls", "Вызовы"],
  settings: ["Bot", "Бот"],
  troubleText: ["What the Bot API answers to the next calls.", "Что Bot API ответит на следующие вызовы."],
  kind: ["What happens", "Что происходит"],
  kind429: ["429 Too many requests", "429 Слишком много запросов"],
  kind401: ["401 Token is not valid", "401 Токен недействителен"],
  kind403: ["403 Blocked by the person", "403 Заблокирован человеком"],
  kind409: ["409 Another reader of updates", "409 Обновления читает кто-то ещё"],
  kind500: ["500 Internal error", "500 Внутренняя ошибка"],
  kind502: ["502 Bad gateway", "502 Плохой шлюз"],
  kindDelay: ["Slow answer", "Медленный ответ"],
  kindBefore: ["Connection breaks", "Обрыв соединения"],
  kindAfter: ["Done, but the answer is lost", "Сделано, но ответ потерян"],
  retryAfter: ["Retry after, s", "Повтор через, с"],
  delay: ["Delay, ms", "Задержка, мс"],
  times: ["How many calls", "Сколько вызовов"],
  unlimited: ["until removed", "пока не убрать"],
  methods: ["Which calls", "Какие вызовы"],
  allMethods: ["all", "все"],
  whose: ["Whose", "Чьи"],
  thisBot: ["this bot's", "этого бота"],
  allBots: ["all bots'", "всех ботов"],
  addFault: ["Switch on", "Включить"],
  activeFaults: ["On now", "Сейчас включено"],
  noFaults: ["No trouble is on.", "Неполадки не включены."],
  left: ["{count} left", "осталось: {count}"],
  remove: ["Remove", "Убрать"],
  limits: ["Enforce Telegram's limits", "Соблюдать лимиты Telegram"],
  limitsText: [
    "30 messages a second for a bot, 1 a second in a chat, 20 a minute in a group; more is answered with 429.",
    "30 сообщений в секунду на бота, 1 в секунду в чате, 20 в минуту в группе; сверх этого — 429.",
  ],
  noCalls: ["The bot has not called the Bot API yet.", "Бот ещё не обращался к Bot API."],
  privacy: ["Privacy in groups", "Приватность в группах"],
  privacyText: [
    "On: in groups the bot sees only commands, mentions and replies to it.",
    "Включена: в группах бот видит только команды, упоминания и ответы ему.",
  ],
  revoke: ["Revoke the token", "Отозвать токен"],
  revokeText: ["A new token is made, the old one answers 401.", "Будет новый токен, старый начнёт отвечать 401."],
  deleteBot: ["Delete the bot", "Удалить бота"],
  deleteText: ["The bot and its chats are gone for good.", "Бот и его чаты исчезнут насовсем."],
  sure: ["Press again to confirm", "Нажмите ещё раз"],
  offline: ["The sandbox does not answer. Is it running?", "Песочница не отвечает. Она запущена?"],
};

let chosen = localStorage.getItem("language") || (navigator.language.startsWith("ru") ? "ru" : "en");
document.documentElement.lang = chosen;

export const language = () => chosen;

export function switchLanguage() {
  chosen = chosen === "ru" ? "en" : "ru";
  localStorage.setItem("language", chosen);
  document.documentElement.lang = chosen;
}

export function t(key, values = {}) {
  const pair = TEXTS[key];
  if (!pair) throw new Error(`no text ${key}`);
  return pair[chosen === "ru" ? 1 : 0].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

export const has = (key) => key in TEXTS;
