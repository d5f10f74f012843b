// @ts-check
/** The conversation: the messages of the open thread, or of one that has not begun, and the field to write in. */
import { html, nothing, render } from "../vendor/lit-html.js";
import { ChatActions } from "./chat_actions.js";
import { ChatHistory } from "./chat_history.js";
import { handleCopyClick } from "./code_block.js";
import { Composer } from "./composer.js";
import { draftKey, pruneDrafts } from "./drafts.js";
import { emptyTemplate } from "./empty_chat.js";
import { ready } from "./events.js";
import { icon } from "./icons.js";
import { addShortcut } from "./keys.js";
import { addMessageKeys } from "./message_keys.js";
import { agentName, chooseNewChat, newChat, nextAgent, watchNewChat } from "./new_chat.js";
import { OpenThread } from "./open_thread.js";
import { ScrollFollower } from "./scroll_follower.js";
import { get, watch } from "./store.js";
import { TemporaryThread } from "./temporary_thread.js";

/** @param {HTMLElement} root */
export function mountChat(root) {
  const view = new ChatView(root);
  watch((state) => [state.route.view, state.route.thread, state.session], () => view.follow());
  watch((state) => state.route.message, () => view.jumpSoon());
  watch((state) => [state.threads.get(state.route.thread ?? ""), state.agents], () => view.handleRecord());
  watchNewChat(() => view.follow());
  pruneDrafts();
}

export class ChatView {
  /** @param {HTMLElement} root */
  constructor(root) {
    render(frameTemplate(() => this.scroll.goToEnd()), root);
    const find = (/** @type {string} */ name) => /** @type {HTMLElement} */ (root.querySelector(name));
    this.root = root;
    this.log = find(".log");
    this.latest = find(".latest");
    this.status = find(".chat-status");
    /** @type {OpenThread | TemporaryThread | null} */
    this.thread = null;
    /** Threads that were left with messages on their way. @type {Map<string, OpenThread>} */
    this.sending = new Map();
    this.actions = new ChatActions(this);
    this.history = new ChatHistory(find(".log-content"), this);
    this.scroll = new ScrollFollower(this.log, find(".log-content"), (isAtEnd) => { this.latest.hidden = isAtEnd; });
    this.composer = new Composer(find(".composer-place"), {
      onSend: (text, strategy) => void this.actions.send(text, strategy),
      onStop: () => void this.actions.stop(),
      onEditLast: () => this.actions.editLast(),
    });
    this.composer.unsent = () => this.unsent();
    this.log.addEventListener("scroll", () => void this.loadOlder(), { passive: true });
    this.log.addEventListener("click", handleCopyClick);
    document.addEventListener("visibilitychange", () => this.handleVisible());
    this.wasBusy = false;
    this.wasOut = false;
    this.addKeys();
  }

  addKeys() {
    addShortcut({ keys: "Escape", label: "Stop the answer", group: "Conversation", inText: true, run: () => this.actions.stopByKey() });
    addShortcut({ keys: "/", label: "Write a message", group: "Conversation", run: () => this.composer.focus() });
    addShortcut({ keys: "End", label: "Latest message", group: "Conversation", run: () => this.scroll.goToEnd() });
    addMessageKeys(this.actions, this.log);
  }

  /** Show the thread of the route, unless it is shown already. */
  follow() {
    const { route, session, agents } = get();
    const isRenewed = session === "in" && this.wasOut;
    this.wasOut = session === "out";
    if (route.view !== "chat" || session !== "in") return;
    if (isRenewed && this.thread instanceof OpenThread) this.thread.reload();
    if (route.thread !== null && newChat().isTemporary) chooseNewChat({ isTemporary: false });
    const { isTemporary } = newChat();
    if (route.thread === null && !isTemporary) this.open(null);
    else if (route.thread === null) this.openTemporary(agents.length ? (nextAgent()?.id ?? null) : null);
    else if (this.thread?.id !== route.thread) this.open(this.threadOf(route.thread));
    this.show();
  }

  /** @param {string} id */
  threadOf(id) {
    const left = this.sending.get(id);
    this.sending.delete(id);
    return left ?? new OpenThread(id, (change) => this.handleChange(change));
  }

  /** @param {OpenThread | null} thread */
  open(thread) {
    if (thread === null && this.thread === null && this.composer.draftKey) return;
    this.replace(thread);
    this.composer.openDraft(draftKey(get().me?.name ?? null, thread?.id ?? null));
    if (thread) void ready().then(() => thread.reload());
    this.focus();
  }

  /** Put the focus where one writes; on a screen that would open its keyboard, so there on the messages. */
  focus() {
    if (matchMedia("(pointer: coarse)").matches) this.log.focus({ preventScroll: true });
    else this.composer.focus();
  }

  /** @param {string | null} agentId */
  openTemporary(agentId) {
    if (this.thread instanceof TemporaryThread) {
      this.thread.agentId = agentId;
      return;
    }
    this.replace(new TemporaryThread(agentId, (change) => this.handleChange(change)));
    this.composer.openDraft("");
  }

  /** @param {OpenThread | TemporaryThread | null} thread */
  replace(thread) {
    this.composer.save();
    if (this.thread instanceof OpenThread && this.unsent().length) this.sending.set(this.thread.id, this.thread);
    else this.thread?.close();
    this.thread = thread;
    this.actions.reset();
    this.history.clear();
    this.scroll.goToEnd();
  }

  /** Continue with the thread that a first message created. @param {OpenThread} thread */
  adopt(thread) {
    this.thread = thread;
    this.composer.draftKey = draftKey(get().me?.name ?? null, thread.id);
    void thread.load();
  }

  /** The server has accepted a message of a thread, which may have been left. @param {OpenThread} thread @param {string} text */
  accepted(thread, text) {
    this.composer.forget(draftKey(get().me?.name ?? null, thread.id), text);
    if (this.thread === thread || thread.conversation.pending.some((each) => each.runId === null)) return;
    this.sending.delete(thread.id);
    thread.close();
  }

  /** @param {"live" | "messages"} change */
  handleChange(change) {
    if (change === "live") this.history.showLiveSoon();
    else this.show();
  }

  show() {
    const { conversation } = this.actions;
    this.history.show();
    this.composer.update(this.composerState());
    if (this.wasBusy !== conversation.isBusy) this.announce(conversation.isBusy);
    this.jump();
  }

  /** Tell screen readers that an answer begins, and what it is once it is complete. @param {boolean} isBusy */
  announce(isBusy) {
    this.wasBusy = isBusy;
    const { conversation } = this.actions;
    const name = this.assistantName();
    const last = conversation.messages.findLast((each) => each.role === "assistant");
    if (isBusy) this.status.textContent = `${name} is answering.`;
    else if (conversation.failure) this.status.textContent = `${name} failed.`;
    else if (conversation.interrupts.length) this.status.textContent = `${name} waits for your answer.`;
    else this.status.textContent = last ? `${name}: ${last.text.slice(0, 400)}` : "";
    if (!isBusy) void this.actions.markRead();
  }

  assistantName() {
    if (this.thread instanceof OpenThread) return agentName(get().threads.get(this.thread.id)?.agent_id ?? null);
    return nextAgent()?.name ?? "Assistant";
  }

  composerState() {
    const { conversation } = this.actions;
    const name = this.assistantName();
    const placeholder = conversation.interrupts.length ? "Answer above, or write something else" : `Message ${name}`;
    return {
      placeholder, isBusy: conversation.isBusy, isSending: !conversation.isRunning && conversation.pending.some((each) => each.runId === null), blocked: this.actions.blocked(), notice: this.actions.noticeTemplate(),
      hint: this.thread instanceof TemporaryThread ? "Temporary: nothing of this is stored. It is gone when you leave." : "",
    };
  }

  emptyTemplate() {
    const isEmpty = this.thread === null || (this.actions.conversation.isLoaded && !this.actions.conversation.messages.length);
    if (!isEmpty || this.actions.conversation.isBusy) return nothing;
    return emptyTemplate(nextAgent(), this.thread instanceof TemporaryThread, (text) => void this.actions.send(text, "enqueue"));
  }

  unsent() {
    return this.actions.conversation.pending.filter((each) => each.runId === null && each.text).map((each) => each.text);
  }

  async loadOlder() {
    if (!(this.thread instanceof OpenThread) || this.log.scrollTop > this.log.clientHeight) return;
    const { thread } = this;
    if (await thread.loadOlder().catch(() => false)) this.scroll.prepend(() => this.history.show());
  }

  /** The record of the thread has changed, or is gone: then it may have been deleted elsewhere. */
  handleRecord() {
    if (this.thread instanceof OpenThread && !get().threads.has(this.thread.id) && !this.thread.isGone && !this.thread.isTrashed) this.thread.refreshSoon();
    this.show();
  }

  handleVisible() {
    if (document.visibilityState !== "visible" || !(this.thread instanceof OpenThread)) return;
    this.thread.refreshSoon();
    void this.actions.markRead();
  }

  jumpSoon() {
    this.jumpTo = get().route.message;
    this.jump();
  }

  /** Show the message that the address names, once it is there. */
  jump() {
    const target = this.jumpTo;
    if (!target || !(this.thread instanceof OpenThread) || !this.thread.conversation.isLoaded) return;
    this.jumpTo = null;
    void this.history.jump(target, this.thread);
  }
}

/** @param {() => void} goToEnd */
function frameTemplate(goToEnd) {
  return html`<div class="log" role="log" aria-label="Messages" aria-live="off" tabindex="0">
      <div class="log-content"></div>
    </div>
    <div class="chat-foot">
      <button class="latest" type="button" hidden @click=${goToEnd}>${icon("down")}Latest</button>
      <div class="composer-place"></div>
    </div>
    <div class="chat-status visually-hidden" role="status" aria-live="polite"></div>`;
}
