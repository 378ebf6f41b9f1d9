// What the page knows, what people do on it, and what comes from the server.

import * as api from "./api.js";
import { accountActions, writeToAccount } from "./business.js";
import { activityLine, drawChat, drawMessages, head, noBots } from "./chat.js";
import { keepingFocus, notice } from "./dom.js";
import { addCall, drawCalls, drawFaults, drawPanel } from "./panel.js";
import { ask, drawSidebar } from "./sidebar.js";
import { show } from "./messages.js";
import { endPress, press } from "./presses.js";
import { account, chatsOf, isOpen, isPrivateChat, keep, keepNews, note, path, remember, remembered, startNews, state, unusedNumber, view } from "./state.js";
import { t } from "./texts.js";
import { album, toggleRecording } from "./sending.js";

const TYPING_LASTS = 5500; // ms: a chat action is over five seconds after it was sent
const DRAFT_LASTS = 30000; // ms, as in Telegram
const LOOK_AGAIN = 4000; // ms between two looks at who reads the bots' updates

const [layout, sidebar, chat, panel, veil] = ["layout", "sidebar", "chat", "panel", "veil"].map((id) => document.getElementById(id));
let stream = null;
let typingTimer = 0;
let looks = 0;
let looking = null;
const draftTimers = new Map();

function redraw() {
  keepingFocus(draw);
}

function draw() {
  drawSidebar(sidebar, state, actions);
  drawPanel(panel, state, actions);
  if (state.bot) drawChat(chat, state, view(), actions, state.asking === "topic" ? ask(t("topicName"), actions.createTopic) : null);
  else noBots(chat, actions);
  document.title = state.bot ? `${state.bot.name} · ChatAI` : "ChatAI sandbox";
}

// Shows what came, and leaves alone whatever a person may be filling in.
function refresh() {
  if (!document.getElementById("messages")) {
    redraw();
    return;
  }
  refreshSidebar();
  keepingFocus(() => document.getElementById("chat-head").replaceWith(head(state, view(), actions)));
  redrawMessages();
  const calls = document.getElementById("calls");
  if (calls) drawCalls(calls, state.calls);
}

function refreshSidebar() {
  if (!state.asking || state.asking === "topic") keepingFocus(() => drawSidebar(sidebar, state, actions));
}

function redrawMessages() {
  const list = document.getElementById("messages");
  if (list) drawMessages(list, state, view(), actions);
}

// --- What comes from the server

async function loadBots() {
  const found = await api.quiet("/bots");
  if (!found) return;
  const before = JSON.stringify(state.bots);
  state.bots = found.bots;
  state.bot = state.bots.find((bot) => bot.id === state.bot?.id) ?? null;
  if (JSON.stringify(state.bots.map((b) => ({ ...b, call_count: 0 }))) !== JSON.stringify(JSON.parse(before).map((b) => ({ ...b, call_count: 0 })))) {
    refreshSidebar();
    if (state.bot && !state.messages.length) redrawMessages();
  }
}

function loadChats() {
  looking = look();
  return looking;
}

async function look() {
  const turn = ++looks;
  const found = await Promise.all([api.get(path("/chats")), api.get(path("/business")), api.get("/people")]);
  if (turn !== looks) return looking; // a later look has more
  const [{ chats }, { accounts }, { people }] = found;
  for (const list of [chats, ...accounts.map((item) => item.chats)]) list.sort((a, b) => (b.last_message?.date ?? 0) - (a.last_message?.date ?? 0));
  Object.assign(state, { chats, accounts, people });
}

async function loadMessages() {
  const { chatId, connection } = state;
  startNews();
  state.drafts = [];
  const found = await api.get(path(connection ? `/business/${connection}/messages?chat_id=${chatId}` : `/chats/${chatId}/messages`));
  if (!isOpen(chatId, connection)) return; // another chat was opened meanwhile
  state.messages = found.messages;
  state.drafts = found.drafts;
  keepNews();
}

async function loadFaults() {
  state.faults = (await api.get("/faults")).faults;
  state.limits = await api.get("/limits");
  const list = document.getElementById("faults");
  if (list) {
    drawFaults(list, state, actions);
    document.getElementById("limits").checked = state.limits.enforced;
  }
}

function follow() {
  stream?.close();
  if (!state.bot) return;
  stream = new EventSource(`/sandbox${path("/events")}`);
  stream.addEventListener("open", () => reload());
  stream.onmessage = (event) => receive(JSON.parse(event.data));
}

async function reload() {
  await Promise.all([loadChats(), loadFaults()]);
  await loadMessages();
  state.calls = (await api.get(path("/calls"))).calls;
  state.loaded = true;
  refresh();
}

function endTyping() {
  clearTimeout(typingTimer);
  state.action = "";
}

function receiveMessage(message, keyboard) {
  note(message);
  const item = chatsOf(message.business_connection_id).find((candidate) => candidate.chat.id === message.chat.id);
  if (item) {
    item.last_message = message;
    refreshSidebar();
  } else {
    loadChats().then(refresh);
  }
  if (!isOpen(message.chat.id, message.business_connection_id)) return;
  if (message.from.id === state.bot.id || message.sender_business_bot) {
    endTyping();
    state.drafts = [];
  }
  if (keyboard) state.keyboard = keyboard.keyboard ? keyboard : null;
  keep(message);
  if (message.from.id === state.personId) state.jump = true;
  if (keyboard) redraw();
  else afterTyping();
}

function afterTyping() {
  const activity = document.getElementById("activity");
  if (activity) {
    activity.textContent = activityLine(state, view());
    activity.classList.toggle("busy", Boolean(state.action));
  }
  redrawMessages();
}

const receivers = {
  message: (event) => receiveMessage(event.message, event.keyboard),
  edited({ message }) {
    note(message);
    if (!isOpen(message.chat.id, message.business_connection_id)) return;
    keep(message);
    redrawMessages();
  },
  deleted(event) {
    if (!isOpen(event.chat_id, event.connection)) return;
    state.messages = state.messages.filter((message) => message.message_id !== event.message_id);
    redrawMessages();
  },
  draft(event) {
    if (!isOpen(event.chat_id, event.connection)) return;
    const { draft } = event;
    endTyping();
    state.drafts = [...state.drafts.filter((known) => known.draft_id !== draft.draft_id), draft];
    clearTimeout(draftTimers.get(draft.draft_id));
    draftTimers.set(draft.draft_id, setTimeout(() => {
      state.drafts = state.drafts.filter((known) => known.draft_id !== draft.draft_id);
      redrawMessages();
    }, DRAFT_LASTS));
    afterTyping();
  },
  action(event) {
    if (!isOpen(event.chat_id, event.connection) || state.drafts.length) return;
    state.action = event.action in { typing: 1, upload_document: 1, upload_photo: 1, record_voice: 1 } ? event.action : "typing";
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => { endTyping(); afterTyping(); }, TYPING_LASTS);
    afterTyping();
  },
  callback_answer(event) {
    endPress(event.callback_query_id);
    if (event.text) notice(event.text, event.show_alert ? "alert" : "");
  },
  call({ call }) {
    state.calls.push(call);
    if (state.calls.length > 400) state.calls.splice(0, 200);
    const list = document.getElementById("calls");
    if (list) addCall(list, call);
    if (call.status >= 400 || call.broken) loadFaults();
  },
  profile: () => loadBots().then(redraw),
  chats: () => loadChats().then(redraw),
  reload: () => reload(),
};

function receive(event) {
  receivers[event.kind]?.(event);
}

// --- What people do

const actions = {
  ...accountActions({ redraw, loadChats, openChat: (id, connection) => actions.chooseChat(id, connection) }),
  redraw,
  loadFaults,
  openSidebar: () => layout.classList.add("sidebar-open"),
  openPanel: () => layout.classList.add("panel-open"),
  closeDrawers: () => layout.classList.remove("sidebar-open", "panel-open"),
  ask(what) {
    state.asking = state.asking === what ? "" : what;
    if (what === "topic") redraw();
    else keepingFocus(() => drawSidebar(sidebar, state, actions));
    document.querySelector(".ask input")?.focus(); // at once: the next key may be on its way already
  },
  async makeBot(asked) {
    const name = asked.suggested_name ?? t("newBot");
    await api.post(`/bots/${state.bot.id}/managed`, { name, username: asked.suggested_username ?? "", from: state.personId });
  },
  async chooseBot(id) {
    if (state.bot?.id !== id) {
      state.bot = state.bots.find((bot) => bot.id === id) ?? null;
      Object.assign(state, { chatId: state.personId, connection: "", topic: 0, keyboard: null, editing: null, replying: null, unseen: new Set(), messages: [], calls: [], loaded: false });
      endTyping();
      remember();
      await loadChats();
      follow(); // loads the rest as soon as it listens, so that nothing falls between
    }
  },
  async chooseChat(id, connection = "") {
    Object.assign(state, { chatId: id, connection, topic: 0, keyboard: null, editing: null, replying: null, drafts: [] });
    if (id > 0) state.personId = id;
    endTyping();
    remember();
    await loadMessages();
    state.loaded = true;
    actions.closeDrawers();
    redraw();
  },
  chooseTopic(number) {
    state.topic = number;
    redraw();
  },
  writeAs(id) {
    state.personId = id;
    remember();
    redraw();
  },
  async createBot(name) {
    state.asking = "";
    if (name !== null) {
      const made = await api.post("/bots", { name });
      await loadBots();
      await actions.chooseBot(made.id);
    }
    redraw();
  },
  async createPerson(name) {
    state.asking = "";
    if (name) {
      const id = unusedNumber();
      state.people.push({ id, first_name: name });
      await api.post("/people", { id, first_name: name });
      state.personId = id;
      await actions.chooseChat(id);
    }
    redraw();
  },
  async createGroup(title, forum) {
    state.asking = "";
    if (title) {
      const made = await api.post(path("/groups"), { title, is_forum: forum, from: state.personId });
      await loadChats();
      await actions.chooseChat(made.chat.id);
    }
    redraw();
  },
  async createTopic(name) {
    state.asking = "";
    if (name) {
      const made = await api.post(path("/topics"), { chat_id: state.chatId, name, from: state.personId });
      await loadChats();
      state.topic = made.message_thread_id;
    }
    redraw();
  },
  async send(text) {
    if (state.editing) {
      const values = { chat_id: state.chatId, message_id: state.editing.message_id, text };
      state.editing = null;
      await api.post(path(account() ? `/business/${state.connection}/edits` : "/edits"), values);
    } else {
      await actions.write({ text });
    }
    redraw();
    document.getElementById("compose-text")?.focus();
  },
  async write(values) {
    if (account()) {
      await writeToAccount(values);
      return;
    }
    const full = { ...values, from: state.personId };
    if (!isPrivateChat()) full.chat_id = state.chatId;
    if (state.topic) full.message_thread_id = state.topic;
    if (state.replying) full.reply_to = state.replying.message_id;
    state.replying = null;
    const form = new FormData();
    for (const [name, value] of Object.entries(full)) form.append(name, value);
    const { message, update_id: update } = await api.post(path("/messages"), form);
    if (update === null && !isPrivateChat()) state.unseen.add(message.message_id);
    if (!view() || view().closed) await loadChats();
  },
  async sendFiles(files) {
    const text = state.unsent.trim();
    state.unsent = "";
    for (const values of album(files, text)) await actions.write(values);
    redraw();
  },
  async record() {
    await toggleRecording(state, (voice) => actions.write({ voice }).then(redraw));
    redraw();
  },
  async forward(message) {
    const values = { forward: message.message_id, from: state.personId };
    if (!isPrivateChat()) values.chat_id = state.chatId;
    await api.post(path("/messages"), values);
  },
  press(message, button, element) {
    const values = { chat_id: state.chatId, message_id: message.message_id, data: button.callback_data, from: state.personId };
    return press(element, async () => (await api.post(path("/presses"), values)).callback_query_id);
  },
  command: (text) => actions.send(text),
  show,
  reply(message) {
    Object.assign(state, { replying: message, editing: null });
    redraw();
    document.getElementById("compose-text").focus();
  },
  edit(message) {
    Object.assign(state, { editing: message, replying: null, unsent: message.text ?? message.caption });
    redraw();
    document.getElementById("compose-text").focus();
  },
  cancelAside() {
    if (state.editing) state.unsent = "";
    Object.assign(state, { editing: null, replying: null });
    redraw();
  },
  toggleCommands() {
    state.commandsOpen = !state.commandsOpen;
    redraw();
  },
  async toggleBlock() {
    await api.post(path(view().closed ? "/unblock" : "/block"), { chat_id: state.chatId, from: state.personId });
    await loadChats();
    redraw();
  },
  async revoke() {
    await api.post(path("/revoke"));
    await loadBots();
    redraw();
  },
  async deleteBot() {
    await api.remove(path());
    stream?.close();
    state.bot = null;
    await loadBots();
    if (state.bots[0]) await actions.chooseBot(state.bots[0].id);
    redraw();
  },
};

veil.addEventListener("click", actions.closeDrawers);
document.addEventListener("keydown", (event) => event.key === "Escape" && actions.closeDrawers());
setInterval(() => document.visibilityState === "visible" && loadBots(), LOOK_AGAIN);

async function begin() {
  const kept = remembered();
  await loadBots();
  if (kept.person) state.personId = kept.person;
  const bot = state.bots.find((item) => item.id === kept.bot) ?? state.bots[0];
  if (bot) {
    await actions.chooseBot(bot.id);
    const known = state.accounts.some((item) => item.id === kept.connection) || chatsOf("").some((item) => item.chat.id === kept.chat);
    if (kept.bot === bot.id && known) await actions.chooseChat(kept.chat, kept.connection);
  }
  redraw();
}

begin();
