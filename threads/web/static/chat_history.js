// @ts-check
/** The list of messages: what is stored, what was sent, what streams, and what the agent asks. */
import { html, nothing, render, repeat } from "../vendor/lit-html.js";
import { reasoningTemplate } from "./content_blocks.js";
import { clockTime, dayName, fullTime } from "./dates.js";
import { textOf } from "./error_texts.js";
import { icon } from "./icons.js";
import { interruptCards } from "./interrupt_card.js";
import { anchor, itemTemplate } from "./message.js";
import { RenderedTexts } from "./rendered_texts.js";
import { OpenThread } from "./open_thread.js";
import { toolCallTemplate } from "./tool_call.js";
import { groupMessages } from "./turns.js";

/** @typedef {import("./chat.js").ChatView} ChatView */
/** @typedef {import("./conversation.js").PendingMessage} PendingMessage */
/** @typedef {import("./conversation.js").LiveMessage} LiveMessage */

/** Share of the time that painting an answer may take, so that typing is never behind it. */
const PAINT_SHARE = 0.25;
/** Pages of older messages that are read to find the message of a link. */
const MAX_PAGES = 200;

export class ChatHistory {
  /** @param {HTMLElement} root @param {ChatView} view */
  constructor(root, view) {
    this.view = view;
    this.texts = new RenderedTexts();
    render(html`<div class="stored"></div><div class="live"></div><div class="after"></div>`, root);
    const [stored, live, after] = /** @type {any} */ (root.children);
    /** @type {HTMLElement} */
    this.stored = stored;
    /** @type {HTMLElement} */
    this.live = live;
    /** @type {HTMLElement} */
    this.after = after;
    this.isPaintDue = false;
    this.nextPaint = 0;
  }

  clear() {
    this.texts.clear();
    for (const part of [this.stored, this.live, this.after]) render(nothing, part);
  }

  show() {
    const { view } = this;
    const { conversation } = view.actions;
    const context = {
      conversation, texts: this.texts, actions: view.actions.messageActions, editedId: view.actions.editedId, editedText: view.actions.editedText,
      isReadOnly: view.actions.isReadOnly, assistantName: view.assistantName(),
      formatTime: clockTime, formatDay: dayName, formatFull: fullTime,
    };
    const restoreFocus = this.rememberFocus();
    render(
      html`${view.emptyTemplate()}${this.startTemplate()}
      ${repeat(groupMessages(conversation.messages), (item) => item.key, (item) => itemTemplate(item, context))}`,
      this.stored,
    );
    restoreFocus();
    this.showLive();
    render(
      html`${this.failureTemplate()}
      ${interruptCards(conversation.isBusy ? [] : conversation.interrupts, view.actions.cardContext())}
      ${conversation.pending.filter((each) => each.isQueued && each.text).map((each) => this.pendingTemplate(each))}
      ${this.queueTemplate()}`,
      this.after,
    );
    view.scroll.settle();
  }

  /** Paint what streams in the next frame, or later if the last one took long. */
  showLiveSoon() {
    if (this.isPaintDue) return;
    this.isPaintDue = true;
    const paint = () => requestAnimationFrame(() => {
      this.isPaintDue = false;
      const start = performance.now();
      this.showLive();
      this.view.scroll.settle();
      const end = performance.now();
      this.nextPaint = end + (end - start) * (1 / PAINT_SHARE - 1);
    });
    const delay = this.nextPaint - performance.now();
    if (delay > 16 || document.visibilityState === "hidden") setTimeout(paint, Math.max(delay, 0));
    else paint();
  }

  showLive() {
    const { conversation } = this.view.actions;
    const live = [...conversation.live.values()];
    const isSilent = conversation.isBusy && !live.length && !conversation.tools.running().length;
    render(
      html`${conversation.pending.filter((each) => !each.isQueued && each.text).map((each) => this.pendingTemplate(each))}
      ${live.length || isSilent ? html`<article class="answer is-live" aria-label=${this.view.assistantName()}>
        ${live.map((each) => this.liveTemplate(each))}
        ${isSilent ? html`<p class="thinking"><span class="spin"></span>${this.silenceText()}</p>` : nothing}
      </article>` : nothing}`,
      this.live,
    );
  }

  silenceText() {
    const failed = this.view.actions.conversation.pending.find((each) => each.error);
    return failed ? "Waiting for the server…" : "Thinking…";
  }

  /** @param {LiveMessage} message */
  liveTemplate(message) {
    return html`${reasoningTemplate(message.reasoning, !message.text)}
      ${message.text ? this.texts.elementOf(message.id, message.text, true) : nothing}
      ${[...message.calls.values()].map((call) => toolCallTemplate(call, undefined, this.view.actions.conversation.tools.get(call.id), true))}`;
  }

  /** @param {PendingMessage} pending */
  pendingTemplate(pending) {
    const { actions } = this.view;
    return html`<article class="user is-pending" aria-label="You">
      <div class="bubble"><div class="plain-text" dir="auto">${pending.text}</div></div>
      <div class="bar">
        ${pending.error ? html`<span class="bad" role="status">Not sent yet: ${textOf(pending.error, false)}</span>
          <button class="btn small" type="button" @click=${() => pending.sending?.retry()}>Try now</button>
          <button class="btn small" type="button" @click=${() => pending.sending?.cancel()}>Take back</button>` : nothing}
        ${pending.isQueued && !pending.error ? html`<span>Waits for this answer</span>
          <button class="btn small" type="button" ?disabled=${!pending.runId} @click=${() => void actions.cancelQueued(pending)}>Take back</button>` : nothing}
      </div>
    </article>`;
  }

  /** Say that messages wait that another page sent. */
  queueTemplate() {
    const { conversation } = this.view.actions;
    const own = new Set(conversation.pending.map((each) => each.runId));
    const others = [...conversation.queuedRuns].filter((id) => !own.has(id)).length;
    return others ? html`<p class="soft queue">${others === 1 ? "1 more message waits" : `${others} more messages wait`} for this answer.</p>` : nothing;
  }

  /** What stands above the first message. */
  startTemplate() {
    const { thread } = this.view;
    if (!(thread instanceof OpenThread)) return nothing;
    if (thread.isGone) return html`<div class="empty" role="alert"><h2>This conversation is gone</h2><p>It was deleted, or it is not yours. What you typed stays below.</p></div>`;
    if (thread.isTrashed && !thread.conversation.isLoaded) return html`<div class="empty"><h2>This conversation is in the trash</h2><p>Restore it to read and continue it.</p>
      <button class="btn go" type="button" @click=${() => void this.view.actions.attempt(() => thread.restore())}>Restore</button></div>`;
    if (thread.loadError) return html`<div class="empty" role="alert"><h2>It cannot be read</h2><p dir="auto">${thread.loadError.message} ${thread.loadError.hint}</p>
      <button class="btn" type="button" @click=${() => void thread.load()}>Try again</button></div>`;
    if (!thread.conversation.isLoaded) return html`<div class="loading" role="status" aria-busy="true" aria-label="Loading"><div class="skeleton"></div><div class="skeleton"></div><div class="skeleton"></div></div>`;
    return thread.conversation.hasOlder ? html`<p class="older"><span class="spin"></span>Earlier messages…</p>` : nothing;
  }

  failureTemplate() {
    const { actions } = this.view;
    const { failure, isBusy } = actions.conversation;
    if (actions.conversation.isLoaded && actions.isTrashed) return this.trashedTemplate();
    if (!failure || isBusy) return nothing;
    return html`<div class="failure" role="alert">
      ${icon("warn")}
      <div><b>${this.view.assistantName()} failed.</b> <span dir="auto">${failure.reason}</span></div>
      ${actions.isReadOnly && !actions.canRetry ? nothing : html`<button class="btn" type="button" @click=${() => void actions.retry()}>Retry</button>`}
    </div>`;
  }

  /** The thread was moved to the trash while it is shown. */
  trashedTemplate() {
    const restore = () => void this.view.actions.attempt((thread) => thread.restore());
    return html`<div class="failure" role="status">${icon("trash")}<div>This conversation is in the trash.</div>
      <button class="btn" type="button" @click=${restore}>Restore</button></div>`;
  }

  /** Return a function that gives the focus back to the button that had it, should another version of its message stand there. */
  rememberFocus() {
    const articles = () => /** @type {HTMLElement[]} */ ([...this.stored.querySelectorAll("article")]);
    const focused = document.activeElement;
    const index = this.stored.contains(focused) ? articles().findIndex((each) => each.contains(focused)) : -1;
    const label = focused?.getAttribute("aria-label");
    return () => {
      if (index < 0 || document.activeElement !== document.body) return;
      const article = articles()[index];
      const same = [...(article?.querySelectorAll("button") ?? [])].find((each) => each.getAttribute("aria-label") === label && !each.disabled);
      (same ?? article)?.focus({ preventScroll: true });
    };
  }

  /** Show a message and mark it; read older ones until it is found. @param {string} id @param {OpenThread} thread */
  async jump(id, thread) {
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const element = document.getElementById(anchor(id));
      if (element) {
        this.view.scroll.show(element);
        element.classList.add("is-target");
        element.focus({ preventScroll: true });
        setTimeout(() => element.classList.remove("is-target"), 3000);
        return;
      }
      if (!(await thread.loadOlder(200).catch(() => false))) return;
      this.view.scroll.prepend(() => this.show());
    }
  }
}
