// The marked passage of a page. It comes into view by itself, also when the next citation opens the same page.
import { createElement, useEffect, useRef } from "react";

export function Passage({ children, place }) {
  const mark = useRef(null);
  useEffect(() => {
    mark.current?.scrollIntoView({ block: "center" }); // its result (a promise in new browsers) is no clean-up
  }, [place]);
  return createElement("mark", { ref: mark, id: "passage", tabIndex: -1 }, children);
}
