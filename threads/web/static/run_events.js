// @ts-check
/** The stored events of one run, by which a page that opens in the middle of an answer shows all of it. */
import { ApiError, request } from "./api.js";
import { readEvents } from "./sse.js";

/** @import { ThreadEvent } from "./types.js" */

/**
 * Return the events of a run so far; empty if it cannot be found.
 * @param {string} threadId
 * @param {string} runId
 * @returns {Promise<ThreadEvent[]>}
 */
export async function readRunEvents(threadId, runId) {
  const found = [];
  try {
    const response = await request("GET", ["threads", threadId, "runs", runId, "events"], {
      headers: { Accept: "text/event-stream" }, query: { follow: false },
    });
    for await (const { type, data, id } of readEvents(response)) {
      if (type !== null) found.push({ ...JSON.parse(data), id });
    }
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
  return found;
}
