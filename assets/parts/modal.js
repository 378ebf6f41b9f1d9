// A native modal dialog: the browser keeps the focus inside, closes on Escape and hides the rest from screen readers.
import { createElement, useEffect, useRef } from "react";
import { useLocation } from "react-router";

// A dialog that is there before anybody has touched the page was left open by the page that stood in this tab before.
let touched = false;
if (typeof window !== "undefined") {
  for (const kind of ["click", "keydown"]) addEventListener(kind, () => (touched = true), true);
}
const REFUSED_MS = 1000; // who is still here so long after the dismissal has reasons to stay
const SLOW_MS = 10000; // so long the dismissal may be on its way

export function Modal({ children, onDismiss, waits, ...rest }) {
  const dialog = useRef(null);
  const mounted = useRef(false);
  const left = useRef(-Infinity); // when it was dismissed for having been left
  const dismiss = useRef(onDismiss);
  dismiss.current = onDismiss;
  const { pathname, search } = useLocation();
  const place = useRef(pathname + search);

  function show() {
    const element = dialog.current;
    if (!element || element.open) return;
    element.showModal();
    const first = element.querySelector('[data-first="true"]');
    (first ?? element.querySelector("input:not([type=hidden]), textarea, .row.end .btn"))?.focus(); // not the closing cross
  }

  function leave() {
    left.current = Date.now();
    dismiss.current?.();
    setTimeout(show, REFUSED_MS);
  }

  // Before the dismissal has its effect a quick click may have asked anew, which a second dismissal would undo.
  function leaving() {
    return location.pathname + location.search === place.current && Date.now() - left.current < SLOW_MS;
  }

  useEffect(() => {
    const before = document.activeElement;
    mounted.current = true;
    if (touched || waits) show();
    else leave();
    return () => {
      before?.focus?.();
      mounted.current = false;
      // However it went, what it asked is over: the page was left, say, or has nothing more to ask it about.
      setTimeout(() => mounted.current || waits || leaving() || dismiss.current?.());
    };
  }, []);
  useEffect(() => {
    if (waits || pathname + search === place.current) return;
    place.current = pathname + search;
    dialog.current.close(); // at once: what it asks is about something else than the page shows now
    leave();
  }, [pathname, search]);
  return createElement(
    "dialog",
    {
      ...rest,
      ref: dialog,
      onCancel: (event) => {
        event.preventDefault();
        onDismiss?.(event);
      },
      onMouseDown: (event) => event.target === dialog.current && onDismiss?.(event),
    },
    children,
  );
}
