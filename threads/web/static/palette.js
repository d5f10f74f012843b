// @ts-check
/** The search palette: recent conversations and commands, then hits in titles and messages. */

import { html, nothing, render, repeat } from "../vendor/lit-html.js";
import { get as fetchJson, getPage } from "./api.js";
import { openDialog } from "./dialogs.js";
import { addShortcut, showShortcuts } from "./keys.js";
import { commandOption, completionOption, hitOption, moreOption, optionElement, threadOption } from "./palette_options.js";
import { href, navigate } from "./router.js";
import { OPERATORS, completions } from "./search_query.js";
import { get, watch } from "./store.js";

/** @import { Hit } from "./types.js" */
/** @import { PaletteOption } from "./palette_options.js" */

/** Milliseconds after the last key. */
const DELAY = 120;
const LIMIT = 20;
const RECENT = 8;
/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

/** @type {import("./palette_options.js").Command[]} */
const COMMANDS = [
  { label: "New conversation", keys: "n", run: () => navigate({}) },
  { label: "Archive", run: () => navigate({ view: "archive" }) },
  { label: "Trash", run: () => navigate({ view: "trash" }) },
  { label: "Analytics", run: () => navigate({ view: "analytics" }) },
  { label: "Settings", run: () => navigate({ view: "settings" }) },
  { label: "Keyboard shortcuts", keys: "?", run: () => void showShortcuts() },
];

/** Open the palette; choosing an entry closes it. */
export async function openPalette() {
  if (document.querySelector(".palette-dialog[open]") !== null) return;
  const palette = new Palette();
  const choice = await openDialog({ title: "Search", className: "palette-dialog", content: (close) => palette.mount(close) });
  palette.stop();
  /** @type {PaletteOption | undefined} */
  const option = choice;
  if (option?.route !== undefined) navigate(option.route);
  else option?.run?.();
}

class Palette {
  constructor() {
    this._root = document.createElement("div");
    this._root.className = "palette";
    this._text = "";
    /** @type {Hit[] | null} null before the first response */
    this._hits = null;
    /** @type {Error | null} */
    this._error = null;
    this._isSearching = false;
    this._active = 0;
    /** @type {string | null} */
    this._next = null;
    this._names = { tags: /** @type {string[]} */ ([]), agents: get().agents.map((agent) => agent.id) };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
    this._abort = new AbortController();
    this._unwatch = () => {};
    this._close = (/** @type {PaletteOption | undefined} */ _option) => {};
  }

  /** @param {(option?: PaletteOption) => void} close */
  mount(close) {
    this._close = close;
    this._unwatch = watch((state) => state.threads, () => this._show());
    fetchJson(["tags"]).then((tags) => {
      this._names.tags = tags.map((/** @type {{ name: string }} */ tag) => tag.name);
      this._show();
    }, () => undefined);
    return this._root;
  }

  /** End it: the dialog is closed. */
  stop() {
    this._unwatch();
    this._cancel();
  }

  _cancel() {
    clearTimeout(this._timer);
    this._abort.abort();
  }

  /** @param {string} text */
  _type(text) {
    this._text = text;
    this._active = 0;
    this._cancel();
    this._isSearching = text.trim() !== "";
    if (this._isSearching) this._timer = setTimeout(() => void this._search(null), DELAY);
    else {
      this._hits = null;
      this._error = null;
    }
    this._show();
  }

  /** @param {string | null} cursor */
  async _search(cursor) {
    const { signal } = (this._abort = new AbortController());
    this._isSearching = true;
    try {
      const { items, next } = await getPage(["search"], { text: this._text, cursor, limit: LIMIT, count: false }, { signal });
      if (signal.aborted) return;
      this._hits = cursor === null ? items : [...(this._hits ?? []), ...items];
      this._next = next;
      this._error = null;
    } catch (error) {
      if (signal.aborted) return;
      this._error = error instanceof Error ? error : new Error(String(error));
      if (cursor === null) this._hits = [];
      this._next = null;
    }
    this._isSearching = false;
    this._show();
  }

  /** @returns {PaletteOption[]} */
  _options() {
    const typed = this._text.trim().toLowerCase();
    const commands = COMMANDS.filter(({ label }) => label.toLowerCase().includes(typed)).map(commandOption);
    if (typed === "") return [...recentThreads().map(threadOption), ...commands];
    const completed = completions(this._text, this._names).map(completionOption);
    const more = this._next === null ? [] : [moreOption(() => void this._search(this._next))];
    return [...completed, ...(this._hits ?? []).map(hitOption), ...more, ...commands];
  }

  /** @param {PaletteOption | undefined} option */
  _choose(option) {
    if (option === undefined) return;
    if (option.text !== undefined) {
      this._type(option.text);
      this._input()?.focus();
    } else if (option.key === "more") option.run?.();
    else this._close(option);
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.isComposing) return;
    const options = this._options();
    const step = STEPS[event.key];
    if (step !== undefined && options.length > 0) {
      const next = this._active + step;
      const isWrapped = Math.abs(step) === 1 && (next < 0 || next >= options.length);
      this._active = isWrapped ? (next + options.length) % options.length : Math.max(0, Math.min(options.length - 1, next));
      this._show();
      this._root.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      const option = options[this._active];
      if (option?.route !== undefined && (event.ctrlKey || event.metaKey)) open(href(option.route), "_blank", "noopener");
      else this._choose(option);
    } else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) this._close(undefined);
    else return;
    event.preventDefault();
  }

  _show() {
    const options = this._options();
    this._active = Math.max(0, Math.min(this._active, options.length - 1));
    const sections = [...new Set(options.map((option) => option.section))];
    const numbered = [...options.entries()];
    render(html`
      <input type="text" autofocus role="combobox" aria-label="Search conversations and commands" autocomplete="off" spellcheck="false"
        aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" enterkeyhint="search" maxlength="1000"
        aria-activedescendant=${options.length > 0 ? `palette-${this._active}` : nothing} placeholder="Search conversations"
        .value=${this._text} @keydown=${(/** @type {KeyboardEvent} */ event) => this._onKey(event)}
        @input=${(/** @type {Event & { target: HTMLInputElement }} */ event) => this._type(event.target.value)}>
      <div id="palette-list" role="listbox" aria-label="Entries" tabindex="-1">
        ${sections.map((section) => html`<div role="group" aria-label=${section}><div class="palette-section" aria-hidden="true">${section}</div>
          ${repeat(numbered.filter(([, option]) => option.section === section), ([, option]) => option.key, ([index, option]) =>
            optionElement(option, { id: `palette-${index}`, isActive: index === this._active, choose: () => this._choose(option) }))}</div>`)}
      </div>
      ${this._status(options.length)}
      <div class="palette-foot" role="group" aria-label="Operators">${OPERATORS.map(({ operator, example, help }) => html`
        <button type="button" class="chip" title="${help}, such as ${example}" @click=${() => this._insert(operator)}>${operator}</button>`)}</div>`, this._root);
  }

  /** @param {number} shown */
  _status(shown) {
    if (this._error !== null) return html`<p class="palette-status bad" role="alert">${this._error.message}</p>`;
    const count = this._hits?.length ?? 0;
    if (this._text.trim() === "") return html`<p class="visually-hidden" role="status">${shown} entries</p>`;
    if (this._isSearching && count === 0) return html`<p class="palette-status" role="status">Searching…</p>`;
    if (count === 0) {
      return html`<p class="palette-status" role="status">No conversation matches. A word matches where a word begins with it; words in quotes stand in a row.</p>`;
    }
    return html`<p class="visually-hidden" role="status">${count}${this._next === null ? "" : " or more"} results</p>`;
  }

  /** @param {string} operator */
  _insert(operator) {
    this._type(`${this._text}${this._text === "" || this._text.endsWith(" ") ? "" : " "}${operator}`);
    this._input()?.focus();
  }

  _input() {
    return this._root.querySelector("input");
  }
}

/** The threads in sight that were used last. */
function recentThreads() {
  const inSight = [...get().threads.values()].filter((thread) => !thread.archived && thread.trashed_at === null);
  return inSight.toSorted((a, b) => ((a.updated_at ?? "") < (b.updated_at ?? "") ? 1 : -1)).slice(0, RECENT);
}

/** @param {HTMLElement} root */
export function mountPalette(root) {
  void root; // a dialog has a place of its own
  addShortcut({ keys: "mod+k", label: "Search", group: "General", inText: true, run: () => void openPalette() });
}
