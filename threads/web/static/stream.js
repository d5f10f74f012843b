// @ts-check
/** One connection to the event stream of all threads, which reconnects by itself. `events.js` shares it. */

import { ApiError, request } from "./api.js";
import { readEvents } from "./sse.js";

/** @import { Connection, ThreadEvent } from "./types.js" */

/** Milliseconds without a heartbeat after which a connection counts as dead; the server sends one each 15 s. */
const SILENCE = 45_000;
const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;

/**
 * @typedef {object} StreamHandlers
 * @property {(event: ThreadEvent) => void} onEvent
 * @property {(id: string | null) => void} onBeat  The server is there; `id` is what to continue after.
 * @property {(connection: Connection, retryAt: number | null) => void} onState
 */

/** A stream that is open until `close` is called, with a connection or on the way to one. */
export class EventStream {
  #isClosed = false;
  #failures = 0;
  /** @type {AbortController} */
  #attempt = new AbortController();
  /** @type {(() => void) | null} */
  #wake = null;

  /**
   * @param {string | null} lastId  The id of the event to continue after; null: only new events.
   * @param {StreamHandlers} handlers
   */
  constructor(lastId, handlers) {
    this.lastId = lastId;
    this.handlers = handlers;
    void this.#run();
  }

  /** Connect now instead of after the delay, if it waits. */
  retry() {
    this.#wake?.();
  }

  close() {
    this.#isClosed = true;
    this.#attempt.abort();
    this.#wake?.();
  }

  async #run() {
    this.handlers.onState("connecting", null);
    while (!this.#isClosed) {
      /** @type {unknown} */
      let reason = null;
      try {
        await this.#connect();
      } catch (error) {
        reason = error;
      }
      if (this.#isClosed) return;
      if (reason instanceof ApiError && reason.status === 401) {
        this.handlers.onState("refused", null);
        return;
      }
      if (reason instanceof ApiError && reason.status === 422) this.lastId = null; // an id of another file
      await this.#pause(reason instanceof ApiError ? reason.retryAfter : null);
    }
  }

  async #connect() {
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (this.lastId !== null) headers["Last-Event-ID"] = this.lastId;
    const watchdog = new Watchdog(() => this.#attempt.abort());
    try {
      const response = await request("GET", ["events"], { headers, query: { changes: true }, signal });
      for await (const { id, type, data } of readEvents(response)) {
        watchdog.feed();
        this.#failures = 0;
        this.lastId = id ?? this.lastId;
        this.handlers.onState("open", null);
        if (type === null) this.handlers.onBeat(this.lastId);
        else this.handlers.onEvent({ ...JSON.parse(data), id });
      }
    } finally {
      watchdog.stop();
    }
  }

  /** @param {number | null} seconds */
  async #pause(seconds) {
    const longest = Math.min(FIRST_DELAY * 2 ** this.#failures++, LONGEST_DELAY);
    const delay = Math.max((seconds ?? 0) * 1000, longest * (0.5 + Math.random() / 2));
    this.handlers.onState("lost", Date.now() + delay);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
    this.#wake = null;
  }
}

class Watchdog {
  /** @param {() => void} onSilence */
  constructor(onSilence) {
    this.onSilence = onSilence;
    this.timer = setTimeout(onSilence, SILENCE);
  }

  feed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.onSilence, SILENCE);
  }

  stop() {
    clearTimeout(this.timer);
  }
}
