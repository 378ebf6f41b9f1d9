// One message as a bubble.

import { avatar, clock, h, icon, iconButton, nameOf, size } from "./dom.js";
import { formatted } from "./entities.js";
import { t } from "./texts.js";

export const fileAddress = (botId, fileId) => `/sandbox/bots/${botId}/files/${encodeURIComponent(fileId)}`;

function attachment(bot, message) {
  if (message.photo) {
    const photo = message.photo.at(-1);
    return h("img", {
      class: "photo", src: fileAddress(bot.id, photo.file_id), alt: "", width: photo.width, height: photo.height,
    });
  }
  const sound = message.voice || message.audio;
  if (sound) {
    return h("div", { class: "file" },
      h("audio", { controls: true, preload: "none", src: fileAddress(bot.id, sound.file_id),
        "aria-label": t("voice", { seconds: sound.duration }) }));
  }
  if (message.document) {
    return h("a", { class: "file", href: fileAddress(bot.id, message.document.file_id), download: message.document.file_name,
      title: t("download") },
    h("span", { class: "file-icon" }, icon("file")),
    h("span", { class: "file-text" },
      h("span", { class: "file-name" }, message.document.file_name),
      h("span", { class: "file-size" }, size(message.document.file_size))));
  }
  return null;
}

function keyboard(message, actions) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows) return null;
  return h("div", { class: "keyboard" }, rows.map((row) => h("div", { class: "keyboard-row" }, row.map((button) => {
    if (button.url) {
      return h("a", { class: "key", href: button.url, target: "_blank", rel: "noopener noreferrer" }, button.text, icon("link"));
    }
    return h("button", {
      class: "key", type: "button", disabled: !button.callback_data,
      onclick: (event) => actions.press(message, button, event.currentTarget),
    }, button.text);
  }))));
}

function quoted(message, actions) {
  const replied = message.reply_to_message;
  if (!replied) return null;
  return h("button", { class: "quoted", type: "button", onclick: () => actions.show(replied.message_id) },
    h("span", { class: "quoted-name" }, nameOf(replied.from)),
    h("span", { class: "quoted-text" }, replied.text || replied.caption || replied.document?.file_name || "…"));
}

// Scrolls to a message and lets it light up.
export function show(id) {
  const target = document.querySelector(`[data-id="${Number(id)}"]`);
  target?.scrollIntoView({ block: "center", behavior: "smooth" });
  target?.classList.add("shown");
  setTimeout(() => target?.classList.remove("shown"), 1500);
}

// `plain`: nothing can be replied to or forwarded, as in the chats of business accounts.
export function bubble(bot, message, { own, named, unseen, plain }, actions) {
  if (message.forum_topic_created) {
    return h("div", { class: "service" }, t("topicCreated", { name: message.forum_topic_created.name }));
  }
  const fromBot = message.from.id === bot.id || Boolean(message.sender_business_bot);
  const text = message.text ?? message.caption;
  const tools = h("div", { class: "tools" },
    plain ? null : iconButton("reply", t("reply"), () => actions.reply(message), "small"),
    plain ? null : iconButton("forward", t("forward"), () => actions.forward(message), "small"),
    own && text !== undefined ? iconButton("edit", t("edit"), () => actions.edit(message), "small") : null);
  const content = h("div", { class: "bubble" },
    named ? h("div", { class: `author ink-${Math.abs(message.from.id) % 7}` }, nameOf(message.from),
      fromBot ? h("span", { class: "badge" }, t("bot")) : null) : null,
    message.forward_origin ? h("div", { class: "forwarded" }, t("forwarded")) : null,
    quoted(message, actions),
    attachment(bot, message),
    text ? formatted(text, message.entities || message.caption_entities, actions.command) : null,
    h("div", { class: "meta" },
      message.edit_date ? h("span", {}, t("edited")) : null,
      h("time", {}, clock(message.date))));
  const column = h("div", { class: "column" }, content, keyboard(message, actions),
    unseen ? h("div", { class: "unseen" }, t("notDelivered")) : null);
  return h("div", { class: `message ${own ? "own" : "theirs"}`, "data-id": message.message_id },
    named ? avatar(nameOf(message.from), message.from.id, "small") : null, column, tools);
}

export function draftBubble(draft, actions) {
  const content = draft.text
    ? formatted(draft.text, draft.entities, actions.command)
    : h("div", { class: "text thinking" }, t("thinking"));
  return h("div", { class: "message theirs draft", "data-draft": draft.draft_id },
    h("div", { class: "column" }, h("div", { class: "bubble" }, content)));
}

export const typingBubble = () =>
  h("div", { class: "message theirs typing", "aria-hidden": "true" },
    h("div", { class: "column" }, h("div", { class: "bubble dots" }, h("i"), h("i"), h("i"))));
