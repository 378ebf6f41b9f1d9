// On the right: trouble on demand, the log of the bot's calls, and the bot's own settings.

import * as api from "./api.js";
import { confirmButton, h, iconButton } from "./dom.js";
import { tokenRow } from "./sidebar.js";
import { t } from "./texts.js";

const KINDS = {
  429: { text: "kind429", values: { status: 429 }, needs: "retry_after" },
  401: { text: "kind401", values: { status: 401 } },
  403: { text: "kind403", values: { status: 403 } },
  409: { text: "kind409", values: { status: 409 } },
  500: { text: "kind500", values: { status: 500 } },
  502: { text: "kind502", values: { status: 502 } },
  delay: { text: "kindDelay", values: {}, needs: "delay_ms" },
  before: { text: "kindBefore", values: { reset: "before" } },
  after: { text: "kindAfter", values: { reset: "after" } },
};
const METHODS = ["sendMessage", "editMessageText", "sendMessageDraft", "sendChatAction", "getUpdates", "getMe", "setWebhook", "getFile"];
const TABS = ["trouble", "calls", "settings"];
const SHOWN_CALLS = 150;

const labelled = (text, control) => h("label", { class: "field" }, h("span", {}, text), control);

function kindOf(fault) {
  if (fault.status) return t(KINDS[fault.status]?.text ?? "kind500").replace(/^\d+/, fault.status);
  return t(fault.reset ? KINDS[fault.reset].text : "kindDelay");
}

function faultForm(state, actions) {
  const kind = h("select", { class: "input" }, Object.entries(KINDS).map(([key, value]) => h("option", { value: key }, t(value.text))));
  const number = h("input", { class: "input", type: "number", min: 1, value: 5 });
  const numberText = h("span", {}, t("retryAfter"));
  const numberField = h("label", { class: "field" }, numberText, number);
  const times = h("input", { class: "input", type: "number", min: 1, value: 1, placeholder: t("unlimited") });
  const method = h("select", { class: "input" }, h("option", { value: "" }, t("allMethods")), METHODS.map((name) => h("option", {}, name)));
  const whose = h("select", { class: "input" }, h("option", { value: "this" }, t("thisBot")), h("option", { value: "" }, t("allBots")));
  kind.value = "429";
  method.value = "sendMessage";
  kind.addEventListener("change", () => {
    const needs = KINDS[kind.value].needs;
    numberField.hidden = !needs;
    numberText.textContent = t(needs === "delay_ms" ? "delay" : "retryAfter");
    number.value = needs === "delay_ms" ? 2000 : 5;
  });
  return h("form", {
    class: "form",
    onsubmit: async (event) => {
      event.preventDefault();
      const chosen = KINDS[kind.value];
      const values = { ...chosen.values };
      if (chosen.needs) values[chosen.needs] = Number(number.value);
      if (times.value) values.times = Number(times.value);
      if (method.value) values.methods = [method.value];
      if (whose.value) values.bot_id = state.bot.id;
      await api.post("/faults", values);
      actions.loadFaults();
    },
  },
  labelled(t("kind"), kind), numberField, labelled(t("times"), times), labelled(t("methods"), method), labelled(t("whose"), whose),
  h("button", { class: "button primary wide", type: "submit" }, t("addFault")));
}

// Apart from the form above it, so that a half-filled form stays as it is.
export function drawFaults(list, state, actions) {
  if (!state.faults.length) {
    list.replaceChildren(h("li", { class: "hint" }, t("noFaults")));
    return;
  }
  list.replaceChildren(...state.faults.map((fault) => h("li", { class: "fault" },
    h("div", {},
      h("strong", {}, kindOf(fault)),
      h("span", { class: "hint" }, [
        fault.methods.length ? fault.methods.join(", ") : t("allMethods"),
        fault.bot_id ? t("thisBot") : t("allBots"),
        fault.remaining === null ? t("unlimited") : t("left", { count: fault.remaining }),
      ].join(" · "))),
    iconButton("close", t("remove"), async () => { await api.remove(`/faults/${fault.id}`); actions.loadFaults(); }, "small"))));
}

function trouble(state, actions) {
  const limits = h("input", {
    type: "checkbox", role: "switch", id: "limits", checked: state.limits?.enforced,
    onchange: async (event) => { state.limits = await api.put("/limits", { enforced: event.target.checked }); },
  });
  return [
    h("p", { class: "hint" }, t("troubleText")),
    faultForm(state, actions),
    h("h3", {}, t("activeFaults")),
    h("ul", { class: "faults", id: "faults" }),
    h("label", { class: "switch" }, limits, h("span", {}, h("strong", {}, t("limits")), h("span", { class: "hint" }, t("limitsText")))),
  ];
}

function callLine(call) {
  const kind = call.broken ? "bad" : call.ok ? "good" : call.status === 429 ? "warn" : "bad";
  const at = new Date(call.time * 1000).toLocaleTimeString([], { hour12: false });
  return h("details", { class: "call" },
    h("summary", {},
      h("span", { class: `status ${kind}` }, call.broken ? "RST" : String(call.status)),
      h("span", { class: "call-method" }, call.method),
      h("span", { class: "call-time" }, `${at} · ${call.duration_ms} ms`)),
    call.description ? h("p", { class: "call-error" }, call.description) : null,
    h("pre", { class: "call-parameters" }, JSON.stringify(call.parameters, null, 2)));
}

export function drawCalls(list, calls) {
  list.replaceChildren(...(calls.length ? calls.slice(-SHOWN_CALLS).reverse().map(callLine) : [h("p", { class: "hint" }, t("noCalls"))]));
}

export function addCall(list, call) {
  list.querySelector(".hint")?.remove();
  list.prepend(callLine(call));
  while (list.children.length > SHOWN_CALLS) list.lastElementChild.remove();
}

function settings(state, actions) {
  const bot = state.bot;
  const privacy = h("input", {
    type: "checkbox", role: "switch", checked: bot.privacy,
    onchange: (event) => api.patch(`/bots/${bot.id}`, { privacy: event.target.checked }),
  });
  return [
    h("div", { class: "bot-card" }, h("strong", {}, bot.name), h("span", { class: "hint" }, `@${bot.username}`),
      bot.description ? h("p", {}, bot.description) : null, h("h3", {}, t("token")), tokenRow(bot)),
    h("label", { class: "switch" }, privacy, h("span", {}, h("strong", {}, t("privacy")), h("span", { class: "hint" }, t("privacyText")))),
    confirmButton(t("revoke"), t("sure"), "wide", actions.revoke), h("p", { class: "hint" }, t("revokeText")),
    confirmButton(t("deleteBot"), t("sure"), "danger wide", actions.deleteBot), h("p", { class: "hint" }, t("deleteText")),
  ];
}

export function drawPanel(root, state, actions) {
  if (!state.bot) {
    root.replaceChildren();
    return;
  }
  const calls = h("div", { class: "calls", id: "calls" });
  const content = { trouble: () => trouble(state, actions), calls: () => [calls], settings: () => settings(state, actions) };
  root.replaceChildren(
    h("div", { class: "tabs", role: "tablist" },
      TABS.map((name) => h("button", {
        class: `tab ${state.tab === name ? "selected" : ""}`, type: "button", role: "tab", "aria-selected": String(state.tab === name),
        onclick: () => { state.tab = name; drawPanel(root, state, actions); },
      }, t(name))),
      iconButton("close", t("close"), actions.closeDrawers, "drawer-only small")),
    h("div", { class: "panel-body" }, content[state.tab]()));
  if (state.tab === "calls") drawCalls(calls, state.calls);
  if (state.tab === "trouble") drawFaults(document.getElementById("faults"), state, actions);
}
