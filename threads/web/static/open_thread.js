// @ts-check
/** A thread that is shown: reads it, follows its events, and sends what the reader does in it. */
import { ApiError, get, getPage, send } from "./api.js";
import { Conversation } from "./conversation.js";
import { onGap, subscribe } from "./events.js";
import { readRunEvents } from "./run_events.js";
import { dropThread, get as getState, patchThread, putThreads } from "./store.js";
import { setUnread } from "./unread.js";

/** @import { ThreadEvent, Thread } from "./types.js" */
/** @typedef {import("./conversation.js").Message} Message */

/** Messages of the first page, and of each older one. */
export const PAGE_SIZE = 50;
/** Milliseconds in which several reasons to read the messages again become one. */
const REFRESH_DELAY = 80;

/** Milliseconds between two tries to read a thread while the server is gone. */
const RETRY_DELAY = 2000;

export class OpenThread {
  /**
   * @param {string} id
   * @param {(change: "live" | "messages") => void} onChange Called after each change: of what streams alone, or of more.
   */
  constructor(id, onChange) {
    this.id = id;
    this.conversation = new Conversation(id);
    this.onChange = onChange;
    /** @type {ApiError | null} */
    this.loadError = null;
    this.isGone = false;
    this.isTrashed = false;
    this.isLoadingOlder = false;
    this.isClosed = false;
    /** Events that arrive before the thread is read. @type {ThreadEvent[] | null} */
    this.buffered = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.refreshTimer = undefined;
    /** Counts reads, so that one that was overtaken changes nothing. */
    this.reads = 0;
    this.unsubscribers = [subscribe(id, (event) => this.receive(event)), onGap(() => this.refreshSoon())];
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.refreshTimer);
    for (const unsubscribe of this.unsubscribers) unsubscribe();
  }

  /** Read the thread and its newest messages; again after a while if the server is gone. */
  async load() {
    const number = (this.reads += 1);
    try {
      await this.read(PAGE_SIZE, number);
    } catch (error) {
      if (this.isClosed || number !== this.reads) return;
      this.fail(error);
      if (error instanceof ApiError && error.isTemporary) this.refreshTimer = setTimeout(() => void this.load(), RETRY_DELAY);
    }
  }

  /** Read it again at once, after a time in which that was not possible. */
  reload() {
    if (this.conversation.isLoaded) this.refreshSoon();
    else void this.load();
  }

  /** @param {number} limit @param {number} number */
  async read(limit, number) {
    const thread = ["threads", this.id];
    const known = getState();
    if (this.conversation.isLoaded && (await this.isInTrash())) return;
    const [record, page, runs] = await Promise.all([
      get(thread),
      getPage([...thread, "messages"], { limit }),
      get([...thread, "runs"], { limit: 20 }),
    ]);
    const active = runs.find((/** @type {any} */ run) => run.status === "running");
    const interrupts = record.status === "interrupted" ? await get([...thread, "interrupts"]) : [];
    const replay = active ? await readRunEvents(this.id, active.id) : [];
    if (this.isClosed || number !== this.reads) return;
    const stored = getState();
    if (stored.threads.get(this.id) === known.threads.get(this.id)) putThreads([record]); // else a newer one has come
    this.take(page, runs, interrupts, replay);
  }

  /** Whether the thread was moved to the trash, where its messages cannot be read. */
  async isInTrash() {
    const record = await get(["threads", this.id]);
    this.isTrashed = Boolean(record.trashed_at);
    if (!this.isTrashed || this.isClosed) return this.isTrashed;
    putThreads([record]);
    for (const event of this.buffered ?? []) this.conversation.apply(event);
    this.buffered = null;
    this.onChange("messages");
    return true;
  }

  /** @param {{items: any[], next: string | null}} page @param {any[]} runs @param {any[]} interrupts @param {ThreadEvent[]} replay */
  take(page, runs, interrupts, replay) {
    const { conversation } = this;
    this.loadError = null;
    this.isTrashed = false;
    conversation.setNewest(page.items, page.next !== null);
    conversation.interrupts = interrupts;
    conversation.setRuns(runs);
    if (replay.length) conversation.replay(replay);
    const mustRead = (this.buffered ?? []).filter((event) => conversation.apply(event)).length > 0;
    this.buffered = null;
    conversation.dropLive();
    if (mustRead) this.refreshSoon();
    this.onChange("messages");
  }

  /** @param {ThreadEvent} event */
  receive(event) {
    if (event.type === "changed") {
      const isOwn = event.data.change === "updated" && this.conversation.isBusy; // the run's own events say more
      if (event.data.change !== "read" && !isOwn) this.refreshSoon();
      return;
    }
    if (this.buffered) {
      this.buffered.push(event);
      return;
    }
    const mustRead = this.conversation.apply(event);
    this.patchRecord(event);
    if (mustRead) this.refreshSoon();
    this.onChange(event.type === "token" || event.type === "custom" ? "live" : "messages");
  }

  /** Show a new status and title at once; the list reads the rest. @param {ThreadEvent} event */
  patchRecord(event) {
    const status = { started: "busy", finished: "idle", stopped: "idle", failed: "error", interrupted: "interrupted" }[event.type];
    if (status) patchThread(this.id, { status: /** @type {Thread["status"]} */ (status) });
    if (event.type === "title" && event.data.title) patchThread(this.id, { title: event.data.title });
  }

  refreshSoon() {
    clearTimeout(this.refreshTimer);
    this.refreshTimer = setTimeout(() => void (this.conversation.isLoaded ? this.refresh() : this.load()), REFRESH_DELAY);
  }

  /** Read again what is shown, for ids and versions, and for changes that have no event. */
  async refresh() {
    if (this.isClosed || !this.conversation.isLoaded) return;
    const number = (this.reads += 1);
    const limit = Math.min(Math.max(this.conversation.messages.length + 5, PAGE_SIZE), 200);
    this.buffered ??= [];
    try {
      await this.read(limit, number);
    } catch (error) {
      if (this.isClosed || number !== this.reads) return;
      for (const event of this.buffered ?? []) this.conversation.apply(event);
      this.buffered = null;
      if (error instanceof ApiError && error.isTemporary) this.refreshTimer = setTimeout(() => void this.refresh(), RETRY_DELAY);
      else this.fail(error);
      this.onChange("messages");
    }
  }

  /** Read older messages. Return whether there were any. */
  async loadOlder(limit = PAGE_SIZE) {
    const first = this.conversation.messages[0];
    if (!this.conversation.hasOlder || this.isLoadingOlder || !first?.id) return false;
    this.isLoadingOlder = true;
    try {
      const page = await getPage(["threads", this.id, "messages"], { limit, before: first.id });
      if (this.isClosed || this.conversation.messages[0] !== first) return false;
      this.conversation.addOlder(page.items, page.next !== null);
      return true;
    } finally {
      this.isLoadingOlder = false;
    }
  }

  /** @param {unknown} error */
  fail(error) {
    if (!(error instanceof ApiError)) throw error;
    if ([404, 410].includes(error.status)) {
      this.isGone = true;
      dropThread(this.id);
    } else if (error.code === "ThreadTrashed") {
      this.isTrashed = true;
    } else {
      this.loadError = error;
    }
    this.onChange("messages");
  }

  /** @param {string} method @param {string[]} parts @param {unknown} [body] */
  act(method, parts, body) {
    return send(method, ["threads", this.id, ...parts], body === undefined ? {} : { body });
  }

  /** Stop the active run; what it wrote stays. */
  async stop() {
    const { runId } = this.conversation;
    await (runId ? this.act("POST", ["runs", runId, "stop"]) : this.act("POST", ["stop"]));
  }

  /** Take a message out of the queue. @param {string} runId */
  async cancelQueued(runId) {
    await this.act("POST", ["runs", runId, "stop"]);
    this.conversation.forgetRun(runId);
    this.onChange("messages");
  }

  /** Show another version of a message. @param {Message} message @param {number} version From 1. */
  async showVersion(message, version) {
    const head = message.versions[version - 1];
    if (head === undefined) return;
    putThreads([await this.act("POST", ["rewind"], { to: head })]);
    await this.refresh();
  }

  /** Return a new thread that holds the messages up to this one. @param {Message} message @returns {Promise<Thread>} */
  async fork(message) {
    const forked = await this.act("POST", ["fork"], { at: message.id });
    putThreads([forked]);
    return forked;
  }

  /** Take back a message of the user and all that followed it. @param {Message} message */
  async undo(message) {
    await this.act("POST", ["undo"], { message_id: message.id });
    await this.refresh();
  }

  /** Take the thread out of the trash. */
  async restore() {
    putThreads([await this.act("POST", ["restore"])]);
    this.isTrashed = false;
    await this.load();
  }

  /** Mark all messages that are shown as read. */
  async markRead() {
    setUnread(this.id, (await this.act("PUT", ["read"], {})).unread);
  }
}
