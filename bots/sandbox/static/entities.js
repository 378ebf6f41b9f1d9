// Formatted text as DOM nodes. Offsets are UTF-16 code units, which is what JavaScript strings count.

import { h } from "./dom.js";

const SIMPLE = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
};
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
const LINK = /^(https?|tg):\/\//i;

function wrap(entity, text, children, onCommand) {
  if (SIMPLE[entity.type]) return h(SIMPLE[entity.type], {}, children);
  switch (entity.type) {
    case "pre": {
      const label = entity.language ? h("span", { class: "pre-language" }, entity.language) : null;
      return h("pre", {}, label, h("code", {}, children));
    }
    case "blockquote":
      return h("blockquote", {}, children);
    case "expandable_blockquote":
      return h("blockquote", { class: "expandable", onclick: (event) => event.currentTarget.classList.toggle("open") }, children);
    case "spoiler":
      return h("span", { class: "spoiler", onclick: (event) => event.currentTarget.classList.add("open") }, children);
    case "text_link":
      return link(entity.url, children);
    case "url":
      return link(LINK.test(text) ? text : `https://${text}`, children);
    case "email":
      return h("a", { href: `mailto:${text}` }, children);
    case "bot_command":
      return h("button", { class: "command", type: "button", onclick: () => onCommand(text) }, children);
    default:
      return h("span", { class: "mention" }, children);
  }
}

function link(url, children) {
  if (!LINK.test(url)) return h("span", {}, children);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, children);
}

// Entities are sorted by offset, the longer first; those that cross an open one are cut at its end.
function build(text, entities, from, to, onCommand) {
  const nodes = [];
  let place = from;
  for (let index = 0; index < entities.length; index++) {
    const entity = entities[index];
    const begin = Math.max(entity.offset, place);
    const end = Math.min(entity.offset + entity.length, to);
    if (begin >= end) continue;
    if (begin > place) nodes.push(text.slice(place, begin));
    const inner = [];
    while (index + 1 < entities.length && entities[index + 1].offset < end) inner.push(entities[++index]);
    nodes.push(wrap(entity, text.slice(begin, end), build(text, inner, begin, end, onCommand), onCommand));
    place = end;
    if (BLOCKS.has(entity.type) && text[place] === "\n" && place < to) place++; // the block itself breaks the line
  }
  if (place < to) nodes.push(text.slice(place, to));
  return nodes;
}

export function formatted(text, entities, onCommand) {
  const sorted = [...(entities || [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return h("div", { class: "text" }, build(text, sorted, 0, text.length, onCommand));
}
