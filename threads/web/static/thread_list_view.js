// @ts-check
/**
 * A scrolling list of threads, of which only the rows in view are rendered: groups, focus by arrow keys,
 * renaming in place, selection. The sidebar, the archive and the trash are each one of these.
 */

import { html, nothing, repeat } from "../vendor/lit-html.js";
import { ListFocus, rowPlace, stepFocus } from "./list_focus.js";
import { firstInView, rowOffset, sliceGroups } from "./list_window.js";
import { Selection } from "./selection.js";
import { get } from "./store.js";
import { renameThread } from "./thread_actions.js";
import { groupThreads } from "./thread_groups.js";
import { threadRow } from "./thread_row.js";
import { unreadCount } from "./unread.js";

/** @import { Thread } from "./types.js" */
/** @import { ThreadList } from "./thread_list.js" */
/** @import { ThreadGroup } from "./thread_groups.js" */

/**
 * @typedef {object} ListPlace
 * @property {"sidebar" | "archive" | "trash"} name
 * @property {(view: ThreadListView, threads: readonly Thread[], anchor: HTMLElement) => void} openMenu
 * @property {(view: ThreadListView, threads: readonly Thread[], key: string) => boolean} onKey  Whether a key on a row did something.
 * @property {(thread: Thread) => boolean} [filter]  What the server cannot filter by.
 * @property {() => unknown} empty  Shown where there are no threads.
 */

/** Heights of the style sheet, in rem. */
const ROW = 3.75;
const HEADING = 2.125;
/** Rows from the end at which the next page is loaded. */
const NEAR_END = 15;

export class ThreadListView {
  /**
   * @param {ThreadList} list
   * @param {ListPlace} place
   * @param {() => void} update
   */
  constructor(list, place, update) {
    this.list = list;
    this.place = place;
    this.selection = new Selection();
    this.focusKeeper = new ListFocus();
    /** @type {ThreadGroup<Thread>[]} */
    this.groups = [];
    this._update = update;
    /** @type {{ id: string, scope: string, draft: string } | null} */
    this._editing = null;
    this._top = 0;
    this._height = 800;
    /** Pixels from the top of what scrolls to the first group. */
    this._inset = 0;
    /** @type {HTMLElement | null} */
    this._scroller = null;
    this._resized = new ResizeObserver(([entry]) => {
      if (entry === undefined || entry.contentRect.height === this._height || entry.contentRect.height === 0) return;
      this._height = entry.contentRect.height;
      this._update();
    });
  }

  /** The threads in the order in which they are shown. */
  get shown() {
    return this.groups.flatMap((group) => group.threads);
  }

  /** @param {unknown} [before]  Rendered above the groups, inside the part that scrolls. */
  render(before = nothing) {
    if (this._scroller?.isConnected) this._top = this._scroller.scrollTop;
    this.focusKeeper.keep(this._scroller);
    const anchor = this._top > this._inset ? firstInView(this.groups, this._top - this._inset, heights()) : null;
    this._group();
    const moved = anchor === null ? null : rowOffset(this.groups, anchor.id, heights());
    if (anchor !== null && moved !== null) this._top = Math.max(0, moved - anchor.offset + this._inset);
    return html`<div class="list" data-list=${this.place.name} @scroll=${() => this._onScroll()} @keydown=${(/** @type {KeyboardEvent} */ event) => this._onKey(event)}>
      ${before}
      <div class="rows" data-scope="main"><div class="spacer"></div>
        ${repeat(this._slices().slices, ({ group }) => group.key, (slice) => this._section(slice))}
        <div class="spacer"></div></div>
      ${this._end()}
    </div>`;
  }

  /**
   * Set what a template cannot: heights, scroll offset, focus. Call it after each rendering.
   * @param {ParentNode} root
   */
  afterRender(root) {
    const scroller = root.querySelector(`[data-list=${this.place.name}]`);
    if (!(scroller instanceof HTMLElement)) return;
    if (scroller !== this._scroller) {
      this._resized.disconnect();
      this._scroller = scroller;
      this._resized.observe(scroller);
    }
    const { before, after } = this._slices();
    const [first, last] = scroller.querySelectorAll(".spacer");
    setHeight(first, before);
    setHeight(last, after);
    const rows = scroller.querySelector(".rows");
    if (rows !== null) this._inset = rows.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
    if (Math.abs(scroller.scrollTop - this._top) > 1) scroller.scrollTop = this._top;
    this.focusKeeper.restore(scroller);
    if (after < NEAR_END * heights().row && this.list.error === null && this.list.hasMore) void this.list.loadMore();
  }

  close() {
    this._resized.disconnect();
    this.list.close();
  }

  /** Rename a thread in its row. @param {Thread} thread @param {string} [scope] */
  edit(thread, scope = this.focusKeeper.tabStop?.id === thread.id ? this.focusKeeper.tabStop.scope : "main") {
    this._editing = { id: thread.id, scope, draft: thread.title };
    this.focus(thread.id, scope);
  }

  /** Move the focus to a row. @param {string} id @param {string} [scope] */
  focus(id, scope = "main") {
    this.focusKeeper.tabStop = this.focusKeeper.next = { id, scope };
    if (scope === "main") this._scrollTo(id);
    this._update();
  }

  // selection

  /** The threads that are selected and in sight. */
  get selected() {
    return this.shown.filter((thread) => this.selection.ids.has(thread.id));
  }

  /** @param {Thread} thread */
  startSelection(thread) {
    this.selection.start([thread.id]);
    this.focus(thread.id, this.focusKeeper.tabStop?.scope);
  }

  /** @param {boolean} isAll */
  selectAll(isAll) {
    this.selection.ids = new Set(isAll ? this.shown.map((thread) => thread.id) : []);
    this._update();
  }

  endSelection() {
    this.selection.stop();
    this._update();
  }

  /**
   * Return a function from a thread and its position in a group to the options of its row.
   * @param {{ kind: import("./thread_groups.js").GroupKind, size: number, scope: string }} group
   */
  rowOptions({ kind, size, scope }) {
    const { route } = get();
    const now = new Date();
    const stop = this.focusKeeper.tabStop;
    const tabStop = scope !== "main" ? (stop?.scope === scope ? stop.id : null) : this._mainTabStop();
    /** @param {Thread} thread @param {number} position @returns {import("./thread_row.js").RowOptions} */
    return (thread, position) => ({
      isCurrent: route.view === "chat" && route.thread === thread.id,
      unread: this.place.name === "sidebar" ? unreadCount(thread.id) : 0,
      now, kind, size, position, isTabStop: thread.id === tabStop,
      draft: this._editing?.id === thread.id && this._editing.scope === scope ? this._editing.draft : null,
      isSelected: this.selection.isOn ? this.selection.ids.has(thread.id) : null,
      showsTrashed: this.place.name === "trash",
    });
  }

  _mainTabStop() {
    const shown = new Set(this.groups.flatMap((group) => group.threads.map((thread) => thread.id)));
    const stop = this.focusKeeper.tabStop;
    const wanted = stop?.scope === "main" ? stop.id : get().route.thread;
    return wanted !== null && shown.has(wanted) ? wanted : this.groups[0]?.threads[0]?.id;
  }

  _group() {
    const { filter } = this.place;
    const threads = filter === undefined ? this.list.threads : this.list.threads.filter(filter);
    this.groups = groupThreads(threads);
  }

  _slices() {
    return sliceGroups(this.groups, { top: this._top - this._inset, height: this._height, ...heights() });
  }

  /** @param {import("./list_window.js").Slice<Thread, ThreadGroup<Thread>>} slice */
  _section({ group, first, threads, hasHeading }) {
    const options = this.rowOptions({ kind: group.kind, size: group.threads.length, scope: "main" });
    return html`<section class="group">
      ${hasHeading ? html`<h2>${group.label}</h2>` : nothing}
      <ul aria-label=${group.label}>${repeat(threads, (thread) => thread.id, (thread, index) => threadRow(thread, options(thread, first + index + 1), this))}</ul>
    </section>`;
  }

  _end() {
    const { list } = this;
    if (list.error !== null) {
      return html`<div class="problem" role="alert"><p>${list.error.message}</p>
        <button type="button" class="btn" @click=${() => list.loadMore()}>Try again</button></div>`;
    }
    if (!list.isLoaded) return html`<div role="status" aria-label="Loading conversations">${Array.from({ length: 8 }, () => html`<div class="row-skeleton"><i class="skeleton"></i><i class="skeleton"></i></div>`)}</div>`;
    if (this.groups.length === 0 && !list.hasMore) return this.place.empty();
    return list.hasMore ? html`<p class="list-end" role="status">Loading…</p>` : nothing;
  }

  // what rows report

  /** @param {Thread} thread @param {HTMLElement} button */
  onMenu(thread, button) {
    this.focusKeeper.tabStop = rowPlace(button);
    this.place.openMenu(this, [thread], button);
  }

  /** @param {Thread} thread @param {EventTarget | null} row */
  onEdit(thread, row) {
    if (this.place.name !== "trash") this.edit(thread, rowPlace(row)?.scope);
  }

  /** @param {Thread} thread @param {string} draft */
  onDraft(thread, draft) {
    if (this._editing?.id === thread.id) this._editing.draft = draft;
  }

  /** @param {Thread} thread @param {string | null} title @param {boolean} hasFocus */
  async onRename(thread, title, hasFocus) {
    const editing = this._editing;
    if (editing?.id !== thread.id) return;
    this._editing = null;
    this.focusKeeper.next = hasFocus ? editing : null;
    this._update();
    if (title === null || (await renameThread(thread, title))) return;
    this._editing = { ...editing, draft: title }; // what was typed is not lost
    this._update();
  }

  /** @param {Thread} thread @param {boolean} isRange */
  onSelect(thread, isRange) {
    this.selection.toggle(thread.id, isRange ? this.shown.map((each) => each.id) : null);
    this.focusKeeper.tabStop = rowPlace(document.activeElement);
    this._update();
  }

  // scrolling and keys

  _onScroll() {
    if (this._scroller === null || this._scroller.scrollTop === this._top) return;
    this._update();
  }

  /** @param {string} id */
  _scrollTo(id) {
    const offset = rowOffset(this.groups, id, heights());
    if (offset === null || this._scroller === null) return;
    const { row } = heights();
    const top = offset + this._inset;
    const view = this._scroller.scrollTop;
    if (top - row < view) this._scroller.scrollTop = Math.max(0, top - row);
    else if (top + 2 * row > view + this._height) this._scroller.scrollTop = top + 2 * row - this._height;
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const place = rowPlace(event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || this._scroller === null) return;
    if (event.target instanceof HTMLElement && event.target.matches(".row-editor")) return;
    if (this._moves(event, place) || (place !== null && this._acts(event, place))) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** @param {KeyboardEvent} event @param {import("./list_focus.js").RowPlace | null} place */
  _moves({ key }, place) {
    if (this._scroller !== null && (key === "ArrowDown" || key === "ArrowUp")) return stepFocus(this._scroller, key === "ArrowDown" ? 1 : -1);
    if (place?.scope !== "main") return false;
    const shown = this.shown;
    const index = shown.findIndex((thread) => thread.id === place.id);
    const page = Math.max(1, Math.floor(this._height / heights().row) - 1);
    const to = { Home: 0, End: shown.length - 1, PageDown: index + page, PageUp: index - page }[key];
    const thread = to === undefined ? undefined : shown[Math.max(0, Math.min(shown.length - 1, to))];
    if (thread !== undefined) this.focus(thread.id);
    return thread !== undefined;
  }

  /** @param {KeyboardEvent} event @param {import("./list_focus.js").RowPlace} place */
  _acts({ key, target }, { id, scope }) {
    if (key === "Escape" && this.selection.isOn) {
      this.endSelection();
      return true;
    }
    const item = target instanceof Element ? target.closest("[data-thread]") : null;
    const other = item?.querySelector(key === "ArrowRight" ? ".row-menu" : key === "ArrowLeft" ? "a.row" : ":not(*)");
    if (other instanceof HTMLElement) other.focus();
    const thread = get().threads.get(id);
    if (other instanceof HTMLElement || thread === undefined) return other instanceof HTMLElement;
    this.focusKeeper.tabStop = { id, scope };
    const { selected } = this;
    return this.place.onKey(this, this.selection.isOn && selected.length > 0 ? selected : [thread], key);
  }
}

function heights() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return { row: ROW * rem, heading: HEADING * rem };
}

/**
 * @param {Element | undefined} element
 * @param {number} height
 */
function setHeight(element, height) {
  if (element instanceof HTMLElement) element.style.setProperty("height", `${height}px`);
}
