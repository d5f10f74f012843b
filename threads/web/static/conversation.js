// @ts-check
/**
 * The state of the open thread: its messages, the answer that streams, runs, interrupts and failures.
 *
 * It changes by pages of messages and by events, in any order and more than once: what is stored replaces what
 * streams, by the id of the message.
 *
 * @typedef {{type: string, [key: string]: any}} Block
 * @typedef {{id: string | null, name: string, args: any}} ToolCall
 * @typedef {object} Message
 * @property {string | null} id
 * @property {"user" | "assistant" | "system" | "tool"} role
 * @property {string} text
 * @property {Block[]} content
 * @property {ToolCall[]} tool_calls
 * @property {string | null} tool_call_id
 * @property {string | null} name
 * @property {string | null} created_at
 * @property {string | null} run_id
 * @property {{input_tokens: number, output_tokens: number, total_tokens: number} | null} usage
 * @property {number} version
 * @property {string[]} versions
 * @property {boolean} stopped
 * @property {string | null} source
 * @property {string | null} [model]
 * @typedef {{id: string, value: any, kind: string, choices: any[], response_schema: any}} Interrupt
 * @typedef {{id: string, text: string, reasoning: string, calls: Map<string, {id: string | null, name: string, args: string}>}} LiveMessage
 * @typedef {{state: "running" | "done" | "failed" | "waiting", startedAt: string | null, finishedAt: string | null, error: string | null, name: string, args: any, progress: string}} ToolState
 * @typedef {object} PendingMessage What was sent and is not stored yet.
 * @property {string} key
 * @property {string} text Empty for what is no message.
 * @property {string | null} runId Null until the server has accepted it.
 * @property {boolean} isQueued
 * @property {string | null} editedId
 * @property {import("./api.js").ApiError | null} error Why the last try failed.
 * @property {number} retryAt
 * @property {import("./outbox.js").Sending | null} sending
 * @typedef {{runId: string | null, reason: string}} Failure
 * @typedef {{type: string, thread_id: string, sequence: number, run_id: string | null, data: any, created_at: string | null}} ThreadEvent
 */
import { addCallChunk, ToolStates } from "./tool_states.js";

const END_TYPES = new Set(["interrupted", "finished", "failed", "stopped"]);

export class Conversation {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    /** @type {Message[]} */
    this.messages = [];
    this.hasOlder = false;
    this.isLoaded = false;
    /** @type {Map<string, LiveMessage>} */
    this.live = new Map();
    this.tools = new ToolStates();
    /** @type {PendingMessage[]} */
    this.pending = [];
    /** @type {Interrupt[]} */
    this.interrupts = [];
    /** @type {string | null} */
    this.runId = null;
    /** Runs that wait, of this page or others. @type {Set<string>} */
    this.queuedRuns = new Set();
    /** @type {Failure | null} */
    this.failure = null;
    this.lastSequence = 0;
    /** Runs that ended, whose late events and responses change nothing. @type {Set<string>} */
    this.endedRuns = new Set();
  }

  get isRunning() {
    return this.runId !== null;
  }

  /** Whether an answer is under way, or was requested. */
  get isBusy() {
    return this.isRunning || this.pending.some((each) => !each.isQueued);
  }

  /** Take the newest page of messages. Older ones that are shown stay if the pages join. @param {Message[]} page @param {boolean} hasOlder */
  setNewest(page, hasOlder) {
    const first = page[0]?.id;
    const start = first ? this.messages.findIndex((each) => each.id === first) : -1;
    const older = start > 0 && hasOlder ? this.messages.slice(0, start) : [];
    this.hasOlder = older.length ? this.hasOlder : hasOlder;
    this.messages = [...older, ...page.map((each) => this.reuse(each))];
    for (const message of page) this.confirm(message);
    this.isLoaded = true;
  }

  /** Keep the object of an unchanged message, by which its rendered text is found. @param {Message} message */
  reuse(message) {
    const old = message.id === null ? undefined : this.messages.find((each) => each.id === message.id);
    return old && JSON.stringify(old) === JSON.stringify(message) ? old : message;
  }

  /** @param {Message[]} page @param {boolean} hasOlder */
  addOlder(page, hasOlder) {
    const known = new Set(this.messages.map((each) => each.id).filter(Boolean));
    this.messages = [...page.filter((each) => each.id === null || !known.has(each.id)), ...this.messages];
    this.hasOlder = hasOlder;
  }

  /** Remove the messages from this one on, which an edit or another version replaces. @param {string} messageId */
  cutFrom(messageId) {
    const index = this.messages.findIndex((each) => each.id === messageId);
    if (index >= 0) this.messages = this.messages.slice(0, index);
    this.interrupts = [];
    this.failure = null;
  }

  /**
   * Apply an event. Return whether the messages have to be read again: a branch was changed, or ids and versions
   * are known only now.
   * @param {ThreadEvent} event
   * @returns {boolean}
   */
  apply(event) {
    if (event.type === "gap") return true;
    if (event.sequence <= this.lastSequence) return false;
    this.lastSequence = event.sequence;
    const { data } = event;
    if (END_TYPES.has(event.type)) return this.end(event);
    if (data?.in_conversation === false) return false;
    switch (event.type) {
      case "started":
        return this.start(event);
      case "token":
        this.addToken(data);
        return false;
      case "message":
        this.addMessage(data.message, event.run_id);
        return false;
      case "tool_started":
      case "tool_finished":
        this.tools.apply(event);
        return false;
      case "custom":
        this.tools.setProgress(data.value);
        return false;
      default:
        return false;
    }
  }

  /** Take the state of the newest runs, as they are listed. @param {any[]} runs Newest first. */
  setRuns(runs) {
    const active = runs.find((run) => run.status === "running" && run.kind !== "title" && !this.endedRuns.has(run.id));
    this.runId = active?.id ?? null;
    this.queuedRuns = new Set(runs.filter((run) => run.status === "pending").map((run) => run.id));
    const last = runs.find((run) => run.kind !== "title" && run.status !== "pending");
    this.failure = last?.status === "error" ? { runId: last.id, reason: last.error ?? last.error_type ?? "" } : null;
  }

  /** Apply the events of the active run from its start. @param {ThreadEvent[]} events */
  replay(events) {
    const last = this.lastSequence;
    this.live.clear();
    this.lastSequence = 0;
    for (const event of events) this.apply(event);
    this.lastSequence = Math.max(last, this.lastSequence);
  }

  /** The server has accepted it: its events may have come first. @param {PendingMessage} pending */
  settlePending(pending) {
    const { runId } = pending;
    const isStored = this.messages.some((each) => each.role === "user" && each.run_id === runId && runId !== null);
    const isOver = runId === null || this.endedRuns.has(runId) || (runId === this.runId && !pending.text);
    if (isOver || isStored) this.pending = this.pending.filter((each) => each !== pending);
    if (runId === this.runId || !this.isRunning) pending.isQueued = false;
    if (pending.isQueued && runId) this.queuedRuns.add(runId);
  }

  /** Forget a run that was taken out of the queue. @param {string} runId */
  forgetRun(runId) {
    this.queuedRuns.delete(runId);
    this.pending = this.pending.filter((each) => each.runId !== runId);
  }

  /** @param {ThreadEvent} event */
  start(event) {
    this.runId = event.run_id;
    this.live.clear(); // of an attempt that broke off
    this.failure = null;
    this.interrupts = [];
    if (event.run_id) this.queuedRuns.delete(event.run_id);
    for (const each of this.pending) if (each.runId === event.run_id) each.isQueued = false;
    this.pending = this.pending.filter((each) => each.text || each.runId !== event.run_id);
    return ["edit", "regenerate", "recovery"].includes(event.data.kind);
  }

  /** @param {ThreadEvent} event */
  end(event) {
    if (event.run_id) {
      this.endedRuns.add(event.run_id);
      this.queuedRuns.delete(event.run_id);
      this.pending = this.pending.filter((each) => each.runId !== event.run_id);
    }
    if (this.runId !== null && this.runId !== event.run_id) return true;
    this.runId = null;
    this.interrupts = event.type === "interrupted" ? (event.data.interrupts ?? []) : [];
    if (event.type === "failed") this.failure = { runId: event.run_id, reason: event.data.reason ?? event.data.error_type ?? "" };
    this.tools.endRun(event.type === "interrupted");
    return true;
  }

  /** @param {any} data */
  addToken(data) {
    const id = data.message_id ?? "";
    if (this.messages.some((each) => each.id !== null && each.id === id)) return;
    const message = this.live.get(id) ?? { id, text: "", reasoning: "", calls: new Map() };
    message.text += data.text ?? "";
    for (const block of data.content ?? []) {
      if (block.type === "reasoning") message.reasoning += block.reasoning ?? "";
      if (block.type === "tool_call_chunk" || block.type === "tool_call") addCallChunk(message.calls, block);
    }
    this.live.set(id, message);
  }

  /** @param {Message} message @param {string | null} runId */
  addMessage(message, runId) {
    const index = message.id === null ? -1 : this.messages.findIndex((each) => each.id === message.id);
    if (index >= 0) {
      const known = /** @type {Message} */ (this.messages[index]);
      this.messages[index] = { ...message, version: known.version, versions: known.versions };
    } else {
      this.messages = [...this.messages, message];
    }
    if (message.role === "user") this.pending = this.pending.filter((each) => each.runId !== runId || runId === null);
    this.confirm(message);
  }

  /** Forget what streamed of a message that is stored. @param {Message} message */
  confirm(message) {
    if (message.id !== null) this.live.delete(message.id);
    if (message.role === "tool") this.tools.finish(message.tool_call_id);
  }

  /** Forget what streamed and was not stored; call it when the messages of an ended run were read. */
  dropLive() {
    if (this.isRunning) return;
    this.live.clear();
    this.pending = this.pending.filter((each) => each.isQueued || each.runId === null);
  }
}
