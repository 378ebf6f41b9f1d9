// Picks or drops several files and sends each to the server with its own progress.
import { createElement, useEffect, useRef, useState } from "react";

const MB = 1024 * 1024;

function send(url, file, onProgress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => resolve({ status: request.status, body: parse(request.responseText) });
    request.onerror = () => resolve({ status: 0, body: null });
    request.open("POST", url);
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function reason({ status, body }, texts) {
  if (status >= 200 && status < 300) return null;
  if (status === 0) return texts.offline;
  if (status === 401) return texts.loggedOut;
  const said = body?.error?.message ?? body?.message ?? body?.detail;
  return typeof said === "string" && said ? said : texts.failed;
}

export function Uploader({ url, accept, maxMb, texts, onUploaded, children }) {
  const [files, setFiles] = useState([]);
  const [over, setOver] = useState(false);
  const picker = useRef(null);
  const mounted = useRef(false);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false; // the files go on to the server; another page has nothing to show of them
    };
  }, []);
  const change = (id, patch) => setFiles((all) => all.map((one) => (one.id === id ? { ...one, ...patch } : one)));

  const take = async (picked) => {
    const rows = [...picked].map((file) => ({ id: crypto.randomUUID?.() ?? `${Math.random()}`, file, part: 0, error: null }));
    setFiles((all) => [...all.filter((one) => one.error), ...rows]);
    for (const row of rows) {
      if (row.file.size > maxMb * MB) {
        change(row.id, { error: texts.tooLarge });
        continue;
      }
      const answer = await send(url, row.file, (part) => change(row.id, { part }));
      const error = reason(answer, texts);
      if (error) change(row.id, { error });
      else setFiles((all) => all.filter((one) => one.id !== row.id));
      if (mounted.current) onUploaded?.();
    }
  };

  const line = (row) =>
    createElement(
      "li",
      { key: row.id, className: "item", role: row.error ? "alert" : undefined },
      createElement(
        "div",
        { className: "grow stack tight" },
        createElement("span", { className: "clip" }, row.file.name),
        row.error
          ? createElement("span", { className: "small", style: { color: "var(--bad-text)" } }, row.error)
          : createElement(
              "div",
              { className: "bar", role: "progressbar", "aria-label": row.file.name, "aria-valuenow": Math.round(row.part * 100) },
              createElement("span", { style: { width: `${row.part * 100}%` } }),
            ),
      ),
      row.error &&
        createElement(
          "button",
          { type: "button", className: "btn ghost small", onClick: () => setFiles((all) => all.filter((one) => one.id !== row.id)) },
          texts.hide,
        ),
    );

  return createElement(
    "div",
    { className: "stack" },
    createElement(
      "div",
      {
        className: over ? "drop over" : "drop",
        onDragOver: (event) => (event.preventDefault(), setOver(true)),
        onDragLeave: () => setOver(false),
        onDrop: (event) => (event.preventDefault(), setOver(false), take(event.dataTransfer.files)),
      },
      children,
      createElement("button", { type: "button", className: "btn primary", onClick: () => picker.current.click() }, texts.pick),
      createElement("input", {
        ref: picker,
        type: "file",
        multiple: true,
        hidden: true,
        accept,
        "aria-label": texts.pick,
        onChange: (event) => {
          take([...event.target.files]);
          event.target.value = "";
        },
      }),
    ),
    files.length > 0 && createElement("ul", { className: "card list" }, files.map(line)),
  );
}
