// @ts-check
/** What is known of tool calls from events: whether they run, since when, what they report. */

/** @typedef {import("./conversation.js").ThreadEvent} ThreadEvent */
/** @typedef {import("./conversation.js").ToolState} ToolState */

export class ToolStates {
  constructor() {
    /** @type {Map<string, ToolState>} */
    this.byCall = new Map();
  }

  /** @param {string | null} callId */
  get(callId) {
    return callId === null ? undefined : this.byCall.get(callId);
  }

  /** @param {ThreadEvent} event Of type `tool_started` or `tool_finished`. */
  apply(event) {
    const { tool_call_id: id, name, args, error, interrupted } = event.data;
    if (!id) return;
    const known = this.byCall.get(id);
    if (event.type === "tool_started") {
      this.byCall.set(id, { state: "running", startedAt: event.created_at, finishedAt: null, error: null, name, args, progress: "" });
      return;
    }
    const state = interrupted ? "waiting" : error ? "failed" : "done";
    const before = known ?? { startedAt: null, args: undefined };
    this.byCall.set(id, { ...before, progress: "", name, state, error: error ?? null, finishedAt: event.created_at });
  }

  /** Show what a node reports beside the tools that run. @param {unknown} value */
  setProgress(value) {
    if (typeof value !== "string" || !value) return;
    for (const tool of this.running()) tool.progress = value.slice(0, 200);
  }

  /** The result of a call is stored. @param {string | null} callId */
  finish(callId) {
    const tool = this.get(callId);
    if (tool?.state === "running") tool.state = "done";
  }

  /** The run ended: no tool runs any more. @param {boolean} isInterrupted Whether it waits for an answer. */
  endRun(isInterrupted) {
    for (const tool of this.running()) tool.state = isInterrupted ? "waiting" : "failed";
  }

  running() {
    return [...this.byCall.values()].filter((each) => each.state === "running");
  }
}

/**
 * Add a part of a streamed call.
 * @param {Map<string, {id: string | null, name: string, args: string}>} calls By index in the message.
 * @param {any} block
 */
export function addCallChunk(calls, block) {
  const key = String(block.index ?? block.id ?? calls.size);
  const call = calls.get(key) ?? { id: null, name: "", args: "" };
  call.id = block.id ?? call.id;
  call.name = block.name || call.name;
  call.args += typeof block.args === "string" ? block.args : JSON.stringify(block.args ?? {});
  calls.set(key, call);
}
