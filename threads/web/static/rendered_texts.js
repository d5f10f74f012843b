// @ts-check
/** The rendered Markdown of messages, so that each text is parsed once, and a streamed one stays where it is. */
import { MARKDOWN_LIMIT, MarkdownStream } from "./markdown.js";

/** Characters of a message that are shown before the reader asks for the rest. */
const SHOWN_LIMIT = MARKDOWN_LIMIT;

/** @typedef {{element: HTMLElement, stream: MarkdownStream, text: string, isLive: boolean}} RenderedText */

export class RenderedTexts {
  constructor() {
    /** @type {Map<string, RenderedText>} */
    this.byKey = new Map();
    /** @type {Set<string>} */
    this.unfolded = new Set();
  }

  /**
   * Return the element that shows a text.
   * @param {string} key
   * @param {string} text
   * @param {boolean} isLive Whether the text still grows.
   */
  elementOf(key, text, isLive = false) {
    const entry = this.byKey.get(key) ?? this.create(key);
    if (entry.text === text && entry.isLive === isLive) return entry.element;
    entry.text = text;
    entry.isLive = isLive;
    const shown = this.isCut(key, text) ? text.slice(0, SHOWN_LIMIT) : text;
    if (isLive) entry.stream.update(shown);
    else entry.stream.finish(shown);
    return entry.element;
  }

  /** @param {string} key @param {string} text */
  isCut(key, text) {
    return text.length > SHOWN_LIMIT && !this.unfolded.has(key);
  }

  /** Show the whole of a long text. @param {string} key */
  unfold(key) {
    this.unfolded.add(key);
    const entry = this.byKey.get(key);
    if (entry) entry.text = "";
  }

  /** @param {string} key @returns {RenderedText} */
  create(key) {
    const element = document.createElement("div");
    element.className = "markdown";
    element.dir = "auto";
    const entry = { element, stream: new MarkdownStream(element), text: "", isLive: false };
    this.byKey.set(key, entry);
    return entry;
  }

  clear() {
    this.byKey.clear();
    this.unfolded.clear();
  }
}
