// A native modal dialog: the browser keeps the focus inside, closes on Escape and hides the rest from screen readers.
import { createElement, useEffect, useLayoutEffect, useRef } from "react";

export function Modal({ children, onDismiss, ...rest }) {
  const dialog = useRef(null);
  const closed = useRef(onDismiss);
  closed.current = onDismiss;
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element.showModal();
    const first = element.querySelector('[data-first="true"]');
    (first ?? element.querySelector("input:not([type=hidden]), textarea, .row.end .btn"))?.focus(); // not the closing cross
    return () => before?.focus?.();
  }, []);
  useLayoutEffect(() => {
    // Not the passive effect above: that one may end when the person is on the way back already.
    const opened = location.href;
    return () => {
      if (location.href !== opened) closed.current?.(); // the page was left: the dialog does not wait there
    };
  }, []);
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
