// The control API. A refusal becomes a notice with its reason and an exception.

import { notice } from "./dom.js";
import { t } from "./texts.js";

async function request(method, path, values) {
  const form = values instanceof FormData;
  let answer;
  try {
    answer = await fetch(`/sandbox${path}`, {
      method,
      headers: values && !form ? { "Content-Type": "application/json" } : {},
      body: values && !form ? JSON.stringify(values) : values,
    });
  } catch (error) {
    notice(t("offline"), "bad");
    throw error;
  }
  const body = await answer.json();
  if (!answer.ok) {
    notice(body.error, "bad");
    throw new Error(body.error);
  }
  return body;
}

export const get = (path) => request("GET", path);
export const post = (path, values = {}) => request("POST", path, values);
export const put = (path, values) => request("PUT", path, values);
export const patch = (path, values) => request("PATCH", path, values);
export const remove = (path) => request("DELETE", path);

export async function quiet(path) {
  const answer = await fetch(`/sandbox${path}`);
  return answer.ok ? answer.json() : null;
}
