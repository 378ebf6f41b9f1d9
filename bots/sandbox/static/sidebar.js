// Bots on the left: their tokens, who reads their updates, and their chats.

import { avatar, clock, h, icon, iconButton, nameOf, notice } from "./dom.js";
import { isOpen } from "./state.js";
import { switchLanguage, t } from "./texts.js";

function connection(bot) {
  if (bot.webhook.url && bot.webhook.last_error_message) return ["bad", t("webhookFails", { error: bot.webhook.last_error_message })];
  if (bot.webhook.url) return ["good", t("webhook")];
  if (bot.polling) return ["good", t("polling")];
  return ["idle", t("nobody")];
}

export const isConnected = (bot) => connection(bot)[0] === "good";

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notice(t("copied"), "good");
  } catch {
    notice(t("copyFailed"), "bad");
  }
}

// A line that asks for one name and goes away after; actions.ask brings the focus into it.
export function ask(label, onsubmit, { option = "", does = t("create") } = {}) {
  const input = h("input", { class: "input", placeholder: label, "aria-label": label, maxLength: 64, autocomplete: "off" });
  const check = option ? h("input", { type: "checkbox" }) : null;
  return h("form", {
    class: "ask",
    onsubmit: (event) => {
      event.preventDefault();
      onsubmit(input.value.trim(), check?.checked ?? false);
    },
    onkeydown: (event) => event.key === "Escape" && onsubmit(null),
  },
  input,
  option ? h("label", { class: "check" }, check, option) : null,
  h("div", { class: "ask-buttons" },
    h("button", { class: "button primary", type: "submit" }, does),
    h("button", { class: "button", type: "button", onclick: () => onsubmit(null) }, t("cancel"))));
}

export function tokenRow(bot) {
  return h("div", { class: "token" },
    h("code", { class: "token-text", title: bot.token }, bot.token),
    h("button", { class: "button compact", type: "button", onclick: () => copy(bot.token) }, icon("copy"), t("copy")));
}

function botItem(bot, state, actions) {
  const [kind, words] = connection(bot);
  const selected = bot.id === state.bot?.id;
  return h("li", {},
    h("button", { class: `item ${selected ? "selected" : ""}`, type: "button", id: `bot-${bot.id}`, "aria-current": selected ? "true" : null, onclick: () => actions.chooseBot(bot.id) },
      avatar(bot.name, bot.id),
      h("span", { class: "item-text" },
        h("span", { class: "item-name" }, bot.name),
        h("span", { class: "item-line" },
          h("span", { class: `dot ${kind}`, "aria-hidden": "true" }),
          h("span", { class: "cut" }, words))),
      bot.pending_update_count && kind !== "good" ? h("span", { class: "count", title: t("waiting", { count: bot.pending_update_count }) }, String(bot.pending_update_count)) : null),
    selected ? tokenRow(bot) : null);
}

function chatItem(view, state, actions, connection = "") {
  const { chat, last_message: last } = view;
  const selected = isOpen(chat.id, connection);
  const text = last ? last.text || last.caption || last.document?.file_name || "…" : "";
  return h("li", {},
    h("button", { class: `item ${selected ? "selected" : ""}`, type: "button", id: `chat-${connection}${chat.id}`, "aria-current": selected ? "true" : null, onclick: () => actions.chooseChat(chat.id, connection) },
      avatar(nameOf(chat), chat.id),
      h("span", { class: "item-text" },
        h("span", { class: "item-name" }, chat.type === "private" ? null : icon("group"), h("span", { class: "cut" }, nameOf(chat))),
        h("span", { class: "item-line" }, h("span", { class: "cut" }, text))),
      last ? h("time", { class: "item-time" }, clock(last.date)) : null));
}

function accountState({ is_enabled: enabled, rights }) {
  if (!enabled) return ["idle", t("accountOff")];
  return rights.can_reply ? ["good", t("accountOn")] : ["bad", t("accountMute")];
}

// An account, and below it who has written to it.
function accountItem(item, state, actions) {
  const [kind, words] = accountState(item);
  const asking = `customer-${item.id}`;
  const selected = item.id === state.connection && !item.chats.some((view) => view.chat.id === state.chatId);
  return h("li", {},
    h("div", { class: "account" },
      h("button", { class: `item ${selected ? "selected" : ""}`, type: "button", id: `account-${item.id}`, "aria-current": selected ? "true" : null, onclick: () => actions.openAccount(item) },
        avatar(nameOf(item.user), item.user.id),
        h("span", { class: "item-text" },
          h("span", { class: "item-name" }, icon("shop"), h("span", { class: "cut" }, nameOf(item.user))),
          h("span", { class: "item-line" }, h("span", { class: `dot ${kind}`, "aria-hidden": "true" }), h("span", { class: "cut" }, words)))),
      iconButton("person", t("newCustomer"), () => actions.ask(asking))),
    state.asking === asking ? ask(t("customerName"), (name) => actions.createCustomer(name, item.id)) : null,
    h("ul", { class: "items customers" }, item.chats.map((view) => chatItem(view, state, actions, item.id))));
}

export function drawSidebar(root, state, actions) {
  const asking = state.asking;
  root.replaceChildren(
    h("header", { class: "brand" },
      h("img", { src: "/static/icon.svg", alt: "", width: 32, height: 32 }),
      h("div", { class: "brand-text" }, h("h1", {}, `ChatAI · ${t("title")}`), h("p", {}, t("subtitle"))),
      iconButton("close", t("close"), actions.closeDrawers, "drawer-only")),
    h("div", { class: "lists" },
      h("div", { class: "list-head" }, h("h2", {}, t("bots")),
        iconButton("plus", t("newBot"), () => actions.ask("bot"))),
      asking === "bot" ? ask(t("botName"), actions.createBot) : null,
      h("ul", { class: "items" }, state.bots.map((bot) => botItem(bot, state, actions))),
      state.bot ? [
        h("div", { class: "list-head" }, h("h2", {}, t("chats")),
          iconButton("person", t("newPerson"), () => actions.ask("person")),
          iconButton("group", t("newGroup"), () => actions.ask("group"))),
        asking === "person" ? ask(t("personName"), actions.createPerson) : null,
        asking === "group" ? ask(t("groupName"), actions.createGroup, { option: t("withTopics") }) : null,
        h("ul", { class: "items" }, state.chats.map((view) => chatItem(view, state, actions))),
        h("div", { class: "list-head" }, h("h2", {}, t("accounts")),
          iconButton("shop", t("connectAccount"), () => actions.ask("account"))),
        asking === "account" ? ask(t("ownerName"), actions.connectAccount, { does: t("connect") }) : null,
        h("ul", { class: "items" }, state.accounts.map((item) => accountItem(item, state, actions))),
      ] : null),
    h("footer", { class: "sidebar-foot" },
      h("button", { class: "button quiet", type: "button", onclick: () => { switchLanguage(); actions.redraw(); } }, icon("globe"), t("language"))));
}
