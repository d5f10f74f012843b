// @ts-check
/** Tool calls: one folded line with the tool, its main argument and its outcome; arguments and result inside. */
import { html, nothing } from "../vendor/lit-html.js";
import { attachmentsTemplate } from "./content_blocks.js";
import { icon } from "./icons.js";

/** @typedef {import("./conversation.js").Message} Message */
/** @typedef {import("./conversation.js").ToolState} ToolState */

/** Characters of a result that are shown at once. */
const RESULT_LIMIT = 20_000;

/**
 * @param {object} call
 * @param {string | null} call.id
 * @param {string} call.name
 * @param {any} call.args An object, or JSON that is not complete yet.
 * @param {Message | undefined} result
 * @param {ToolState | undefined} state
 * @param {boolean} isRunning Whether the thread's run is active.
 * @param {boolean} [isWaiting] Whether it waits for an answer of the reader.
 */
export function toolCallTemplate(call, result, state, isRunning, isWaiting = false) {
  const outcome = outcomeOf(result, state, isRunning, isWaiting);
  return html`<details class="tool" data-state=${outcome.state}>
    <summary>
      ${icon("tool")}<b dir="auto">${call.name || "tool"}</b>
      <span class="tool-argument" dir="auto">${state?.progress || shortArguments(call.args)}</span>
      <span class="tool-outcome">${outcome.text}</span>
    </summary>
    <div class="tool-body">
      <h3>Arguments</h3>
      <pre class="tool-data" tabindex="0" dir="auto">${asText(call.args)}</pre>
      ${result ? resultTemplate(result) : nothing}
      ${!result && state?.error ? html`<h3>Error</h3><pre class="tool-data" tabindex="0">${state.error}</pre>` : nothing}
    </div>
  </details>`;
}

/** Show the result of a call that is not in the conversation. @param {Message} message */
export function orphanResultTemplate(message) {
  return toolCallTemplate({ id: message.tool_call_id, name: message.name ?? "tool", args: {} }, message, undefined, false);
}

/** @param {Message} result */
function resultTemplate(result) {
  const text = result.text;
  const rest = text.length - RESULT_LIMIT;
  return html`<h3>Result</h3>
    <pre class="tool-data" tabindex="0" dir="auto">${text.slice(0, RESULT_LIMIT) || "(empty)"}</pre>
    ${rest > 0 ? html`<p class="soft">${rest.toLocaleString()} more characters are not shown.</p>` : nothing}
    ${attachmentsTemplate(result)}`;
}

/**
 * @param {Message | undefined} result
 * @param {ToolState | undefined} state
 * @param {boolean} isRunning
 * @param {boolean} isWaiting
 * @returns {{state: string, text: string}}
 */
function outcomeOf(result, state, isRunning, isWaiting) {
  const seconds = durationOf(state);
  if (state?.state === "failed" || (result && /** @type {any} */ (result).status === "error")) return { state: "failed", text: "failed" };
  if (result || state?.state === "done") return { state: "done", text: seconds === null ? "done" : `done, ${seconds}` };
  if (state?.state === "waiting" || (isWaiting && !isRunning)) return { state: "waiting", text: "waits for you" };
  if (isRunning) return { state: "running", text: state ? "running…" : "preparing…" };
  return { state: "none", text: "no result" };
}

/** Both times are the server's, so a wrong clock here changes nothing. @param {ToolState | undefined} state */
function durationOf(state) {
  if (!state?.startedAt || !state.finishedAt) return null;
  const seconds = (Date.parse(state.finishedAt) - Date.parse(state.startedAt)) / 1000;
  if (!(seconds >= 0)) return null;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** @param {any} args */
function shortArguments(args) {
  if (typeof args === "string") return args.slice(0, 80);
  const values = Object.values(args ?? {}).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  return values.join(", ").replace(/\s+/g, " ").slice(0, 120);
}

/** @param {any} value */
export function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value ?? {}, null, 2);
}
