// What the page knows. `view()` is the open chat as the server describes it, undefined before its first message;
// `account()` the business account whose chat it is, undefined in the bot's own chats.

export const state = {
  bots: [], bot: null, chats: [], accounts: [], connection: "", chatId: 0, personId: 1001, people: [], topic: 0, messages: [], drafts: [], unseen: new Set(),
  action: "", keyboard: null, asking: "", editing: null, replying: null, unsent: "", commandsOpen: false,
  loaded: false, tab: "trouble", faults: [], limits: null, calls: [], jump: false,
};

export const account = () => state.accounts.find((item) => item.id === state.connection);
export const chatsOf = (connection) => (connection ? state.accounts.find((item) => item.id === connection)?.chats ?? [] : state.chats);
export const view = () => chatsOf(state.connection).find((item) => item.chat.id === state.chatId);
export const isOpen = (chatId, connection = "") => chatId === state.chatId && connection === state.connection;
export const path = (rest = "") => `/bots/${state.bot.id}${rest}`;
export const isPrivateChat = () => !state.connection && state.chatId > 0;
export const unusedNumber = () => Math.max(1001, ...state.people.map((person) => person.id)) + 1;

// The place that is open again when the page is.
export const remembered = () => JSON.parse(localStorage.getItem("place") || "{}");

export function remember() {
  localStorage.setItem("place", JSON.stringify({ bot: state.bot?.id, chat: state.chatId, connection: state.connection, person: state.personId }));
}

// What came while the messages were being fetched may be newer than what was fetched.
let news = [];

export function startNews() {
  news = [];
}

export function note(message) {
  news.push(message);
  if (news.length > 500) news.shift();
}

export function keep(message) {
  const index = state.messages.findIndex((known) => known.message_id === message.message_id);
  if (index < 0) state.messages.push(message);
  else state.messages[index] = message;
}

export function keepNews() {
  news.filter((message) => isOpen(message.chat.id, message.business_connection_id)).forEach(keep);
}
