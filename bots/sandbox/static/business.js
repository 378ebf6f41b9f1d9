// Business accounts: their owners connect the bot, customers write to them.

import * as api from "./api.js";
import { account, path, state, unusedNumber } from "./state.js";

// Who writes to an account that nobody has written to yet: the person at hand, unless it is the owner.
function firstCustomer(owner) {
  const known = [state.personId, ...state.people.map((person) => person.id)];
  return known.find((id) => id !== owner.id) ?? unusedNumber();
}

// In the account's own chat the owner writes, too.
function writing(values) {
  const owner = account().user;
  return { ...values, from: state.chatId, ...(state.personId === owner.id ? { by_owner: true } : {}) };
}

export async function writeToAccount(values) {
  const form = new FormData();
  for (const [name, value] of Object.entries(writing(values))) form.append(name, value);
  await api.post(path(`/business/${state.connection}/messages`), form);
}

export function accountActions({ redraw, loadChats, openChat }) {
  async function begin(chatId, connection) {
    await loadChats();
    await openChat(chatId, connection);
    document.getElementById("compose-text")?.focus();
  }
  return {
    async connectAccount(name) {
      state.asking = "";
      if (!name) return redraw();
      const made = await api.post(path("/business"), { from: { id: unusedNumber(), first_name: name } });
      return begin(firstCustomer(made.user), made.id);
    },
    async createCustomer(name, connection) {
      state.asking = "";
      if (!name) return redraw();
      const { id } = await api.post("/people", { id: unusedNumber(), first_name: name });
      return begin(id, connection);
    },
    openAccount: (item) => openChat(item.chats[0]?.chat.id ?? firstCustomer(item.user), item.id),
    async toggleAccount() {
      const { user, rights, is_enabled: enabled } = account();
      await api.post(path("/business"), { from: user.id, can_reply: Boolean(rights.can_reply), enabled: !enabled });
      await loadChats();
      redraw();
    },
  };
}
