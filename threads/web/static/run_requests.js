// @ts-check
/** What the reader sends in a thread and an agent answers: messages, edits, answers to interrupts, retries. */
import { newKey, sendReliably } from "./outbox.js";

/**
 * @typedef {import("./conversation.js").PendingMessage} PendingMessage
 * @typedef {import("./conversation.js").Conversation} Conversation
 * @typedef {object} Handlers
 * @property {() => void} onChange
 * @property {(pending: PendingMessage, error: unknown) => void} onRefused Gives back what was typed.
 */

export class RunRequests {
  /** @param {Conversation} conversation @param {Handlers} handlers */
  constructor(conversation, handlers) {
    this.conversation = conversation;
    this.handlers = handlers;
  }

  /** @param {string[]} parts Of the path, behind `threads` and the id. */
  path(parts) {
    return ["threads", this.conversation.id, ...parts];
  }

  /** @param {string} text @param {"enqueue" | "interrupt"} strategy @param {string | null} [agentId] */
  sendMessage(text, strategy, agentId) {
    const isQueued = strategy === "enqueue" && this.conversation.isRunning;
    const body = { message: text, multitask_strategy: strategy, ...(agentId ? { agent_id: agentId } : {}) };
    return this.submit(text, "POST", this.path(["messages"]), body, { isQueued });
  }

  /** @param {import("./conversation.js").Message} message @param {string} text */
  edit(message, text) {
    const id = String(message.id);
    this.conversation.cutFrom(id);
    return this.submit(text, "PUT", this.path(["messages", id]), { message: text }, { editedId: id });
  }

  /** @param {import("./turns.js").AssistantItem} item @param {import("./conversation.js").Message} message */
  regenerate(item, message) {
    const first = item.messages[0];
    if (first?.id) this.conversation.cutFrom(first.id);
    return this.submit("", "POST", this.path(["regenerate"]), { message_id: message.id });
  }

  /** @param {{value: any} | null} answer */
  resume(answer) {
    return this.submit("", "POST", this.path(["resume"]), answer ?? {});
  }

  retry() {
    this.conversation.failure = null;
    return this.submit("", "POST", this.path(["retry"]), undefined);
  }

  /** Create a thread with its first message. @param {string} text @param {string | null} agentId */
  create(text, agentId) {
    const body = { initial_message: text, ...(agentId ? { agent_id: agentId } : {}) };
    return this.submit(text, "POST", ["threads"], body);
  }

  /**
   * Send it, shown as pending until it is stored. Return the response, null if it was refused.
   * @param {string} text
   * @param {string} method
   * @param {string[]} path
   * @param {unknown} body
   * @param {Partial<PendingMessage>} [more]
   * @returns {Promise<Response | null>}
   */
  async submit(text, method, path, body, more = {}) {
    /** @type {PendingMessage} */
    const pending = { key: newKey(), text, runId: null, isQueued: false, editedId: null, error: null, retryAt: 0, sending: null, ...more };
    this.conversation.pending.push(pending);
    pending.sending = sendReliably(method, path, body, ({ error, retryAt }) => {
      Object.assign(pending, { error, retryAt });
      this.handlers.onChange();
    });
    try {
      const response = await pending.sending.response;
      pending.sending = null;
      await this.accept(pending, response.clone());
      return response;
    } catch (error) {
      this.remove(pending);
      this.handlers.onRefused(pending, error);
      return null;
    } finally {
      this.handlers.onChange();
    }
  }

  /** @param {PendingMessage} pending @param {Response} response */
  async accept(pending, response) {
    const headerId = response.headers.get("X-Run-Id");
    const body = await response.json().catch(() => null);
    pending.runId = headerId ?? body?.id ?? body?.run?.id ?? null;
    this.conversation.settlePending(pending);
  }

  /** @param {PendingMessage} pending */
  remove(pending) {
    this.conversation.pending = this.conversation.pending.filter((each) => each !== pending);
  }
}
