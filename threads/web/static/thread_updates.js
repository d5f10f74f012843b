// @ts-check
/**
 * How lists learn of changes: by events of runs and of changes, whichever process made them, and by what other tabs
 * say. The first page is fetched again now and then, should one have been missed.
 */

import { ApiError, get as fetchJson } from "./api.js";
import { onGap, subscribe } from "./events.js";
import { dropThread, get, patchThread, putThreads, watch } from "./store.js";
import { listen } from "./tabs.js";
import { CHANGED } from "./thread_actions.js";
import { loadUnread } from "./unread.js";

/** @import { Thread, ThreadEvent } from "./types.js" */
/** @typedef {{ refresh: () => Promise<void>, include: (id: string, options?: { isActive?: boolean }) => void }} List */

/** Milliseconds between two polls of a tab that is looked at. */
const POLL = 60_000;
/** Threads that events name within `GATHER` milliseconds, up to which each is fetched alone. */
const FEW = 4;
const GATHER = 200;
const ENDS = ["finished", "failed", "stopped", "interrupted"];

/** @type {Set<List>} */
const lists = new Set();
/** @type {Set<string>} */
const named = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Keep a list true.
 * @param {List} list
 * @returns {() => void} a function that ends it
 */
export function follow(list) {
  lists.add(list);
  return () => lists.delete(list);
}

/** Start to listen; once per tab. */
export function startUpdates() {
  subscribe(null, onEvent);
  onGap(() => void refreshAll());
  listen(CHANGED, (/** @type {string[]} */ ids) => ids.forEach(refreshSoon));
  followConnection();
  document.addEventListener("visibilitychange", () => void poll());
  setInterval(() => void poll(), POLL);
}

/** Read the lists again after an outage: changes of titles, tags and marks are not replayed as events of runs are. */
function followConnection() {
  let wasLost = false;
  watch(
    (state) => state.connection,
    (connection) => {
      if (connection === "open" && wasLost) void refreshAll();
      wasLost = connection === "lost" || (wasLost && connection === "connecting");
    },
  );
}

/**
 * Fetch a thread soon; together with others, if several are named.
 * @param {string} id
 */
export function refreshSoon(id) {
  named.add(id);
  timer ??= setTimeout(() => void refreshNamed(), GATHER);
}

/** @param {ThreadEvent} event */
function onEvent({ type, thread_id: id, data }) {
  if (type === "changed") {
    if (data.change === "removed") dropThread(id);
    else if (data.change === "read") void loadUnread([id]);
    else refreshSoon(id);
    return;
  }
  if (type === "started" && get().threads.has(id)) {
    patchThread(id, { status: "busy" });
    for (const list of lists) list.include(id, { isActive: true });
  } else if (type === "title" && get().threads.has(id)) patchThread(id, { title: data.title });
  else if (["started", "title", "message", ...ENDS].includes(type)) refreshSoon(id);
}

async function refreshNamed() {
  const ids = [...named];
  named.clear();
  timer = undefined;
  if (ids.length > FEW) await refreshAll();
  else await Promise.all(ids.map(refreshOne));
  await loadUnread(ids.slice(0, 50));
}

/** @param {string} id */
async function refreshOne(id) {
  const before = get().threads.get(id);
  try {
    /** @type {Thread} */
    const thread = await fetchJson(["threads", id]);
    if (get().threads.get(id) !== before) return refreshSoon(id);
    putThreads([thread]);
    for (const list of lists) list.include(id, { isActive: before?.updated_at !== thread.updated_at && isNewest(thread) });
  } catch (error) {
    if (error instanceof ApiError && [404, 410].includes(error.status)) dropThread(id);
  }
}

/** Whether no known thread was used later: all times are the server's. @param {Thread} thread */
function isNewest(thread) {
  const time = Date.parse(thread.updated_at ?? "");
  for (const each of get().threads.values()) if (Date.parse(each.updated_at ?? "") > time) return false;
  return true;
}

async function refreshAll() {
  await Promise.all([...lists].map((list) => list.refresh()));
}

async function poll() {
  const { session, connection } = get();
  if (document.visibilityState === "visible" && session === "in" && connection !== "lost") await refreshAll();
}
