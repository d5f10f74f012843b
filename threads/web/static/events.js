// @ts-check
/**
 * The events of all threads, by one stream per browser: HTTP/1.1 browsers open six connections to a host, so ten
 * tabs with a stream each could send nothing. The tab that holds a Web Lock reads the stream and passes it on to
 * the others. Without Web Locks (plain HTTP on another machine) each tab has a stream while it is visible.
 */

import { BASE } from "./base.js";
import { get, set, until } from "./store.js";
import { EventStream } from "./stream.js";
import { broadcast, listen } from "./tabs.js";

/** @import { Connection, ThreadEvent } from "./types.js" */

const LOCK = `threads-events:${BASE.pathname}`;
/** Milliseconds within which the leading tab answers; a frozen tab does not, and another takes its lock. */
const ANSWER_TIME = 2_000;
/** Milliseconds between two checks of the leading tab while this one is visible. */
const CHECK_INTERVAL = 20_000;

/** @type {EventStream | null} */
let stream = null;
/** @type {string | null} */
let lastId = null;
/** @type {Set<{ thread: string | null, handle: (event: ThreadEvent) => void }>} */
const subscribers = new Set();
/** @type {Set<() => void>} */
const gapHandlers = new Set();
/** The last sequence of each thread: a tab that takes over repeats what others have seen. @type {Map<string, number>} */
const sequences = new Map();
let answeredAt = -Infinity;
let isStarted = false;

/**
 * Call `handle` with each event of a thread, or of all threads with null. Events of the type `changed` say that the
 * thread is to be read again, whichever process changed it: `data.change` is `updated`, `read` or `removed`.
 * @param {string | null} thread
 * @param {(event: ThreadEvent) => void} handle
 * @returns {() => void} a function that ends it
 */
export function subscribe(thread, handle) {
  const subscriber = { thread, handle };
  subscribers.add(subscriber);
  return () => subscribers.delete(subscriber);
}

/**
 * Call `handle` when events were missed, so that what is shown must be read again.
 * @param {() => void} handle
 * @returns {() => void} a function that ends it
 */
export function onGap(handle) {
  gapHandlers.add(handle);
  return () => gapHandlers.delete(handle);
}

/** Return a promise that resolves once events arrive, at the latest after a second: what is read then misses none. */
export async function ready() {
  await Promise.race([until((state) => state.connection === "open"), new Promise((resolve) => setTimeout(resolve, 1_000))]);
}

/** Whether this tab reads the stream for all; for tests and the settings view. */
export function isLeader() {
  return stream !== null;
}

/** Connect now instead of after the delay. */
export function retryNow() {
  if (stream) stream.retry();
  else broadcast("stream-retry", null);
}

/** Start to listen, once the session is known; again after a new sign-in, for the stream of the new session. */
export function startEvents() {
  if (isStarted) {
    if (stream) open();
    return;
  }
  isStarted = true;
  addEventListener("online", retryNow);
  if (!("locks" in navigator) || typeof BroadcastChannel === "undefined") {
    readWhileVisible();
    return;
  }
  listen("stream-event", dispatch);
  listen("stream-retry", () => stream?.retry());
  listen("stream-state", follow);
  listen("stream-hello", () => stream && tellState());
  document.addEventListener("visibilitychange", checkLeader);
  setInterval(checkLeader, CHECK_INTERVAL);
  requestLock({});
  broadcast("stream-hello", null);
}

/** @param {LockOptions} options */
function requestLock(options) {
  navigator.locks.request(LOCK, options, lead).catch((error) => {
    stream?.close();
    stream = null;
    if (error.name === "AbortError") requestLock({}); // another tab took the lock of this one, which had been frozen
  });
}

/** @returns {Promise<void>} a promise that stays open as long as this tab leads */
function lead() {
  open();
  return new Promise(() => {});
}

function open() {
  stream?.close();
  stream = new EventStream(lastId, {
    onEvent(event) {
      broadcast("stream-event", event);
      dispatch(event);
    },
    onBeat(id) {
      lastId = id ?? lastId;
      tellState();
    },
    onState(connection, retryAt) {
      if (connection === get().connection && retryAt === get().retryAt) return;
      set({ connection, retryAt });
      tellState();
    },
  });
}

function tellState() {
  const { connection, retryAt } = get();
  broadcast("stream-state", { connection, retryAt, lastId });
}

/** @param {{ connection: Connection, retryAt: number | null, lastId: string | null }} state */
function follow(state) {
  if (stream) return;
  answeredAt = performance.now();
  lastId ??= state.lastId;
  set({ connection: state.connection, retryAt: state.retryAt });
  if (state.connection === "refused") set({ session: "out" });
}

/** A tab that is looked at must not depend on one that the browser has frozen. */
function checkLeader() {
  if (stream || document.visibilityState !== "visible") {
    if (document.visibilityState === "visible") stream?.retry();
    return;
  }
  const now = performance.now();
  broadcast("stream-hello", null);
  setTimeout(() => {
    if (!stream && answeredAt < now && document.visibilityState === "visible") requestLock({ steal: true });
  }, ANSWER_TIME);
}

/** A stream of this tab alone, closed while the tab is hidden, continued where it ended. */
function readWhileVisible() {
  const check = () => {
    if (document.visibilityState === "visible") {
      if (!stream) open();
      return;
    }
    stream?.close();
    stream = null;
  };
  document.addEventListener("visibilitychange", check);
  check();
}

/** @param {ThreadEvent} event */
function dispatch(event) {
  lastId = event.id ?? lastId;
  answeredAt = performance.now();
  if (event.type === "gap") {
    sequences.clear();
    for (const handle of gapHandlers) attempt(handle);
    return;
  }
  if (event.type === "changed") { // not of the log: it has no number
    if (event.thread_id === "") for (const handle of gapHandlers) attempt(handle);
    else deliver(event);
    return;
  }
  if (event.sequence <= (sequences.get(event.thread_id) ?? 0)) return;
  sequences.set(event.thread_id, event.sequence);
  deliver(event);
}

/** @param {ThreadEvent} event */
function deliver(event) {
  for (const { thread, handle } of [...subscribers]) {
    if (thread === null || thread === event.thread_id) attempt(() => handle(event));
  }
}

/** @param {() => void} run  What one component gets wrong must not cost the others their events. */
function attempt(run) {
  try {
    run();
  } catch (error) {
    reportError(error);
  }
}
