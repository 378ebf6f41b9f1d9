// What the page knows. `view()` is the open chat as the server describes it, undefined before its first message.

export const state = {
  bots: [], bot: null, chats: [], chatId: 0, personId: 1001, people: [], topic: 0, messages: [], drafts: [], unseen: new Set(),
  action: "", keyboard: null, asking: "", editing: null, replying: null, unsent: "", commandsOpen: false,
  loaded: false, tab: "trouble", faults: [], limits: null, calls: [], jump: false,
};

export const view = () => state.chats.find((item) => item.chat.id === state.chatId);
export const path = (rest = "") => `/bots/${state.bot.id}${rest}`;
export const isPrivateChat = () => state.chatId > 0;

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

export function keepNews(chatId) {
  news.filter((message) => message.chat.id === chatId).forEach(keep);
}
