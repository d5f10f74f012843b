// @ts-check
/** Where a list stands, and what stands below its rows: that it loads, that it failed, that it is empty. */

import { html, nothing } from "../vendor/lit-html.js";

/** @import { Thread } from "./types.js" */
/** @import { ThreadListView } from "./thread_list_view.js" */

/**
 * @typedef {object} ListPlace
 * @property {"sidebar" | "archive" | "trash"} name
 * @property {(view: ThreadListView, threads: readonly Thread[], anchor: HTMLElement) => void} openMenu
 * @property {(view: ThreadListView, threads: readonly Thread[], key: string) => boolean} onKey  Whether a key on a row did something.
 * @property {(thread: Thread) => boolean} [filter]  What the server cannot filter by.
 * @property {() => unknown} empty  Shown where there are no threads.
 */

/** Rows of the placeholder. */
const SKELETON = 8;

/** @param {ThreadListView} view */
export function listEnd({ list, groups, place }) {
  if (list.error !== null) return failure(list.error, () => void list.loadMore());
  if (!list.isLoaded) return skeleton();
  if (groups.length === 0 && !list.hasMore) return place.empty();
  return list.hasMore ? html`<p class="list-end" role="status">Loading…</p>` : nothing;
}

/**
 * @param {Error} error
 * @param {() => void} retry
 */
function failure(error, retry) {
  return html`<div class="problem" role="alert"><p>${error.message}</p>
    <button type="button" class="btn" @click=${retry}>Try again</button></div>`;
}

function skeleton() {
  const rows = Array.from({ length: SKELETON }, () => html`<div class="row-skeleton"><i class="skeleton"></i><i class="skeleton"></i></div>`);
  return html`<div role="status" aria-label="Loading conversations">${rows}</div>`;
}
