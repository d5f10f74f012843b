// @ts-check
/** Numbers of unread messages: fetched for the threads that are listed, corrected by events. */

import { get as fetchJson } from "./api.js";

/** Threads of one request. */
const MOST = 100;

/** @type {Map<string, number | null>} */
const counts = new Map();
/** @type {Set<() => void>} */
const watchers = new Set();

/** The number of unread messages; null where it is unknown, undefined where it was not fetched.
 * @param {string} id */
export function unreadCount(id) {
  return counts.get(id);
}

/**
 * Fetch the numbers of these threads; errors are left to the next time.
 * @param {readonly string[]} ids
 */
export async function loadUnread(ids) {
  let isChanged = false;
  for (let start = 0; start < ids.length; start += MOST) {
    try {
      /** @type {Record<string, number | null>} */
      const found = await fetchJson(["unread"], { id: ids.slice(start, start + MOST) });
      for (const [id, count] of Object.entries(found)) {
        isChanged ||= counts.get(id) !== count;
        counts.set(id, count);
      }
    } catch {
      break; // a mark is no reason to show an error
    }
  }
  if (isChanged) for (const run of watchers) run();
}

/** Set the number of a thread that was read. @param {string} id @param {number | null} count */
export function setUnread(id, count) {
  if (counts.get(id) === count) return;
  counts.set(id, count);
  for (const run of watchers) run();
}

/**
 * Call `run` whenever a number has changed.
 * @param {() => void} run
 * @returns {() => void} a function that ends it
 */
export function watchUnread(run) {
  watchers.add(run);
  return () => watchers.delete(run);
}
