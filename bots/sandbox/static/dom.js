// Small helpers. Everything that came from a person, a bot or a model enters the page as text, never as markup.

const ICONS = {
  plus: "M12 5v14M5 12h14",
  send: "M4 12 20 4l-5 16-3.5-6.5zM11.500 13.500 20 4",
  attach: "m20 11-8.5 8.500a5 5 0 0 1-7-7L13 4a3.300 3.300 0 0 1 4.700 4.700l-8.500 8.500a1.700 1.700 0 0 1-2.400-2.400L14.500 7",
  menu: "M4 7h16M4 12h16M4 17h16",
  tools: "M5 6h8M17 6h2M5 12h2M11 12h8M5 18h8M17 18h2M15 4v4M9 10v4M15 16v4",
  copy: "M9 9h10v10H9zM5 15V5h10",
  close: "M6 6l12 12M18 6 6 18",
  slash: "M14 5 10 19M4 4h16v16H4z",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  voice: "M12 4v9M12 17v3M8 10v2a4 4 0 0 0 8 0v-2M9.500 6.500a2.500 2.500 0 0 1 5 0v5a2.500 2.500 0 0 1-5 0z",
  edit: "m5 19 1-4L16 5l3 3L9 18z",
  reply: "M9 7 4 12l5 5M4 12h9a7 7 0 0 1 7 7",
  forward: "m15 7 5 5-5 5M20 12h-9a7 7 0 0 0-7 7",
  block: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM6.500 6.500l11 11",
  group: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19a6 6 0 0 1 12 0M16 5.500a3 3 0 0 1 0 5.500M17.500 14.500A6 6 0 0 1 21 19",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20a7 7 0 0 1 14 0",
  globe: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM4 12h16M12 4c3 3 3 13 0 16M12 4c-3 3-3 13 0 16",
  shop: "M4 9.500 5.500 4h13L20 9.500M4 9.500a2.700 2.700 0 0 0 5.300 0 2.700 2.700 0 0 0 5.400 0 2.700 2.700 0 0 0 5.300 0M5.500 12.500V20h13v-7.500M10 20v-4.500h4V20",
  down: "M12 5v13M6 12l6 6 6-6",
  link: "M8 16 16 8M9 8h7v7",
};

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && name !== "list" && name !== "form") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// Whoever works by keyboard stays where they are: what is drawn anew in the place of the focused element, by its id or
// label, takes the focus over, and in a form that asks for a name what was typed.
export function keepingFocus(draw) {
  const before = document.activeElement;
  const label = before?.getAttribute("aria-label");
  const alike = () => {
    if (before?.id) return [document.getElementById(before.id)];
    return label ? [...document.querySelectorAll(`[aria-label="${CSS.escape(label)}"]`)] : [];
  };
  const index = alike().indexOf(before);
  draw();
  const after = before?.isConnected ? null : alike()[index];
  if (!after) return;
  if (before.closest(".ask") && before.tagName === "INPUT") after.value = before.value;
  after.focus();
}

export const iconButton = (name, label, onclick, extra = "") =>
  h("button", { class: `icon-button ${extra}`, type: "button", title: label, "aria-label": label, onclick }, icon(name));

export function avatar(name, id, extra = "") {
  const letters = [...String(name).trim()].filter((c) => /[\p{L}\p{N}]/u.test(c));
  const second = String(name).trim().split(/\s+/)[1];
  const text = ((letters[0] || "?") + (second ? [...second][0] : "")).toUpperCase();
  return h("span", { class: `avatar hue-${Math.abs(Number(id)) % 7} ${extra}`, "aria-hidden": "true" }, text);
}

export const nameOf = (wire) => wire.title || [wire.first_name, wire.last_name].filter(Boolean).join(" ") || String(wire.id);

export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

export function notice(text, kind = "") {
  const shown = h("div", { class: `notice ${kind}` }, text);
  document.getElementById("notices").append(shown);
  setTimeout(() => shown.remove(), Math.max(3500, text.length * 70));
}

// A button that does its work only when it is pressed twice.
export function confirmButton(label, sure, extra, action) {
  const button = h("button", { class: `button ${extra}`, type: "button" }, label);
  let timer = 0;
  button.addEventListener("click", () => {
    if (timer) {
      clearTimeout(timer);
      action();
      return;
    }
    button.textContent = sure;
    timer = setTimeout(() => {
      timer = 0;
      button.textContent = label;
    }, 4000);
  });
  return button;
}
