// A page of a PDF as it looks, drawn by pdf.js, with its text over it to select, and the cited passage marked.
// pdf.js is loaded when the first such page is looked at. Where it can't show the file, the page's text stands here.
import { ChevronLeft, ChevronRight, ZoomIn, ZoomOut } from "lucide-react";
import { createElement as h, useEffect, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { placesOf } from "./pdf-marks.js";

const ACTUAL = 96 / 72; // CSS pixels a point at 100 %
const STEPS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const MOST_PIXELS = 16_000_000; // of a canvas: phones give no more
const MOST_IMAGE_PIXELS = 100_000_000; // of a picture in the file
const RANGE = 262_144; // bytes fetched at once: only what the page needs comes
const JUMP_FROM = 5; // pages

function open(engine, url) {
  const task = import(/* @vite-ignore */ `${engine}pdf.js`).then((pdfjs) => {
    pdfjs.GlobalWorkerOptions.workerSrc = `${engine}pdf.worker.js`;
    const loading = pdfjs.getDocument({
      url,
      cMapUrl: `${engine}cmaps/`,
      standardFontDataUrl: `${engine}standard_fonts/`,
      wasmUrl: `${engine}wasm/`,
      useWasm: false, // the content security policy has no WebAssembly
      useWorkerFetch: false, // nor may the worker fetch anything
      isEvalSupported: false,
      verbosity: 0, // errors alone: many files have small faults
      enableXfa: false,
      disableWorkerRendering: true,
      disableAutoFetch: true,
      disableStream: true,
      rangeChunkSize: RANGE,
      maxImageSize: MOST_IMAGE_PIXELS,
    });
    return { pdfjs, loading };
  });
  return {
    ready: task.then(async ({ pdfjs, loading }) => ({ pdfjs, file: await loading.promise })),
    close: () => task.then(({ loading }) => loading.destroy()).catch(() => {}),
  };
}

// Draws a page into `sheet`. Returns what stops it, and a promise of whether the passage was found (null: none asked).
function draw({ pdfjs, file }, number, width, zoom, sheet, passage) {
  const running = [];
  let stopped = false;
  const done = (async () => {
    const page = await file.getPage(number);
    const natural = page.getViewport({ scale: 1 });
    const scale = zoom ? zoom * ACTUAL : Math.min(width / natural.width, STEPS.at(-1) * ACTUAL);
    const viewport = page.getViewport({ scale });
    const [wide, high] = [Math.floor(viewport.width), Math.floor(viewport.height)];
    const sharp = Math.min(window.devicePixelRatio || 1, 3, Math.sqrt(MOST_PIXELS / (wide * high)));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.floor(wide * sharp));
    canvas.height = Math.max(1, Math.floor(high * sharp));
    canvas.setAttribute("aria-hidden", "true");
    if (stopped) return null;
    const drawing = page.render({ canvas, viewport, transform: [sharp, 0, 0, sharp, 0, 0] });
    running.push(drawing);
    await drawing.promise;
    if (stopped) return null;
    const layer = document.createElement("div");
    layer.className = "pdf-text";
    const text = new pdfjs.TextLayer({ textContentSource: await page.getTextContent(), container: layer, viewport });
    running.push(text);
    sheet.style.width = `${wide}px`;
    sheet.style.height = `${high}px`;
    sheet.style.setProperty("--total-scale-factor", scale);
    sheet.replaceChildren(canvas, layer); // in one go, so that nothing flickers
    await text.render();
    if (stopped) return null;
    return { scale, found: passage.text ? mark(text, passage) : null };
  })();
  const stop = () => {
    stopped = true;
    for (const one of running) one.cancel();
  };
  return { done, stop };
}

function mark(layer, { before, text, after }) {
  const places = placesOf(layer.textContentItemsStr, before, text, after);
  if (!places) return false;
  let first = true;
  for (const [number, parts] of places) {
    const piece = layer.textDivs[number];
    const content = piece.textContent;
    const children = [];
    let at = 0;
    for (const [start, end] of parts) {
      const made = document.createElement("mark");
      made.textContent = content.slice(start, end);
      if (first) made.id = "passage";
      first = false;
      children.push(content.slice(at, start), made);
      at = end;
    }
    piece.replaceChildren(...children, content.slice(at));
  }
  return true;
}

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog");

export function PdfPage({ engine, url, address, number, before, passage, after, place, texts, children }) {
  const [opened, setOpened] = useState(null);
  const [failed, setFailed] = useState(false);
  const [width, setWidth] = useState(0);
  const [zoom, setZoom] = useState(0); // 0: as wide as there is room
  const [shown, setShown] = useState(null); // {place, scale, found}
  const frame = useRef(null);
  const sheet = useRef(null);
  const seen = useRef("");
  const navigate = useNavigate();
  const pages = opened?.file.numPages ?? 0;
  const to = (page) => `${address}?view=page&page=${page}`;

  useEffect(() => {
    let gone = false;
    setOpened(null);
    setFailed(false);
    setShown(null);
    const opening = open(engine, url);
    opening.ready.then(
      (result) => gone || setOpened(result),
      (reason) => gone || (console.warn("pdf:", reason?.name, reason?.message), setFailed(true)),
    );
    return () => {
      gone = true;
      opening.close();
    };
  }, [engine, url]);

  useEffect(() => {
    if (!frame.current) return undefined;
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    watcher.observe(frame.current);
    return () => watcher.disconnect();
  }, [failed]);

  useEffect(() => {
    if (!opened || !width || !sheet.current) return undefined;
    let gone = false;
    const drawing = draw(opened, number, width, zoom, sheet.current, { before, text: passage, after });
    drawing.done.then(
      (result) => !gone && result && setShown({ place, ...result }),
      (reason) => gone || (console.warn("pdf:", reason?.name, reason?.message), setFailed(true)),
    );
    return () => {
      gone = true;
      drawing.stop();
    };
  }, [opened, number, width, zoom, place, before, passage, after]);

  // Each passage, or page, comes into view once: not again when the reader zooms.
  useEffect(() => {
    if (!shown || shown.place !== place || seen.current === place) return;
    const marked = sheet.current?.querySelector("mark");
    if (marked) marked.scrollIntoView({ block: "center", inline: "nearest" });
    else if (seen.current) frame.current?.parentElement.scrollIntoView({ block: "nearest" });
    seen.current = place;
  }, [shown, place]);

  const step = (by) => {
    const present = zoom || (shown?.scale ?? ACTUAL) / ACTUAL;
    const next = by > 0 ? STEPS.find((one) => one > present + 0.01) : [...STEPS].reverse().find((one) => one < present - 0.01);
    if (next) setZoom(next);
  };

  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || event.defaultPrevented) return;
      const wider = frame.current && frame.current.scrollWidth > frame.current.clientWidth + 1;
      if (wider && frame.current.contains(event.target) && event.key.startsWith("Arrow")) return; // it scrolls then
      if (event.key === "ArrowLeft" && number > 1) navigate(to(number - 1));
      else if (event.key === "ArrowRight" && number < pages) navigate(to(number + 1));
      else if (event.key === "+" || event.key === "=") step(1);
      else if (event.key === "-") step(-1);
      else if (event.key === "0") setZoom(0);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });

  if (failed)
    return h("div", { className: "stack" }, h("p", { className: "note warn", role: "status" }, texts.failed), children);

  const arrow = (label, symbol, page, possible) =>
    possible
      ? h(Link, { to: to(page), className: "btn icon plain small", "aria-label": label, title: label }, h(symbol, { size: 18 }))
      : h("span", { className: "btn icon plain small", "aria-disabled": "true", "aria-hidden": "true" }, h(symbol, { size: 18 }));
  const press = (label, content, onClick, rest) =>
    h("button", { type: "button", className: "btn plain small", "aria-label": label, title: label, onClick, ...rest }, content);
  const jump = (event) => {
    event.preventDefault();
    const page = Number(new FormData(event.target).get("page"));
    if (page >= 1 && page <= pages && page !== number) navigate(to(page));
  };
  const pager = h(
    "nav",
    { className: "row tight" },
    arrow(texts.previous, ChevronLeft, number - 1, number > 1),
    h("span", { className: "small muted" }, texts.pageOf.replace("{number}", number).replace("{all}", pages || "…")),
    arrow(texts.next, ChevronRight, number + 1, number < pages),
    pages > JUMP_FROM &&
      h(
        "form",
        { onSubmit: jump, key: number },
        h("input", {
          className: "input pdf-jump", name: "page", type: "number", min: 1, max: pages, defaultValue: number,
          "aria-label": texts.goTo, title: texts.goTo,
        }),
      ),
  );
  const zooming = h(
    "div",
    { className: "row tight", role: "group", "aria-label": texts.zoom },
    press(texts.smaller, h(ZoomOut, { size: 17 }), () => step(-1), { className: "btn icon plain small" }),
    press(texts.fit, shown ? `${Math.round((shown.scale / ACTUAL) * 100)} %` : "–", () => setZoom(0), {
      "aria-pressed": zoom === 0,
      className: "btn plain small pdf-zoom",
    }),
    press(texts.larger, h(ZoomIn, { size: 17 }), () => step(1), { className: "btn icon plain small" }),
  );
  const current = shown?.place === place;
  return h(
    "section",
    { className: "stack tight pdf", "aria-label": texts.region, "aria-busy": !current },
    h("div", { className: "row between pdf-bar" }, pager, zooming),
    current &&
      shown.found === false &&
      h(
        "p",
        { className: "small muted", role: "status" },
        texts.unmarked,
        " ",
        h(Link, { to: `${address}?${texts.textQuery}` }, texts.asText),
      ),
    h(
      "div",
      { className: "pdf-frame", ref: frame, tabIndex: 0 },
      h("div", { className: current ? "pdf-sheet" : "pdf-sheet waiting", ref: sheet, "data-page": current ? number : "" }),
    ),
    h("div", { className: "row between" }, pager),
  );
}
