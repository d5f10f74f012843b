// @ts-check
/** Tags as collapsible sections of the sidebar, each with its threads, loaded when it is opened. */

import { html, nothing, repeat } from "../vendor/lit-html.js";
import { get as fetchJson } from "./api.js";
import { toastError } from "./dialogs.js";
import { ThreadList } from "./thread_list.js";
import { threadRow } from "./thread_row.js";
import { follow } from "./thread_updates.js";

/** @import { Thread } from "./types.js" */
/** @import { ThreadListView } from "./thread_list_view.js" */

const STORED = "threads-open-tags";
/** The name under which the whole section is stored; no tag is empty. */
const ALL = "";

export class TagSections {
  /** @param {() => void} update */
  constructor(update) {
    this._update = update;
    /** @type {{ name: string, threads: number }[]} the most used first */
    this.tags = [];
    this._open = new Set(stored());
    /** @type {Map<string, { list: ThreadList, end: () => void }>} */
    this._lists = new Map();
  }

  /** Fetch the tags again; errors are left to the next time. */
  async load() {
    try {
      this.tags = await fetchJson(["tags"]);
    } catch {
      return;
    }
    this._update();
  }

  /** @param {ThreadListView} view whose rows these are */
  render(view) {
    if (this.tags.length === 0) return nothing;
    return html`<details class="tags" ?open=${this._open.has(ALL)} @toggle=${(/** @type {Event} */ event) => this._toggle(event, ALL)}>
      <summary>Tags <span class="count">${this.tags.length}</span></summary>
      ${this._open.has(ALL) ? repeat(this.tags, (tag) => tag.name, (tag) => this._section(tag, view)) : nothing}</details>`;
  }

  /**
   * @param {{ name: string, threads: number }} tag
   * @param {ThreadListView} view
   */
  _section({ name, threads }, view) {
    const isOpen = this._open.has(name);
    return html`<details class="tag-section" ?open=${isOpen} @toggle=${(/** @type {Event} */ event) => this._toggle(event, name)}>
      <summary><bdi>${name}</bdi> <span class="count">${threads}</span></summary>
      ${isOpen ? this._rows(name, view) : nothing}</details>`;
  }

  /**
   * @param {string} name
   * @param {ThreadListView} view
   */
  _rows(name, view) {
    const list = this._listOf(name);
    const scope = `tag ${name}`;
    const shown = list.threads.filter((thread) => thread.tags.includes(name));
    const options = view.rowOptions({ kind: "pinned", size: shown.length, scope });
    const rows = html`<ul aria-label="Tag ${name}" data-scope=${scope}>${repeat(shown, (thread) => thread.id, (thread, index) =>
      threadRow(thread, options(thread, index + 1), view))}</ul>`;
    if (list.error !== null) return html`<p class="list-end" role="alert">${list.error.message}</p>`;
    if (!list.isLoaded) return html`<p class="list-end" role="status">Loading…</p>`;
    return html`${rows}${list.hasMore ? html`<button type="button" class="list-more" @click=${() => list.loadMore()}>Show more</button>` : nothing}`;
  }

  /** @param {string} name */
  _listOf(name) {
    let found = this._lists.get(name);
    if (found === undefined) {
      const list = new ThreadList({ tag: name }, this._update);
      found = { list, end: follow(list) };
      this._lists.set(name, found);
      list.loadMore().catch(toastError);
    }
    return found.list;
  }

  /**
   * @param {Event} event
   * @param {string} name
   */
  _toggle(event, name) {
    const { open } = /** @type {HTMLDetailsElement} */ (event.currentTarget);
    if (event.target !== event.currentTarget || open === this._open.has(name)) return;
    if (open) this._open.add(name);
    else this._open.delete(name);
    if (!open) this._close(name);
    try {
      localStorage.setItem(STORED, JSON.stringify([...this._open]));
    } catch {
      // storage is blocked: it holds for this tab
    }
    this._update();
  }

  /** @param {string} name */
  _close(name) {
    const found = this._lists.get(name);
    found?.end();
    found?.list.close();
    this._lists.delete(name);
  }
}

/** @returns {string[]} */
function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each === "string") : [];
  } catch {
    return [];
  }
}
