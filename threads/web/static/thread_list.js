// @ts-check
/**
 * A list of threads: pages by cursor, the first page compared when it is fetched again.
 *
 * The order is the server's, by activity, never by a clock. Threads themselves stand in the store; here are
 * ids. A response that is older than a change in the store does not undo it.
 */

import { getPage } from "./api.js";
import { get, putThreads } from "./store.js";
import { refreshSoon } from "./thread_updates.js";
import { loadUnread } from "./unread.js";

/** @import { Thread } from "./types.js" */

/**
 * @typedef {{ agent_id?: string | undefined, tag?: string | undefined, status?: string | undefined, archived?: boolean, trashed?: boolean }} ThreadFilters
 */

const PAGE = 50;
/** Further pages of a list that is scrolled far. */
const LONG_PAGE = 200;
const MOST_PINNED = 200;

export class ThreadList {
  /**
   * @param {ThreadFilters} filters
   * @param {() => void} onChange
   */
  constructor(filters, onChange) {
    this.filters = filters;
    /** @type {Error | null} the error of the last page, if it failed */
    this.error = null;
    this.isLoading = false;
    this.isLoaded = false;
    this._onChange = onChange;
    /** @type {string[]} */
    this._ids = [];
    /** @type {string[]} */
    this._pinnedIds = [];
    /** @type {string | null} */
    this._next = null;
    this._isClosed = false;
    /** @type {{ store: unknown, ids: unknown, pinned: unknown, threads: Thread[] } | null} */
    this._last = null;
  }

  get hasMore() {
    return !this.isLoaded || this._next !== null;
  }

  /** The threads in sight: the pinned ones first, then by activity. */
  get threads() {
    const { threads: store } = get();
    const last = this._last;
    if (last?.store === store && last.ids === this._ids && last.pinned === this._pinnedIds) return last.threads;
    /** @type {Thread[]} */
    const threads = [];
    const seen = new Set();
    for (const id of this._pinnedIds) {
      const thread = store.get(id);
      if (thread?.pinned && this._fits(thread)) threads.push(thread);
      if (thread?.pinned) seen.add(id);
    }
    for (const id of this._ids) {
      const thread = store.get(id);
      if (thread !== undefined && !seen.has(id) && this._fits(thread)) threads.push(thread);
    }
    this._last = { store, ids: this._ids, pinned: this._pinnedIds, threads };
    return threads;
  }

  /** Load the next page; on failure `error` is set. */
  async loadMore() {
    if (this.isLoading || this._isClosed || !this.hasMore) return;
    this.isLoading = true;
    this.error = null;
    try {
      const limit = this._ids.length < LONG_PAGE ? PAGE : LONG_PAGE;
      const [page] = await Promise.all([this._fetch({ cursor: this._next, limit }), this.isLoaded ? null : this._loadPinned()]);
      const known = new Set(this._ids);
      this._ids = [...this._ids, ...page.ids.filter((id) => !known.has(id))];
      this._next = page.next;
      this.isLoaded = true;
    } catch (error) {
      this.error = error instanceof Error ? error : new Error(String(error));
    }
    this.isLoading = false;
    if (!this._isClosed) this._onChange();
  }

  /** Fetch the first page, and take over what is new, changed or gone. Errors are left to the next time. */
  async refresh() {
    if (!this.isLoaded || this.isLoading || this._isClosed) return;
    const before = new Set(this._ids);
    try {
      const [page] = await Promise.all([this._fetch({ limit: PAGE }), this._loadPinned()]);
      if (this._isClosed) return;
      this._mergeFront(page, before);
      this._onChange();
    } catch {
      // the line about the connection says that the server is gone
    }
  }

  /**
   * List a thread of the store, if it is not older than what is loaded.
   * @param {string} id
   * @param {{ isActive?: boolean }} [options] `isActive`: it was used just now, so it comes first
   */
  include(id, { isActive = false } = {}) {
    const { threads } = get();
    const thread = threads.get(id);
    if (thread === undefined || !this.isLoaded || this._isClosed) return;
    const index = this._ids.indexOf(id);
    if (index === 0 || (index > 0 && !isActive)) return this._onChange();
    const others = this._ids.filter((each) => each !== id);
    const time = Date.parse(thread.updated_at ?? "");
    const place = isActive ? 0 : others.findIndex((each) => Date.parse(threads.get(each)?.updated_at ?? "") <= time);
    if (place < 0 && this._next !== null) return;
    this._ids = place < 0 ? [...others, id] : others.toSpliced(place, 0, id);
    this._onChange();
  }

  close() {
    this._isClosed = true;
  }

  /** @param {{ cursor?: string | null, pinned?: boolean, limit: number }} page */
  async _fetch({ cursor = null, pinned, limit }) {
    const before = get().threads;
    const { trashed, ...filters } = this.filters;
    const { items, next } = await getPage([trashed ? "trash" : "threads"], { ...filters, pinned, cursor, limit, count: false });
    putThreads(items.filter((thread) => isNews(thread, before.get(thread.id))));
    const ids = items.map((thread) => thread.id);
    if (!trashed && !this.filters.archived) void loadUnread(ids);
    return { ids, next };
  }

  async _loadPinned() {
    if (this.filters.archived || this.filters.trashed) return;
    const shown = this.threads.filter((thread) => thread.pinned);
    const { ids } = await this._fetch({ pinned: true, limit: MOST_PINNED });
    if (String(ids) !== String(this._pinnedIds)) this._pinnedIds = ids;
    for (const { id } of shown) if (!ids.includes(id)) refreshSoon(id);
  }

  /**
   * @param {{ ids: string[], next: string | null }} page
   * @param {Set<string>} before the ids when the request was sent; others were added meanwhile
   */
  _mergeFront(page, before) {
    const fetched = new Set(page.ids);
    const last = this._ids.findLastIndex((id) => fetched.has(id));
    const isHole = last < 0 && this._ids.length > 0 && page.next !== null;
    const added = this._ids.filter((id) => !before.has(id) && !fetched.has(id));
    const rest = this._ids.filter((id, index) => before.has(id) && !fetched.has(id) && index > last);
    const hasRest = page.next !== null && !isHole;
    const ids = [...added, ...page.ids, ...(hasRest ? rest : [])];
    if (!hasRest) this._next = page.next;
    if (ids.length !== this._ids.length || ids.some((id, index) => id !== this._ids[index])) this._ids = ids;
  }

  /** @param {Thread} thread */
  _fits(thread) {
    const { agent_id, tag, status, archived = false, trashed = false } = this.filters;
    return (
      (trashed || thread.archived === archived) &&
      (thread.trashed_at !== null) === trashed &&
      (agent_id === undefined || thread.agent_id === agent_id) &&
      (tag === undefined || thread.tags.includes(tag)) &&
      (status === undefined || thread.status === status)
    );
  }
}

/**
 * Whether a fetched thread differs from the one in the store, and that has not changed since the request.
 * @param {Thread} thread
 * @param {Thread | undefined} before
 */
function isNews(thread, before) {
  const now = get().threads.get(thread.id);
  return now === before && (now === undefined || JSON.stringify(now) !== JSON.stringify(thread));
}
