// @ts-check
/** Changes of threads: shown immediately, reverted with an error message if the server refuses them, undone by a toast. */

import { ApiError, send } from "./api.js";
import { confirmDialog, toast, toastError } from "./dialogs.js";
import { dropThread, get, patchThread, putThreads } from "./store.js";
import { broadcast } from "./tabs.js";

/** @import { Thread } from "./types.js" */

/** @typedef {{ changed: string[], unchanged: string[], missing: string[], busy: string[] }} Report */

/** Seconds in which a deleted conversation can be brought back by the toast. */
const UNDO = 8;
/** Threads of one bulk request. */
const MOST = 10_000;

/** The kind of the message to other tabs: its data are ids of threads that changed. */
export const CHANGED = "threads-changed";

/**
 * Change fields of a thread. Where the server refuses, they are as before and a toast says why.
 * @param {Thread} thread
 * @param {Partial<Pick<Thread, "title" | "pinned" | "archived" | "tags">>} fields
 * @returns {Promise<boolean>} whether it was done
 */
export async function updateThread(thread, fields) {
  patchThread(thread.id, fields);
  try {
    putThreads([await send("PUT", ["threads", thread.id], { body: fields })]);
    broadcast(CHANGED, [thread.id]);
    return true;
  } catch (error) {
    const before = Object.fromEntries(Object.keys(fields).map((name) => [name, Reflect.get(thread, name)]));
    patchThread(thread.id, before);
    report(error, thread.id);
    return false;
  }
}

/**
 * Set a title; an empty one brings the automatic title back.
 * @param {Thread} thread
 * @param {string} text
 * @returns {Promise<boolean>} whether it was done
 */
export async function renameThread(thread, text) {
  const title = text.trim();
  if (title === thread.title) return true;
  if (title !== "") return updateThread(thread, { title });
  try {
    putThreads([await send("PUT", ["threads", thread.id], { body: { title: null } })]);
    broadcast(CHANGED, [thread.id]);
    return true;
  } catch (error) {
    report(error, thread.id);
    return false;
  }
}

/**
 * Archive threads, or take them out of the archive; a toast undoes it.
 * @param {readonly Thread[]} threads
 * @param {boolean} archived
 */
export async function archiveThreads(threads, archived) {
  const done = await change(threads, { archived });
  if (done.length === 0) return;
  const text = archived ? `${count(done)} archived` : `${count(done)} taken out of the archive`;
  toast(text, { action: "Undo", onAction: () => void change(done, { archived: !archived }), seconds: UNDO });
}

/**
 * Move threads to the trash; a toast brings them back.
 * @param {readonly Thread[]} threads
 */
export async function trashThreads(threads) {
  const done = await change(threads, { trashed: true });
  if (done.length === 0) return;
  toast(`${count(done)} moved to the trash`, { action: "Undo", onAction: () => void change(done, { trashed: false }), seconds: UNDO });
}

/**
 * Take threads out of the trash.
 * @param {readonly Thread[]} threads
 */
export async function restoreThreads(threads) {
  const done = await change(threads, { trashed: false });
  if (done.length > 0) toast(`${count(done)} restored`);
}

/**
 * Delete threads permanently, after a question.
 * @param {readonly Thread[]} threads
 * @returns {Promise<boolean>} whether they were deleted
 */
export async function deleteThreads(threads) {
  const what = threads.length === 1 ? `“${threads[0]?.title}”` : count(threads);
  const isSure = await confirmDialog({
    title: `Delete ${what} permanently?`,
    text: "Its messages are erased for good. This cannot be undone.",
    action: "Delete permanently", isDanger: true,
  });
  if (!isSure) return false;
  const done = await change(threads, { delete: true });
  if (done.length > 0) toast(`${count(done)} deleted permanently`);
  return done.length > 0;
}

/**
 * Pin threads, or unpin them.
 * @param {readonly Thread[]} threads
 * @param {boolean} pinned
 */
export function pinThreads(threads, pinned) {
  return change(threads, { pinned });
}

/**
 * Add tags to threads and take others away.
 * @param {readonly Thread[]} threads
 * @param {{ tag?: string[], untag?: string[] }} tags
 */
export function tagThreads(threads, tags) {
  return change(threads, tags);
}

/**
 * Change threads in one transaction; those that were refused are as before, and a toast says why.
 * @param {readonly Thread[]} threads
 * @param {{ pinned?: boolean, archived?: boolean, trashed?: boolean, tag?: string[], untag?: string[], delete?: boolean }} changes
 * @returns {Promise<Thread[]>} those that were changed, as they were before
 */
async function change(threads, changes) {
  const wanted = threads.slice(0, MOST);
  for (const thread of wanted) patchThread(thread.id, patchOf(get().threads.get(thread.id) ?? thread, changes));
  const ids = wanted.map((thread) => thread.id);
  try {
    /** @type {Report} */
    const result = await send("POST", ["bulk"], { body: { ids, ...changes } });
    const failed = new Set([...result.busy, ...result.missing]);
    putBack(wanted.filter((thread) => result.busy.includes(thread.id)));
    for (const id of changes.delete ? ids.filter((each) => !result.busy.includes(each)) : result.missing) dropThread(id);
    if (result.busy.length > 0) toast(`${result.busy.length === 1 ? "A conversation is" : `${result.busy.length} conversations are`} still being answered. Stop the run, then try again.`);
    broadcast(CHANGED, ids);
    return wanted.filter((thread) => !failed.has(thread.id));
  } catch (error) {
    putBack(wanted);
    report(error, ids.length === 1 ? (ids[0] ?? null) : null);
    return [];
  }
}

/**
 * @param {Thread} thread
 * @param {{ pinned?: boolean, archived?: boolean, trashed?: boolean, tag?: string[], untag?: string[] }} changes
 * @returns {Partial<Thread>}
 */
function patchOf(thread, { pinned, archived, trashed, tag = [], untag = [] }) {
  return {
    ...(pinned !== undefined && { pinned }),
    ...(archived !== undefined && { archived }),
    ...(trashed !== undefined && { trashed_at: trashed ? new Date().toISOString() : null }),
    tags: [...new Set([...thread.tags, ...tag])].filter((each) => !untag.includes(each)),
  };
}

/** @param {readonly Thread[]} threads */
function putBack(threads) {
  putThreads(threads.filter((thread) => get().threads.has(thread.id)));
}

/**
 * @param {unknown} error
 * @param {string | null} id
 */
function report(error, id) {
  if (error instanceof ApiError && [404, 410].includes(error.status) && id !== null) {
    dropThread(id);
    toast("This conversation was deleted elsewhere.");
  } else {
    toastError(error);
  }
}

/** @param {readonly unknown[]} threads */
function count(threads) {
  return threads.length === 1 ? "Conversation" : `${threads.length} conversations`;
}
