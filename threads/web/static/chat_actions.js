// @ts-check
/** What the reader does in a conversation, and what is said if it fails. */
import { html, nothing } from "../vendor/lit-html.js";
import { ApiError } from "./api.js";
import { copyText } from "./code_block.js";
import { Conversation } from "./conversation.js";
import { toast, toastError } from "./dialogs.js";
import { draftKey } from "./drafts.js";
import { textOf } from "./error_texts.js";
import { findAgent, nextAgent } from "./new_chat.js";
import { OpenThread } from "./open_thread.js";
import { navigate } from "./router.js";
import { RunRequests } from "./run_requests.js";
import { get, putThreads } from "./store.js";
import { TemporaryThread } from "./temporary_thread.js";
import { groupMessages } from "./turns.js";

/**
 * @typedef {import("./chat.js").ChatView} ChatView
 * @typedef {import("./conversation.js").Message} Message
 * @typedef {import("./conversation.js").PendingMessage} PendingMessage
 */

export class ChatActions {
  /** @param {ChatView} view */
  constructor(view) {
    this.view = view;
    /** The conversation of a thread that does not exist yet. */
    this.unborn = new Conversation("");
    this.reset();
    /** @type {import("./message.js").MessageActions} */
    this.messageActions = {
      copy: (text) => void copyText(text).then((done) => toast(done ? "Copied." : "This browser does not allow it.")),
      edit: (message) => this.startEdit(message.id),
      cancelEdit: () => this.startEdit(null),
      submitEdit: (message, text) => void this.submitEdit(message, text),
      regenerate: (message) => void this.regenerate(message),
      fork: (message) => void this.attempt(async (thread) => navigate({ thread: (await thread.fork(message)).id })),
      undo: (message) => void this.undo(message),
      showVersion: (message, version) => void this.attempt((thread) => thread.showVersion(message, version)),
      unfold: (key) => { this.view.history.texts.unfold(key); this.view.show(); },
    };
  }

  reset() {
    this.unborn = new Conversation("");
    /** @type {string | null} */
    this.editedId = null;
    /** @type {string | null} */
    this.editedText = null;
    /** @type {ApiError | null} */
    this.error = null;
    /** @type {Map<string, any>} */
    this.cardDrafts = new Map();
  }

  /** @returns {Conversation} */
  get conversation() {
    return this.view.thread?.conversation ?? this.unborn;
  }

  get record() {
    const { thread } = this.view;
    return thread instanceof OpenThread ? get().threads.get(thread.id) : undefined;
  }

  get isTrashed() {
    const { thread } = this.view;
    return thread instanceof OpenThread && (thread.isTrashed || Boolean(this.record?.trashed_at));
  }

  /** Whether messages can be copied only. */
  get isReadOnly() {
    return !(this.view.thread instanceof OpenThread) || this.blocked() !== "";
  }

  get canRetry() {
    return this.view.thread instanceof TemporaryThread;
  }

  /** Return why nothing can be sent here; empty if it can. */
  blocked() {
    const { thread } = this.view;
    if (!(thread instanceof OpenThread)) return "";
    if (thread.isGone) return "This conversation is gone";
    if (this.isTrashed) return "Restore it to continue";
    if (!this.record) return "";
    if (this.record.agent_id === null) return "Choose an agent to continue";
    return findAgent(this.record.agent_id) || !get().agents.length ? "" : `The agent ${this.record.agent_id} is not here: choose another`;
  }

  /** @param {Conversation} conversation */
  requests(conversation) {
    return new RunRequests(conversation, {
      onChange: () => this.view.show(),
      onRefused: (pending, error) => this.handleRefused(conversation, pending, error),
    });
  }

  /** @param {string} text @param {"enqueue" | "interrupt"} strategy */
  async send(text, strategy) {
    const { thread } = this.view;
    this.error = null;
    this.view.scroll.goToEnd();
    if (thread instanceof TemporaryThread) {
      await thread.sendMessage(text).catch((error) => this.handleRefused(thread.conversation, { text }, error));
    } else if (thread) {
      const response = await this.requests(thread.conversation).sendMessage(text, strategy);
      if (response) this.view.accepted(thread, text);
    } else {
      await this.create(text);
    }
  }

  /** Begin a thread with its first message. @param {string} text */
  async create(text) {
    const conversation = this.unborn;
    const response = await this.requests(conversation).create(text, nextAgent()?.id ?? null);
    if (!response) return;
    const record = await response.json();
    putThreads([record]);
    this.view.composer.forget(draftKey(get().me?.name ?? null, null), text);
    if (this.unborn !== conversation) {
      toast(`Begun: ${record.title}`, { action: "Show", onAction: () => navigate({ thread: record.id }) });
      return;
    }
    const thread = new OpenThread(record.id, (change) => this.view.handleChange(change));
    thread.conversation.pending = conversation.pending;
    this.view.adopt(thread);
    navigate({ thread: record.id }, { replace: true });
  }

  /** Give back what was typed, and say why. @param {Conversation} conversation @param {Pick<PendingMessage, "text"> & Partial<PendingMessage>} pending @param {unknown} error */
  handleRefused(conversation, pending, error) {
    const isShown = conversation === this.conversation;
    if (error instanceof ApiError && [404, 410].includes(error.status) && this.view.thread instanceof OpenThread && isShown) {
      this.view.thread.fail(error);
    }
    if (isShown && pending.text && !pending.editedId) this.view.composer.giveBack(pending.text);
    if (isShown && pending.editedId) {
      this.editedId = pending.editedId;
      this.editedText = pending.text;
    }
    if (isShown && this.view.thread instanceof OpenThread && !this.view.thread.isGone) this.view.thread.refreshSoon();
    if (error instanceof ApiError && error.code !== "Offline") this.error = error;
    else if (!(error instanceof ApiError) && !(error instanceof DOMException)) throw error;
    this.view.show();
  }

  noticeTemplate() {
    const { error } = this;
    if (!error) return nothing;
    const close = () => { this.error = null; this.view.show(); };
    return html`<p class="composer-notice"><span dir="auto">Not sent: ${textOf(error)}</span>
      <button class="btn small" type="button" @click=${close}>Close</button></p>`;
  }

  /** Do something with the open thread, and say if it fails. @param {(thread: OpenThread) => unknown} act */
  async attempt(act) {
    const { thread } = this.view;
    if (!(thread instanceof OpenThread)) return;
    try {
      await act(thread);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(textOf(error), { kind: "bad", seconds: 8 });
      thread.refreshSoon();
    }
  }

  async stop() {
    if (this.view.thread instanceof TemporaryThread) this.view.thread.stop();
    for (const each of this.conversation.pending.filter(({ runId, isQueued }) => !runId && !isQueued)) {
      if (each.error) each.sending?.cancel();
      else await each.sending?.response.catch(() => {}); // the server may have it already
    }
    if (this.conversation.isBusy) await this.attempt((thread) => thread.stop());
  }

  stopByKey() {
    if (get().route.view !== "chat" || !this.conversation.isBusy) return false;
    void this.stop();
    return true;
  }

  /** @param {PendingMessage} pending */
  async cancelQueued(pending) {
    await this.attempt((thread) => thread.cancelQueued(String(pending.runId)));
    this.view.composer.giveBack(pending.text);
  }

  /** @param {string | null} id */
  startEdit(id) {
    Object.assign(this, { editedId: id, editedText: null });
    this.view.show();
    if (id === null) this.view.composer.focus();
  }

  editLast() {
    const last = this.conversation.messages.findLast((each) => each.role === "user" && each.id);
    if (last && !this.isReadOnly && !this.conversation.isBusy) this.startEdit(last.id);
  }

  /** @param {Message} message @param {string} text */
  async submitEdit(message, text) {
    Object.assign(this, { editedId: null, error: null });
    this.view.scroll.goToEnd();
    this.view.focus();
    await this.requests(this.conversation).edit(message, text);
  }

  /** @param {Message} message */
  async regenerate(message) {
    const items = groupMessages(this.conversation.messages);
    const item = items.find((each) => each.kind === "assistant" && each.messages.includes(message));
    this.view.focus();
    if (item?.kind === "assistant") await this.requests(this.conversation).regenerate(item, message);
  }

  /** Take back a message, and put it into the field. @param {Message} message */
  async undo(message) {
    await this.attempt(async (thread) => {
      await thread.undo(message);
      this.view.composer.giveBack(message.text);
      toast("Taken back. What followed stays as another version.");
    });
  }

  async retry() {
    const { thread } = this.view;
    if (thread instanceof TemporaryThread) await thread.retry().catch(toastError);
    else await this.requests(this.conversation).retry();
  }

  async markRead() {
    if (document.visibilityState !== "visible" || this.conversation.isBusy) return;
    const { thread } = this.view;
    if (thread instanceof OpenThread && thread.conversation.isLoaded) await thread.markRead().catch(() => {}); // the next look marks it
  }

  /** @returns {import("./interrupt_card.js").CardContext} */
  cardContext() {
    return {
      drafts: this.cardDrafts, assistantName: this.view.assistantName(), isSending: this.conversation.isBusy,
      update: () => this.view.show(),
      submit: (answer) => void this.requests(this.conversation).resume(answer),
    };
  }
}
