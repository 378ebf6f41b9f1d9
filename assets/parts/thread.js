// The turns of a conversation. Stays at the newest line while text arrives, unless the reader has scrolled up.
import { createElement, useEffect, useRef } from "react";

export function Thread({ children, ...rest }) {
  const box = useRef(null);
  useEffect(() => {
    const element = box.current;
    let following = true;
    const follow = () => following && (element.scrollTop = element.scrollHeight);
    const notice = () => (following = element.scrollHeight - element.scrollTop - element.clientHeight < 80);
    const watcher = new MutationObserver(follow);
    watcher.observe(element, { childList: true, subtree: true, characterData: true });
    element.addEventListener("scroll", notice, { passive: true });
    follow();
    return () => {
      watcher.disconnect();
      element.removeEventListener("scroll", notice);
    };
  }, []);
  return createElement("div", { ...rest, ref: box }, children);
}
