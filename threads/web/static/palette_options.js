// @ts-check
/** The entries of the search palette: threads, hits in titles and messages, completions, commands. */

import { html, nothing } from "../vendor/lit-html.js";
import { fullTime, shortTime } from "./dates.js";
import { keysText } from "./keys.js";
import { href } from "./router.js";
import { snippetParts } from "./search_query.js";

/** @import { Hit, Thread } from "./types.js" */

/**
 * @typedef {{ label: string, keys?: string, run: () => void }} Command
 * @typedef {object} PaletteOption
 * @property {string} key
 * @property {string} section  Its heading.
 * @property {unknown} body
 * @property {import("./types.js").Route} [route]  What it leads to: it is a link.
 * @property {string} [text]  The search text that it completes to.
 * @property {() => void} [run]
 */

/** @type {Record<string, string>} */
const WRITERS = { user: "You", assistant: "Answer", tool: "Tool", system: "System" };

/** @param {Thread} thread @returns {PaletteOption} */
export function threadOption(thread) {
  return {
    key: `thread ${thread.id}`, section: "Recent", route: { view: "chat", thread: thread.id, message: null },
    body: html`<span class="t" dir="auto">${thread.title}</span>${time(thread.updated_at)}`,
  };
}

/** @param {Hit} hit @param {number} index @returns {PaletteOption} */
export function hitOption({ thread, message, snippet, matches }, index) {
  const marked = snippetParts(snippet, matches).map(({ text, isMatch }) => (isMatch ? html`<mark>${text}</mark>` : text));
  const when = time(message?.created_at ?? thread.updated_at);
  const body = message === null
    ? html`<span class="t" dir="auto">${matches.length > 0 ? marked : thread.title}</span>${when}`
    : html`<span class="t" dir="auto">${thread.title}</span>${when}
      <span class="p"><span class="who">${WRITERS[message.role] ?? message.role}</span> <bdi>${marked}</bdi></span>`;
  return { key: `hit ${index}`, section: "Results", route: { view: "chat", thread: thread.id, message: message?.id ?? null }, body };
}

/** @param {string} text @returns {PaletteOption} */
export function completionOption(text) {
  return { key: `complete ${text}`, section: "Complete", text, body: html`<span class="t" dir="auto">${text.trim()}</span>` };
}

/** @param {Command} command @returns {PaletteOption} */
export function commandOption({ label, keys, run }) {
  const shown = keys === undefined ? nothing : html`<kbd>${keysText(keys)}</kbd>`;
  return { key: `command ${label}`, section: "Commands", run, body: html`<span class="t">${label}</span>${shown}` };
}

/** @param {() => void} run @returns {PaletteOption} */
export function moreOption(run) {
  return { key: "more", section: "Results", run, body: html`<span class="t">More results</span>` };
}

/**
 * Return the element of an entry.
 * @param {PaletteOption} option
 * @param {{ id: string, isActive: boolean, choose: () => void }} state
 */
export function optionElement(option, { id, isActive, choose }) {
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    if (option.route !== undefined && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    choose();
  };
  return option.route === undefined
    ? html`<div role="option" id=${id} class="option" aria-selected=${isActive} @click=${onClick}>${option.body}</div>`
    : html`<a role="option" id=${id} class="option" aria-selected=${isActive} tabindex="-1" href=${href(option.route)} @click=${onClick}>${option.body}</a>`;
}

/** @param {string | null} moment */
function time(moment) {
  return moment === null ? nothing : html`<time datetime=${moment} title=${fullTime(moment)}>${shortTime(moment)}</time>`;
}
