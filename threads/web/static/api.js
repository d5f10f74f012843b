// @ts-check
/** Requests to the HTTP API. A browser sends its session cookie by itself; the server checks the Origin. */

import { API } from "./base.js";
import { readEvents } from "./sse.js";
import { set } from "./store.js";

/** @import { ThreadEvent } from "./types.js" */

/**
 * @typedef {object} RequestOptions
 * @property {Record<string, string | number | boolean | null | undefined | readonly string[]>} [query]
 * @property {unknown} [body]  Sent as JSON.
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {string} [key]  The idempotency key: requests with the same one create one run.
 */

/** A request that the server refused, or that did not reach it. */
export class ApiError extends Error {
  /**
   * @param {number} status  0 if no response came.
   * @param {string} code  A constant: the API's, or "Offline".
   * @param {string} message  What happened, for people.
   * @param {{ hint?: string, field?: string | null, retryAfter?: number | null }} [more]
   */
  constructor(status, code, message, more = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    /** What to do about it, for people; may be empty. */
    this.hint = more.hint ?? "";
    /** The field of the request that is invalid, or null. */
    this.field = more.field ?? null;
    /** Seconds after which to try again, or null. */
    this.retryAfter = more.retryAfter ?? null;
  }

  /** Whether the same request may succeed later. */
  get isTemporary() {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

/** @type {Record<number, string>} */
const HINTS = {
  0: "It is tried again as soon as the server can be reached.",
  401: "Sign in again with a token.",
  413: "Shorten it, or send it in parts.",
  429: "Wait a moment and try again.",
  503: "Try again in a moment.",
  507: "Tell the operator of this server.",
};

/**
 * Return the URL of a resource: each part is encoded, so that ids may hold slashes.
 * @param {readonly string[]} parts
 * @param {RequestOptions["query"]} [query]  null and undefined are left out.
 */
export function url(parts, query = {}) {
  const found = new URL(parts.map(encodeURIComponent).join("/"), API);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) found.searchParams.append(name, String(each));
  }
  return found;
}

/**
 * Send a request and return the response; raises `ApiError`.
 * @param {string} method
 * @param {readonly string[]} parts  As in ["threads", id, "messages"].
 * @param {RequestOptions} [options]
 * @returns {Promise<Response>}
 */
export async function request(method, parts, options = {}) {
  const headers = new Headers({ Accept: "application/json", ...options.headers });
  if (options.key !== undefined) headers.set("Idempotency-Key", options.key);
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  let response;
  try {
    response = await fetch(url(parts, options.query), {
      method, headers, body, signal: options.signal ?? null, cache: "no-store", redirect: "error",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "Offline", "The server cannot be reached.", { hint: HINTS[0] });
  }
  if (response.ok) return response;
  throw await readError(response, headers.has("Authorization"));
}

/**
 * Send a request and return its JSON; undefined for an empty response.
 * @param {string} method
 * @param {readonly string[]} parts
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 */
export async function send(method, parts, options = {}) {
  const response = await request(method, parts, options);
  if (response.status === 204) return undefined;
  try {
    return await response.json();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "Offline", "The response broke off.", { hint: HINTS[0] });
  }
}

/**
 * Get a resource.
 * @param {readonly string[]} parts
 * @param {RequestOptions["query"]} [query]
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 */
export function get(parts, query = {}, options = {}) {
  return send("GET", parts, { ...options, query });
}

/**
 * Get a page of a list: its items, the number of all items if the server counted them, and the next cursor.
 * @param {readonly string[]} parts
 * @param {RequestOptions["query"]} [query]
 * @param {RequestOptions} [options]
 * @returns {Promise<{ items: any[], total: number | null, next: string | null }>}
 */
export async function getPage(parts, query = {}, options = {}) {
  const response = await request("GET", parts, { ...options, query });
  const total = response.headers.get("X-Total-Count");
  return {
    items: await response.json(),
    total: total === null ? null : Number(total),
    next: response.headers.get("X-Next-Cursor"),
  };
}

/**
 * Start a run and yield its events. Leaving the loop, or aborting, does not stop the run.
 * @param {string} method
 * @param {readonly string[]} parts
 * @param {RequestOptions} [options]
 * @returns {AsyncGenerator<ThreadEvent, void, void>}
 */
export async function* streamRun(method, parts, options = {}) {
  const headers = { ...options.headers, Accept: "text/event-stream" };
  const response = await request(method, parts, { ...options, headers });
  for await (const event of readEvents(response)) {
    if (event.type !== null) yield { ...JSON.parse(event.data), id: event.id };
  }
}

/**
 * @param {Response} response
 * @param {boolean} hasToken
 * @returns {Promise<ApiError>}
 */
export async function readError(response, hasToken = false) {
  /** @type {any} */
  let body = {};
  try {
    body = await response.json();
  } catch {
    // a proxy's error page
  }
  if (response.status === 401 && !hasToken) set({ session: "out" });
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  const message = typeof body?.error === "string" ? body.error : `The server answered with status ${response.status}.`;
  return new ApiError(response.status, body?.code ?? "Unknown", message, {
    hint: body?.hint ?? HINTS[response.status] ?? "",
    field: body?.field ?? null,
    retryAfter: Number.isFinite(seconds) ? seconds : null,
  });
}
