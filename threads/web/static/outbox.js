// @ts-check
/**
 * Sends what starts a run, and tries again while the server cannot take it. All tries of a message have one
 * idempotency key, so it is answered once, however often it is sent.
 */
import { ApiError, request } from "./api.js";

/** Seconds before the next try. */
const DELAYS = [1, 2, 4, 8, 15];
/** Conditions that pass by themselves. Others are shown, and what was typed is given back. */
const PASSING = new Set([0, 429, 503, 504]);

/**
 * @typedef {object} SendState
 * @property {ApiError | null} error Why the last try failed; null while one is under way.
 * @property {number} retryAt When the next one begins, as `performance.now()`; 0 while one is under way.
 * @typedef {object} Sending A message on its way.
 * @property {Promise<Response>} response Rejected with an `ApiError` that does not pass, or when it is cancelled.
 * @property {() => void} retry Try at once.
 * @property {() => void} cancel Try no more.
 */

/** Return a new idempotency key; `crypto.randomUUID` is missing on pages without TLS. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Send a request until it is accepted or refused.
 * @param {string} method
 * @param {string[]} parts
 * @param {unknown} body
 * @param {(state: SendState) => void} onChange
 * @returns {Sending}
 */
export function sendReliably(method, parts, body, onChange) {
  const key = newKey();
  const aborter = new AbortController();
  let wake = () => {};
  const run = async () => {
    for (let tries = 0; ; tries += 1) {
      try {
        onChange({ error: null, retryAt: 0 });
        return await request(method, parts, {
          body, key, signal: aborter.signal, headers: { Prefer: "respond-async" },
        });
      } catch (error) {
        if (!(error instanceof ApiError) || !PASSING.has(error.status) || aborter.signal.aborted) throw error;
        const seconds = error.retryAfter ?? DELAYS[Math.min(tries, DELAYS.length - 1)] ?? 15;
        onChange({ error, retryAt: performance.now() + seconds * 1000 });
        await new Promise((resolve) => {
          wake = () => resolve(undefined);
          setTimeout(wake, seconds * 1000);
        });
        if (aborter.signal.aborted) throw error;
      }
    }
  };
  return {
    response: run(),
    retry: () => wake(),
    cancel: () => {
      aborter.abort();
      wake();
    },
  };
}
