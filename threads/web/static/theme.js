/** The theme of the reader, set before the first paint; a classic script, because modules run after it. */
(() => {
  let theme = null;
  try {
    theme = JSON.parse(localStorage.getItem("threads-settings") ?? "{}").theme;
  } catch {
    // storage is blocked, or holds something else: the system's theme
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
