// A table as text: pasted, or read from a file that the person chooses. Nothing is sent before the form is.
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

export function TableInput({ name, placeholder, maxBytes, texts }) {
  const [value, setValue] = useState("");
  const area = useRef(null);
  const picker = useRef(null);
  const put = (text) => {
    setValue(text);
    // The browser shows this at the field and does not send the form.
    area.current.setCustomValidity(new TextEncoder().encode(text).length > maxBytes ? texts.tooLarge : "");
  };
  const take = async (file) => {
    if (!file) return;
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
      null,
      createElement(
        "button",
        { type: "button", className: "btn plain small", onClick: () => picker.current.click() },
        texts.pick,
      ),
      createElement("input", {
        ref: picker,
        type: "file",
        hidden: true,
        accept: ".csv,.tsv,.txt,text/csv,text/plain",
        "aria-label": texts.pick,
        onChange: (event) => {
          take(event.target.files[0]);
          event.target.value = "";
        },
      }),
    ),
  );
}
