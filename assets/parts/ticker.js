// Asks the server again while something is under way and the page is looked at; nothing keeps running without a page.
import { useEffect, useRef } from "react";

export function Ticker({ interval, onTick }) {
  const latest = useRef(onTick);
  latest.current = onTick;
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && latest.current?.(), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return null;
}
