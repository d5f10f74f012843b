// @ts-check
/** Code in messages: highlighting, a caption with the language, and a button that copies it. */
import DOMPurify from "../vendor/dompurify.js";

/** Characters of code that are highlighted; longer code is shown plain. */
const HIGHLIGHT_LIMIT = 20_000;
const SANITIZER = { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true };
/** @type {import("highlight.js").HLJSApi | null} */
let highlighter = null;

/** Load the highlighter, which only pages that show code need. */
async function loadHighlighter() {
  highlighter ??= (await import("../vendor/highlight.js")).default;
}

/** Highlight code; at once if the highlighter is there. @param {HTMLElement} code @param {string} language */
function highlight(code, language) {
  const text = code.textContent ?? "";
  if (!language || text.length > HIGHLIGHT_LIMIT) return;
  if (!highlighter) {
    loadHighlighter().then(() => highlight(code, language), () => {}); // code without colours is code
    return;
  }
  if (!highlighter.getLanguage(language)) return;
  const { value } = highlighter.highlight(text, { language, ignoreIllegals: true });
  code.replaceChildren(/** @type {any} */ (DOMPurify.sanitize(value, SANITIZER)));
}

/** Add the caption and the copy button to a block of code. @param {HTMLElement} pre */
export function decorateCode(pre) {
  const code = pre.querySelector("code");
  if (!code) return;
  code.dir = "ltr";
  code.tabIndex = 0;
  const language = /language-(\S+)/.exec(code.className)?.[1] ?? "";
  const frame = document.createElement("div");
  frame.className = "code-block";
  const caption = document.createElement("div");
  caption.className = "code-caption";
  const name = document.createElement("span");
  name.textContent = language || "text";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-code";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy code");
  caption.append(name, button);
  pre.replaceWith(frame);
  frame.append(caption, pre);
  highlight(code, language);
}

/**
 * Copy the code whose button was clicked. Return whether the click was on such a button.
 * @param {Event} event
 */
export function handleCopyClick(event) {
  const button = event.target instanceof Element ? event.target.closest(".copy-code") : null;
  if (!(button instanceof HTMLElement)) return false;
  const code = button.closest(".code-block")?.querySelector("code")?.textContent ?? "";
  void copyText(code).then((done) => {
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return true;
}

/**
 * Put a text on the clipboard. Return whether that was possible.
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Browsers offer no clipboard to pages without TLS, as one that a phone opens in the local network. @param {string} text */
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
