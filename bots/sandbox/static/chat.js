// The chat in the middle: its head, the messages, and the line to write in.

import { avatar, h, icon, iconButton, nameOf } from "./dom.js";
import { bubble, draftBubble, typingBubble } from "./messages.js";
import { isConnected, tokenRow } from "./sidebar.js";
import { account } from "./state.js";
import { has, t } from "./texts.js";

const MAX_ROWS = 8;

const customer = (state, view) => view?.chat ?? state.people.find((person) => person.id === state.chatId) ?? { id: state.chatId };

// Whose chat it is, and what shuts the bot out of it or lets it in again.
function about(state, view) {
  const { bot } = state;
  const shop = account();
  if (shop) {
    const line = t("customer", { name: nameOf(customer(state, view)) });
    const shut = !shop.is_enabled;
    return { name: nameOf(shop.user), id: shop.user.id, badge: t("business"), line, shut, turn: t(shut ? "connectAgain" : "disconnect"), toggle: "toggleAccount" };
  }
  const shut = Boolean(view?.closed);
  if (!view || view.chat.type === "private") {
    return { name: bot.name, id: bot.id, badge: t("bot"), line: `@${bot.username}`, shut, turn: view ? t(shut ? "unblock" : "block") : "", toggle: "toggleBlock" };
  }
  return { name: nameOf(view.chat), id: view.chat.id, line: t("group", { count: view.members.length }), shut, turn: t(shut ? "unkick" : "kick"), toggle: "toggleBlock" };
}

export const activityLine = (state, view) => (state.action && has(state.action) ? t(state.action) : about(state, view).line);

export function head(state, view, actions) {
  const { name, id, badge, shut, turn, toggle } = about(state, view);
  return h("header", { class: "chat-head", id: "chat-head" },
    iconButton("menu", t("menu"), actions.openSidebar, "narrow-only"),
    avatar(name, id),
    h("div", { class: "chat-title" },
      h("h2", {}, h("span", { class: "cut" }, name), badge ? h("span", { class: "badge" }, badge) : null),
      h("p", { class: state.action ? "busy" : "", id: "activity" }, activityLine(state, view))),
    turn ? Object.assign(iconButton("block", turn, () => actions[toggle](), shut ? "on" : ""), { id: "shut" }) : null,
    iconButton("tools", t("tools"), actions.openPanel, "middle-only"));
}

function topics(state, view, actions) {
  if (!view?.chat.is_forum) return null;
  const tab = (number, name) => h("button", {
    class: `topic ${state.topic === number ? "selected" : ""}`, type: "button", onclick: () => actions.chooseTopic(number),
  }, name);
  return h("nav", { class: "topics", "aria-label": t("newTopic") },
    tab(0, t("allTopics")), view.topics.map((topic) => tab(topic.message_thread_id, topic.name)),
    iconButton("plus", t("newTopic"), () => actions.ask("topic"), "small"));
}

function emptyChat(state, actions) {
  if (!isConnected(state.bot)) {
    return h("div", { class: "empty" },
      h("div", { class: "empty-card" },
        h("h3", {}, t("connectTitle")), h("p", {}, t("connectText")),
        h("code", { class: "setting" }, `TELEGRAM_API_URL=${location.origin}`), tokenRow(state.bot)));
  }
  if (account()) {
    return h("div", { class: "empty" },
      h("div", { class: "empty-card" }, h("h3", {}, t("businessTitle")), h("p", {}, t("businessText"))));
  }
  return h("div", { class: "empty" },
    h("div", { class: "empty-card" }, h("p", {}, t("sayHello")),
      h("button", { class: "button primary", type: "button", onclick: () => actions.send("/start") }, t("start"))));
}

export function noBots(root, actions) {
  root.replaceChildren(
    h("header", { class: "chat-head narrow-only" }, iconButton("menu", t("menu"), actions.openSidebar), h("h2", {}, `ChatAI · ${t("title")}`)),
    h("div", { class: "empty" }, h("div", { class: "empty-card" },
      h("img", { src: "/static/icon.svg", alt: "", width: 56, height: 56 }),
      h("h3", {}, t("noBotsTitle")), h("p", {}, t("noBotsText")),
      h("button", { class: "button primary", type: "button", onclick: () => { actions.openSidebar(); actions.ask("bot"); } }, icon("plus"), t("newBot")))));
}

function shownIn(state, message) {
  return !state.topic || message.message_thread_id === state.topic;
}

// A message that did not change keeps its node: an open spoiler stays open, a voice message goes on playing.
const drawn = new WeakMap();

function messageNode(state, message, looks, actions) {
  const key = JSON.stringify([looks, document.documentElement.lang, state.bot.id]);
  const known = drawn.get(message);
  if (known?.key === key) return known.node;
  const node = bubble(state.bot, message, looks, actions);
  drawn.set(message, { key, node });
  return node;
}

function place(list, nodes) {
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
  while (list.children.length > nodes.length) list.lastElementChild.remove();
}

export function drawMessages(list, state, view, actions) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 120;
  const shop = account();
  const several = shop || (view && view.chat.type !== "private");
  const nodes = state.messages.filter((message) => shownIn(state, message)).map((message) => {
    const own = message.from.id === state.personId && !message.sender_business_bot;
    return messageNode(state, message, {
      own, named: Boolean(several) && !own, unseen: state.unseen.has(message.message_id), plain: Boolean(shop),
    }, actions);
  });
  if (state.drafts.length) nodes.push(...state.drafts.map((draft) => draftBubble(draft, actions)));
  else if (state.action) nodes.push(typingBubble());
  else if (nodes.length && shop?.is_enabled && !state.messages.some((message) => message.sender_business_bot)) nodes.push(h("p", { class: "service" }, t("businessWaits")));
  if (nodes.length) {
    place(list, [list.querySelector(":scope > .spring") ?? h("div", { class: "spring" }), ...nodes]);
  } else {
    list.replaceChildren(...(state.loaded ? [emptyChat(state, actions)] : []));
  }
  if (atEnd || state.jump) list.scrollTop = list.scrollHeight;
  state.jump = false;
}

function compose(state, view, actions) {
  const person = state.people.find((item) => item.id === state.personId);
  const shop = account();
  const isPrivate = !shop && (!view || view.chat.type === "private");
  const input = h("textarea", {
    class: "compose-text", rows: 1, id: "compose-text", maxLength: 4096,
    placeholder: isPrivate && person ? t("placeholderAs", { name: nameOf(person) }) : t("placeholder"), "aria-label": t("placeholder"),
  });
  input.value = state.unsent;
  const fit = () => {
    input.rows = 1;
    while (input.rows < MAX_ROWS && input.scrollHeight > input.clientHeight + 2) input.rows++;
  };
  const send = () => {
    const text = input.value.trim();
    if (!text) return;
    input.value = state.unsent = "";
    fit();
    actions.send(text);
  };
  input.addEventListener("input", () => { state.unsent = input.value; fit(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
    if (event.key === "Escape") actions.cancelAside();
  });
  const file = h("input", { type: "file", hidden: true, multiple: true, onchange: () => { actions.sendFiles([...file.files]); file.value = ""; } });
  const voice = iconButton("voice", t(state.recorder ? "recordEnd" : "record"), () => actions.record(), state.recorder ? "on" : "");
  const commands = state.bot.commands.length && !shop ? iconButton("slash", t("commands"), () => actions.toggleCommands()) : null;
  const writer = isPrivate ? null : h("select", { class: "input writer", "aria-label": t("writeAs"), title: t("writeAs"), onchange: (event) => actions.writeAs(Number(event.target.value)) },
    (shop ? [customer(state, view), shop.user] : state.people).map((item) => h("option", { value: item.id, selected: item.id === state.personId }, nameOf(item))));
  return h("form", { class: "compose", onsubmit: (event) => { event.preventDefault(); send(); } },
    writer, commands, iconButton("attach", t("attach"), () => file.click()), file, voice, input,
    h("button", { class: "send", type: "submit", title: t("send"), "aria-label": t("send") }, icon("send")));
}

function aside(state, actions) {
  const chosen = state.editing || state.replying;
  if (!chosen) return null;
  return h("div", { class: "aside" }, icon(state.editing ? "edit" : "reply"),
    h("div", { class: "aside-text" }, h("strong", {}, state.editing ? t("editing") : `${t("replying")} · ${nameOf(chosen.from)}`),
      h("span", { class: "cut" }, chosen.text || chosen.caption || "…")),
    iconButton("close", t("cancel"), actions.cancelAside, "small"));
}

function commandMenu(state, actions) {
  if (!state.commandsOpen || !state.bot.commands.length || account()) return null;
  return h("ul", { class: "commands" }, state.bot.commands.map((item) => h("li", {},
    h("button", { type: "button", onclick: () => { state.commandsOpen = false; actions.send(`/${item.command}`); } },
      h("strong", {}, `/${item.command}`), h("span", {}, item.description)))));
}

function otherKeyboard(state, actions) {
  const rows = state.keyboard?.keyboard;
  if (!rows) return null;
  return h("div", { class: "reply-keyboard" }, rows.map((row) => h("div", { class: "keyboard-row" }, row.map((key) => {
    const text = typeof key === "string" ? key : key.text;
    const press = key.request_managed_bot ? () => actions.makeBot(key.request_managed_bot) : () => actions.send(text);
    return h("button", { class: "key", type: "button", onclick: press }, text);
  }))));
}

function closed(view) {
  const shop = account();
  const why = shop ? (!shop.is_enabled ? "disconnected" : shop.rights.can_reply ? "" : "mayNotWrite") : view?.closed ? "blocked" : "";
  return why ? h("p", { class: "closed" }, t(why)) : null;
}

export function drawChat(root, state, view, actions, topicForm) {
  const list = h("section", { class: "messages", id: "messages", tabIndex: 0, "aria-live": "polite" });
  root.replaceChildren(...[
    head(state, view, actions), topics(state, view, actions), topicForm,
    list,
    closed(view),
    h("div", { class: "foot" }, commandMenu(state, actions), aside(state, actions), compose(state, view, actions), otherKeyboard(state, actions)),
  ].filter(Boolean));
  state.jump = true;
  drawMessages(list, state, view, actions);
}
