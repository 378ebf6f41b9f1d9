// Inline buttons that were pressed and wait for the bot's answer.

const ANSWER_WAIT = 10000; // ms until a pressed button stops waiting

const pressed = new Map();
const answered = new Set();

// `send` tells the server of the press and gives back the query's number.
export async function press(element, send) {
  element.classList.add("waiting");
  setTimeout(() => element.classList.remove("waiting"), ANSWER_WAIT);
  const id = await send();
  if (answered.delete(id)) element.classList.remove("waiting");
  else pressed.set(id, element);
}

export function endPress(id) {
  const element = pressed.get(id);
  if (element) element.classList.remove("waiting");
  else answered.add(id); // faster than the press's own response
  pressed.delete(id);
}
