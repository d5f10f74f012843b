// @ts-check
/**
 * A scrolling list of threads, of which only the rows in view are rendered: groups, focus by arrow keys,
 * renaming in place, selection. The sidebar, the archive and the trash are each one of these.
 */

import { html, nothing, repeat } from "../vendor/lit-html.js";
import { ListFocus, rowPlace } from "./list_focus.js";
import { handleListKey } from "./list_keys.js";
import { listEnd } from "./list_states.js";
import { firstInView, heights, reveal, rowOffset, setHeight, sliceGroups } from "./list_window.js";
import { Selection } from "./selection.js";
import { settings } from "./settings.js";
import { get } from "./store.js";
import { renameThread } from "./thread_actions.js";
import { groupThreads } from "./thread_groups.js";
import { threadRow } from "./thread_row.js";
import { unreadCount } from "./unread.js";

/** @import { Thread } from "./types.js" */
/** @import { ListPlace } from "./list_states.js" */
/** @import { ThreadList } from "./thread_list.js" */
/** @import { ThreadGroup } from "./thread_groups.js" */

/** Rows from the end at which the next page is loaded. */
const NEAR_END = 15;

export class ThreadListView {
  /** @param {ThreadList} list @param {ListPlace} place @param {(isNow?: boolean) => void} update  Renders soon, or before it returns. */
  constructor(list, place, update) {
    this.list = list;
    this.place = place;
    this.selection = new Selection();
    this.focusKeeper = new ListFocus();
    /** @type {ThreadGroup<Thread>[]} */
    this.groups = [];
    this._update = update;
    /** @type {{ threads: readonly Thread[], day: string } | null} what `groups` was made of */
    this._grouped = null;
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

  /** What takes part in scrolling, once it is rendered. */
  get scroller() {
    return this._scroller;
  }

  /** Rows that fit into the view, but for one. */
  get pageSize() {
    return Math.max(1, Math.floor(this._height / heights().row) - 1);
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
    return html`<div class="list" data-list=${this.place.name} @scroll=${() => this._onScroll()} @keydown=${(/** @type {KeyboardEvent} */ event) => handleListKey(this, event)}>
      ${before}
      <div class="rows" data-scope="main"><div class="spacer"></div>
        ${repeat(this._slices().slices, ({ group }) => group.key, (slice) => this._section(slice))}
        <div class="spacer"></div></div>
      ${listEnd(this)}
    </div>`;
  }

  /** Set what a template cannot: heights, scroll offset, focus. Call it after each rendering. @param {ParentNode} root */
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
    const isNearEnd = after < NEAR_END * heights().row;
    if (this.list.isLoaded && isNearEnd && this.list.error === null) void this.list.loadMore();
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
    this._update(true); // what is typed next goes there
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
    const stop = this.focusKeeper.tabStop;
    const wanted = stop?.scope === "main" ? stop.id : get().route.thread;
    return wanted !== null && rowOffset(this.groups, wanted, heights()) !== null ? wanted : this.groups[0]?.threads[0]?.id;
  }

  _group() {
    const { filter } = this.place;
    const threads = filter === undefined ? this.list.threads : this.list.threads.filter(filter);
    const day = `${new Date().toDateString()} ${settings().locale}`;
    if (this._grouped?.threads === threads && this._grouped.day === day) return; // it only scrolled
    this._grouped = { threads, day };
    this.groups = this.place.name === "trash"
      ? groupThreads(threads, { hasPinned: false, moment: (thread) => thread.trashed_at })
      : groupThreads(threads);
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
    this._update(hasFocus);
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

  // scrolling

  _onScroll() {
    if (this._scroller === null || this._scroller.scrollTop === this._top) return;
    this._update();
  }

  /** @param {string} id */
  _scrollTo(id) {
    const offset = rowOffset(this.groups, id, heights());
    if (offset !== null && this._scroller !== null) reveal(this._scroller, offset + this._inset, heights().row);
  }
}
