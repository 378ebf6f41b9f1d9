// A table as text: pasted, or read from a file that the person chooses. Text files are read right here; with a `url`, an
// XLSX file is sent there and comes back as text. Nothing else is sent before the form is.
import { createElement, useRef, useState } from "react";

// Spreadsheets save UTF-8 or, in Russia often, windows-1251; Excel's "Unicode text" is UTF-16.
function decode(bytes) {
  const start = new Uint8Array(bytes.slice(0, 2));
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff))
    return new TextDecoder(start[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1251").decode(bytes);
  }
}

async function asText(url, file, texts) {
  const form = new FormData();
  form.append("file", file, file.name);
  try {
    const response = await fetch(url, { method: "POST", body: form });
    const body = await response.json();
    return response.ok ? body : { error: body.message || texts.failed };
  } catch {
    return { error: texts.failed };
  }
}

export function TableInput({ name, placeholder, maxBytes, texts, url, value: given = "" }) {
  const [value, setValue] = useState(given);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const area = useRef(null);
  const picker = useRef(null);
  const put = (text) => {
    setValue(text);
    // The browser shows this at the field and does not send the form.
    area.current.setCustomValidity(new TextEncoder().encode(text).length > maxBytes ? texts.tooLarge : "");
  };
  const take = async (file) => {
    if (!file) return;
    setError("");
    if (url && /\.xlsx$|\.xlsm$/i.test(file.name)) {
      setBusy(true);
      const read = await asText(url, file, texts);
      setBusy(false);
      if (read.error) return setError(read.error);
      put(read.table);
      return area.current.reportValidity();
    }
    put(file.size > 4 * maxBytes ? "" : decode(await file.arrayBuffer()));
    if (file.size > 4 * maxBytes) area.current.setCustomValidity(texts.tooLarge);
    area.current.reportValidity();
  };
  return createElement(
    "div",
    { className: "stack tight" },
    createElement("textarea", {
      ref: area,
      id: name,
      name,
      value,
      placeholder,
      required: true,
      spellCheck: false,
      autoComplete: "off",
      rows: 8,
      className: "area code",
      onChange: (event) => put(event.target.value),
    }),
    createElement(
      "div",
      { className: "row tight" },
      createElement(
        "button",
        { type: "button", className: "btn plain small", disabled: busy, onClick: () => picker.current.click() },
        busy ? texts.reading : texts.pick,
      ),
      createElement("input", {
        ref: picker,
        type: "file",
        hidden: true,
        accept: `.csv,.tsv,.txt,text/csv,text/plain${url ? ",.xlsx,.xlsm" : ""}`,
        "aria-label": texts.pick,
        onChange: (event) => {
          take(event.target.files[0]);
          event.target.value = "";
        },
      }),
    ),
    error && createElement("div", { className: "note bad", role: "alert" }, error),
  );
}
