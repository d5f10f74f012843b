// @ts-check
/** Messages between the tabs of one browser that show this page. */

import { BASE } from "./base.js";

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(`threads:${BASE.pathname}`);
/** @type {Map<string, Set<(data: any) => void>>} */
const listeners = new Map();

channel?.addEventListener("message", (event) => {
  const { kind, data } = event.data;
  for (const handle of listeners.get(kind) ?? []) handle(data);
});

/**
 * Send a message to the other tabs; this one does not get it.
 * @param {string} kind
 * @param {unknown} data  Anything that can be cloned.
 */
export function broadcast(kind, data) {
  channel?.postMessage({ kind, data });
}

/**
 * Call `handle` with the data of each message of this kind from another tab.
 * @param {string} kind
 * @param {(data: any) => void} handle
 * @returns {() => void} a function that ends it
 */
export function listen(kind, handle) {
  const handlers = listeners.get(kind) ?? new Set();
  listeners.set(kind, handlers.add(handle));
  return () => handlers.delete(handle);
}
