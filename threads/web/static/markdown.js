// @ts-check
/**
 * Markdown as DOM nodes: parsed by marked, sanitized by DOMPurify, code highlighted by highlight.js.
 *
 * Raw HTML is shown as text. Images that are not data of the message become links: the page sends no request
 * that a message names. TeX is shown as it was written.
 */
import { Marked } from "../vendor/marked.js";
import DOMPurify from "../vendor/dompurify.js";
import remend from "../vendor/remend.js";
import { decorateCode } from "./code_block.js";

/** Characters that are parsed as Markdown; a longer message is shown as text. */
export const MARKDOWN_LIMIT = 200_000;
const DATA_IMAGE = /^data:image\/(?:png|jpeg|gif|webp);base64,[a-z0-9+/=\s]*$/i;
const WEB_LINK = /^(?:https?:\/\/|mailto:)/i;
const SANITIZER = {
  ALLOWED_TAGS: [
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "del", "code", "pre", "a", "ul", "ol",
    "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "img", "span", "div", "input",
  ],
  ALLOWED_ATTR: ["href", "title", "class", "src", "alt", "start", "align", "type", "checked", "disabled", "data-language"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:|data:image\/)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** @param {string} text */
function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`);
}

/** @param {string} name @param {"block" | "inline"} level @param {RegExp} pattern @param {RegExp} start */
function texExtension(name, level, pattern, start) {
  return {
    name,
    level,
    start: (/** @type {string} */ source) => {
      const index = source.search(start);
      return index < 0 ? undefined : index;
    },
    tokenizer: (/** @type {string} */ source) => {
      const found = pattern.exec(source);
      return found ? { type: name, raw: found[0], text: found[0].trim() } : undefined;
    },
    renderer: (/** @type {any} */ token) => {
      const text = `<code class="tex">${escapeHtml(token.text)}</code>`;
      return level === "block" ? `<p>${text}</p>\n` : text;
    },
  };
}

const markdown = new Marked({
  gfm: true,
  breaks: true,
  tokenizer: {
    html: () => undefined,
    tag: () => undefined,
  },
  extensions: /** @type {any} */ ([
    texExtension("tex_block", "block", /^(?:\$\$[^]+?\$\$|\\\[[^]+?\\\])[ \t]*(?:\n|$)/, /(?:^|\n)(?:\$\$|\\\[)/),
    texExtension("tex", "inline", /^(?:\$\$[^\n]+?\$\$|\\\([^\n]+?\\\)|\\\[[^\n]+?\\\])/, /\$\$|\\\(|\\\[/),
  ]),
  renderer: {
    html: (/** @type {any} */ token) => escapeHtml(token.text),
    /** @this {any} */
    heading(/** @type {any} */ token) {
      const level = Math.min(token.depth + 1, 6); // the first one is the page's own heading
      return `<h${level}>${this.parser.parseInline(token.tokens)}</h${level}>\n`;
    },
    code: (/** @type {any} */ token) => {
      const language = (token.lang ?? "").trim().split(/[\s,{]/)[0].slice(0, 30);
      return `<pre><code class="language-${escapeHtml(language)}">${escapeHtml(token.text)}</code></pre>\n`;
    },
    image: (/** @type {any} */ token) => {
      const alt = escapeHtml(token.text || token.title || "");
      if (DATA_IMAGE.test(token.href)) return `<img src="${escapeHtml(token.href)}" alt="${alt}">`;
      const label = alt || escapeHtml(token.href);
      return WEB_LINK.test(token.href) ? `<a class="image-link" href="${escapeHtml(token.href)}">${label}</a>` : label;
    },
  },
});

/** @param {string} html @returns {DocumentFragment} */
function sanitize(html) {
  const fragment = /** @type {any} */ (DOMPurify.sanitize(html, SANITIZER));
  for (const link of fragment.querySelectorAll("a")) {
    if (!WEB_LINK.test(link.getAttribute("href") ?? "")) link.removeAttribute("href");
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const box of fragment.querySelectorAll("input")) {
    box.setAttribute("type", "checkbox");
    box.disabled = true;
    box.setAttribute("aria-label", box.checked ? "done" : "open");
  }
  for (const block of fragment.querySelectorAll("p, li, h1, h2, h3, h4, h5, h6, td, th, blockquote")) block.dir = "auto";
  for (const table of fragment.querySelectorAll("table")) {
    const frame = document.createElement("div");
    frame.className = "table-frame";
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Table");
    table.replaceWith(frame);
    frame.append(table);
  }
  fragment.querySelectorAll("pre").forEach(decorateCode);
  return fragment;
}

/** @param {string} text @returns {DocumentFragment} */
function plainText(text) {
  const fragment = document.createDocumentFragment();
  const block = document.createElement("div");
  block.className = "plain-text";
  block.textContent = text;
  fragment.append(block);
  return fragment;
}

/**
 * Return Markdown as nodes. What cannot be parsed is returned as text.
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function renderMarkdown(text) {
  if (text.length > MARKDOWN_LIMIT) return plainText(text);
  try {
    return sanitize(/** @type {string} */ (markdown.parse(text)));
  } catch (error) {
    console.info("Markdown is shown as text:", error);
    return plainText(text);
  }
}

/** Markdown that grows in an element: blocks that can no longer change are rendered once. */
export class MarkdownStream {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.text = "";
    this.settled = 0;
    /** @type {ChildNode[]} */
    this.tail = [];
    this.hasDefinitions = false;
    this.isPlain = false;
  }

  /** Show this text, which continues the one before. @param {string} text */
  update(text) {
    if (!text.startsWith(this.text.slice(0, this.settled))) this.reset();
    this.text = text;
    if (text.length > MARKDOWN_LIMIT || this.isPlain) return this.showPlain();
    try {
      this.renderTail(false);
    } catch (error) {
      console.info("Markdown is shown as text:", error);
      this.showPlain();
    }
  }

  /** Show the whole text, which will not grow. @param {string} text */
  finish(text) {
    if (text === this.text.slice(0, text.length) && !this.hasDefinitions && !this.isPlain && this.settled <= text.length) {
      this.text = text;
      try {
        return this.renderTail(true);
      } catch {
        this.reset();
      }
    }
    this.reset();
    this.text = text;
    this.element.replaceChildren(renderMarkdown(text));
  }

  reset() {
    this.element.replaceChildren();
    this.settled = 0;
    this.tail = [];
    this.hasDefinitions = false;
    this.isPlain = false;
  }

  showPlain() {
    const first = this.element.firstElementChild;
    if (!this.isPlain || !first) {
      this.reset();
      this.element.append(plainText(this.text));
      this.isPlain = true;
      return;
    }
    const node = /** @type {Text} */ (first.firstChild);
    if (this.text.startsWith(node.data)) node.appendData(this.text.slice(node.length));
    else node.data = this.text;
  }

  /** @param {boolean} isComplete */
  renderTail(isComplete) {
    const source = this.text.slice(this.settled).replace(/\r\n?/g, "\n");
    const tokens = markdown.lexer(source);
    this.hasDefinitions ||= tokens.some((token) => token.type === "def");
    let last = tokens.length - 1;
    while (last > 0 && tokens[last]?.type === "space") last -= 1;
    const settled = tokens.slice(0, Math.max(last, 0));
    const length = settled.reduce((sum, token) => sum + token.raw.length, 0);
    for (const node of this.tail) node.remove();
    this.tail = [];
    if (length > 0 && !source.includes("\r") && this.text.slice(this.settled, this.settled + length) === source.slice(0, length)) {
      this.element.append(sanitize(markdown.parser(/** @type {any} */ (settled))));
      this.settled += length;
      this.renderEnd(source.slice(length), isComplete);
    } else {
      this.renderEnd(source, isComplete);
    }
  }

  /** @param {string} source @param {boolean} isComplete */
  renderEnd(source, isComplete) {
    const complete = isComplete ? source : remend(source, { linkMode: "text-only" });
    const fragment = sanitize(/** @type {string} */ (markdown.parse(complete)));
    this.tail = [...fragment.childNodes];
    this.element.append(fragment);
  }
}
