// Runs before the first paint: decides the language of who has not chosen one, and says so to the style sheet,
// which hides a page prerendered in the other language until it has switched.
(() => {
  const match = document.cookie.match(/(?:^|; )chatai_language=(en|ru)/);
  let language = match && match[1];
  if (!language) {
    language = (navigator.languages || []).map((tag) => tag.slice(0, 2)).find((tag) => tag === "ru" || tag === "en");
    if (language) document.cookie = `chatai_language=${language}; path=/; max-age=31536000; samesite=lax`;
  }
  if (language) {
    document.documentElement.dataset.want = language;
    document.documentElement.lang = language;
  }
})();
