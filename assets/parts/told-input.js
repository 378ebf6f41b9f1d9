// A field of a form that takes what the page is told after it was shown, unless somebody has written into it by then:
// a person, or the browser's own memory.
import { createElement, useEffect, useRef } from "react";

export function ToldInput({ name, type, autoComplete, told }) {
  const field = useRef(null);
  const before = useRef("");
  useEffect(() => {
    if (field.current.value === before.current) field.current.value = told;
    before.current = told;
  }, [told]);
  return createElement("input", { ref: field, id: name, name, type, autoComplete, required: true, className: "input" });
}
