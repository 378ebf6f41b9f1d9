// Markdown as React elements. Raw HTML is never interpreted, pictures from elsewhere are not loaded (they would tell
// their server who reads), addresses other than http(s) and mailto are dropped by react-markdown itself.
import { createElement } from "react";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { Link } from "react-router";

const components = {
  a: ({ href, children }) =>
    href?.startsWith("/documents/")
      ? createElement(Link, { to: href, className: "cited" }, children)
      : createElement("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, children),
  img: ({ alt }) => createElement("span", { className: "muted" }, alt),
};

export function Prose({ text }) {
  return createElement(
    "div",
    { className: "prose" },
    createElement(ReactMarkdown, { remarkPlugins: [remarkGfm], components }, text),
  );
}
