// @ts-check
/** A conversation without a thread: it is kept in this tab alone, and sent along with each message. */
import { ApiError, streamRun } from "./api.js";
import { Conversation } from "./conversation.js";
import { newKey } from "./outbox.js";

/** @typedef {import("./conversation.js").Message} Message */

export class TemporaryThread {
  /** @param {string | null} agentId @param {(change: "live" | "messages") => void} onChange */
  constructor(agentId, onChange) {
    this.id = null;
    this.agentId = agentId;
    this.conversation = new Conversation("");
    this.conversation.isLoaded = true;
    this.onChange = onChange;
    this.aborter = new AbortController();
  }

  close() {
    this.aborter.abort();
  }

  /** Answer a message. Raises `ApiError`; then the message is not part of the conversation. @param {string} text */
  async sendMessage(text) {
    const { conversation } = this;
    const message = userMessage(text);
    conversation.messages = [...conversation.messages, message];
    conversation.runId = "temporary";
    conversation.failure = null;
    this.onChange("messages");
    await this.answer(message);
  }

  /** @param {Message} message The one to answer, which is the last. */
  async answer(message) {
    const { conversation } = this;
    this.aborter = new AbortController();
    let hasBegun = false;
    try {
      const body = { messages: spoken(conversation.messages), ...(this.agentId ? { agent_id: this.agentId } : {}) };
      for await (const event of streamRun("POST", ["runs"], { body, signal: this.aborter.signal })) {
        hasBegun = true;
        conversation.lastSequence = 0;
        conversation.apply(event);
        this.onChange(event.type === "token" ? "live" : "messages");
      }
      if (conversation.isRunning) conversation.failure = { runId: null, reason: "The connection broke off." };
    } catch (error) {
      if (this.aborter.signal.aborted) return this.keepPartial();
      if (!hasBegun) conversation.messages = conversation.messages.filter((each) => each !== message);
      else conversation.failure = { runId: null, reason: error instanceof ApiError ? error.message : String(error) };
      if (!hasBegun) throw error;
    } finally {
      conversation.runId = null;
      conversation.interrupts = [];
      this.onChange("messages");
    }
  }

  /** Keep what was written until the reader stopped it. */
  keepPartial() {
    const { conversation } = this;
    for (const live of conversation.live.values()) {
      if (live.text) conversation.messages = [...conversation.messages, { ...userMessage(live.text), id: live.id, role: "assistant", stopped: true }];
    }
    conversation.live.clear();
  }

  stop() {
    this.aborter.abort();
  }

  /** Answer the last message again. */
  async retry() {
    const index = this.conversation.messages.findLastIndex((each) => each.role === "user");
    const message = this.conversation.messages[index];
    if (!message) return;
    this.conversation.messages = this.conversation.messages.slice(0, index + 1);
    this.conversation.failure = null;
    this.conversation.runId = "temporary";
    this.onChange("messages");
    await this.answer(message);
  }
}

/** Return the messages that the agent gets: what was said. @param {Message[]} messages */
function spoken(messages) {
  return messages
    .filter((each) => (each.role === "user" || each.role === "assistant") && each.text.trim())
    .map((each) => ({ role: each.role, content: each.text }));
}

/** @param {string} text @returns {Message} */
function userMessage(text) {
  return {
    id: newKey(), role: "user", text, content: [{ type: "text", text }], tool_calls: [], tool_call_id: null, name: null,
    created_at: null, run_id: null, usage: null, version: 1, versions: [], stopped: false, source: null,
  };
}
