// @ts-check
/** The state that components share, and how they learn of its changes. */

/** @import { Agent, Connection, Me, Route, Thread } from "./types.js" */

/**
 * @typedef {object} State
 * @property {"unknown" | "in" | "out"} session  Whether the server accepts this browser's requests.
 * @property {Me | null} me
 * @property {readonly Agent[]} agents
 * @property {number} bodyLimit  Bytes of a request body that the server takes.
 * @property {Route} route
 * @property {ReadonlyMap<string, Thread>} threads  The threads that this tab has read, by id.
 * @property {Connection} connection  The state of the event stream.
 * @property {number | null} retryAt  When a lost stream is opened again, in milliseconds as Date.now().
 * @property {boolean} drawer  Whether the sidebar is shown on a narrow screen.
 */

/** @type {State} */
let state = {
  session: "unknown",
  me: null,
  agents: [],
  bodyLimit: 1_048_576,
  route: { view: "chat", thread: null, message: null },
  threads: new Map(),
  connection: "connecting",
  retryAt: null,
  drawer: false,
};

/** @type {Set<() => void>} */
const watchers = new Set();
let isScheduled = false;

/** Return the state. It is replaced, never changed, so a value taken from it stays as it was. */
export function get() {
  return state;
}

/**
 * Replace these fields. Watchers run after the current task, once for all changes.
 * @param {Partial<State>} fields
 */
export function set(fields) {
  const isChanged = Object.entries(fields).some(([name, value]) => !Object.is(value, Reflect.get(state, name)));
  if (!isChanged) return;
  state = { ...state, ...fields };
  if (isScheduled) return;
  isScheduled = true;
  queueMicrotask(() => {
    isScheduled = false;
    for (const check of [...watchers]) check();
  });
}

/**
 * Call `run` now, and whenever what `select` takes from the state has changed. Arrays are compared by item.
 * @template T
 * @param {(state: State) => T} select
 * @param {(value: T) => void} run
 * @returns {() => void} a function that ends it
 */
export function watch(select, run) {
  let last = select(state);
  const check = () => {
    const value = select(state);
    if (isSame(last, value)) return;
    last = value;
    run(value);
  };
  watchers.add(check);
  run(last);
  return () => watchers.delete(check);
}

/**
 * Return a promise for the first state that fulfils a condition.
 * @param {(state: State) => boolean} condition
 * @returns {Promise<State>}
 */
export function until(condition) {
  return new Promise((resolve) => {
    const check = () => {
      if (!condition(state)) return;
      watchers.delete(check);
      resolve(state);
    };
    watchers.add(check);
    check();
  });
}

/**
 * Remember threads as the API sent them.
 * @param {Iterable<Thread>} threads
 */
export function putThreads(threads) {
  const known = new Map(state.threads);
  for (const thread of threads) known.set(thread.id, thread);
  set({ threads: known });
}

/**
 * Change fields of a thread that is known; unknown ones stay unknown.
 * @param {string} id
 * @param {Partial<Thread>} fields
 */
export function patchThread(id, fields) {
  const thread = state.threads.get(id);
  if (thread) putThreads([{ ...thread, ...fields }]);
}

/**
 * Forget a thread that is gone.
 * @param {string} id
 */
export function dropThread(id) {
  if (!state.threads.has(id)) return;
  const known = new Map(state.threads);
  known.delete(id);
  set({ threads: known });
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function isSame(a, b) {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  return a.length === b.length && a.every((each, index) => Object.is(each, b[index]));
}
