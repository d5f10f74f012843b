// @ts-check
/** The field in which messages are written, with its draft, its keys and its buttons. */
import { html, nothing, render } from "../vendor/lit-html.js";
import { loadDraft, saveDraft, withoutTexts } from "./drafts.js";
import { icon } from "./icons.js";
import { grow } from "./message_editor.js";
import { get } from "./store.js";

/** Bytes for all that is not the text. */
const BODY_REST = 512;
/** Bytes that a character of a message may take at most in JSON, as a control character does. */
const LARGEST_CHARACTER = 6;

/**
 * @typedef {"enqueue" | "interrupt"} Strategy What to do with an answer that is under way.
 * @typedef {object} ComposerHandlers
 * @property {(text: string, strategy: Strategy) => void} onSend
 * @property {() => void} onStop
 * @property {() => void} onEditLast
 * @typedef {object} ComposerState
 * @property {string} placeholder
 * @property {boolean} isBusy Whether an answer is under way.
 * @property {boolean} isSending Whether a message is on its way to the server.
 * @property {string} blocked Why nothing can be sent; empty if it can.
 * @property {unknown} notice What went wrong with the last message, and what to do.
 * @property {string} hint
 */

export class Composer {
  /** @param {HTMLElement} root @param {ComposerHandlers} handlers */
  constructor(root, handlers) {
    this.root = root;
    this.handlers = handlers;
    /** @type {ComposerState} */
    this.state = { placeholder: "Message", isBusy: false, isSending: false, blocked: "", notice: nothing, hint: "" };
    this.draftKey = "";
    this.isOpen = false;
    /** Texts on their way, which belong to the draft until the server has accepted them. @type {() => string[]} */
    this.unsent = () => [];
    this.excess = 0;
    this.show();
    this.area = /** @type {HTMLTextAreaElement} */ (root.querySelector("textarea"));
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.handleInput();
  }

  /** @param {Partial<ComposerState>} state */
  update(state) {
    Object.assign(this.state, state);
    this.show();
  }

  /** Change to the draft of another thread; empty for one that is not stored. @param {string} key */
  openDraft(key) {
    const early = this.isOpen ? "" : this.area.value; // typed before it was known who writes
    this.isOpen = true;
    this.draftKey = key;
    this.area.value = [key ? withoutTexts(loadDraft(key), this.unsent()) : "", early].filter(Boolean).join("\n\n");
    if (early) this.save();
    this.measure();
  }

  /** Store what is typed and what is not accepted yet. */
  save() {
    if (this.draftKey) saveDraft(this.draftKey, [...this.unsent(), this.text].filter((each) => each.trim()).join("\n\n"));
  }

  /** Take a text out of the draft of a thread: the server has accepted it. @param {string} key @param {string} text */
  forget(key, text) {
    if (key !== this.draftKey) saveDraft(key, withoutTexts(loadDraft(key), [text]));
    else if (withoutTexts(this.text, [text]) !== this.text) this.text = withoutTexts(this.text, [text]);
    else this.save();
  }

  /** Give a text back that could not be sent. @param {string} text */
  giveBack(text) {
    this.text = [text, this.text].filter((each) => each.trim()).join("\n\n");
    this.focus();
  }

  focus() {
    this.area.focus({ preventScroll: true });
    this.area.setSelectionRange(this.text.length, this.text.length);
  }

  handleInput() {
    this.measure();
    this.save();
  }

  measure() {
    grow(this.area);
    const { bodyLimit } = get();
    const isSmall = this.text.length * LARGEST_CHARACTER + BODY_REST < bodyLimit;
    const size = isSmall ? 0 : new Blob([JSON.stringify(this.text)]).size + BODY_REST;
    this.excess = Math.max(0, size - bodyLimit);
    this.show();
  }

  /** @param {Strategy} strategy */
  send(strategy) {
    const text = this.text;
    if (!text.trim() || this.state.blocked || this.excess) return;
    this.area.value = "";
    this.measure();
    this.handlers.onSend(text, strategy);
    this.save();
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && !isTouch()) {
      event.preventDefault();
      this.send(event.ctrlKey || event.metaKey ? "interrupt" : "enqueue");
    } else if (event.key === "ArrowUp" && !event.altKey && !this.text) {
      event.preventDefault();
      this.handlers.onEditLast();
    }
  }

  show() {
    const { placeholder, isBusy, isSending, blocked, notice, hint } = this.state;
    const hasText = Boolean(this.area?.value.trim());
    render(
      html`<form class="composer" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); this.send("enqueue"); }}>
          <div role="alert">${notice}</div>
          ${this.excess ? html`<p class="composer-limit" role="alert">
            Too long by ${kilobytes(this.excess)}: a message may have ${kilobytes(get().bodyLimit)}. Shorten it, or send it in parts.</p>` : nothing}
          <div class="composer-box">
            <textarea rows="1" dir="auto" aria-label="Message" placeholder=${placeholder} enterkeyhint="send"
              @input=${() => this.handleInput()} @keydown=${(/** @type {KeyboardEvent} */ event) => this.handleKey(event)}></textarea>
            <div class="composer-tools">
              <span class="composer-keys">${blocked || (isSending && !hasText ? "Sending…" : keysText(isBusy, hasText))}</span>
              ${isBusy && hasText ? html`<button class="btn" type="button" title="Stops the answer and sends this at once (Ctrl Enter)"
                @click=${() => this.send("interrupt")}>Send now</button>` : nothing}
              ${isBusy && !hasText ? html`<button class="round stop" type="button" aria-label="Stop the answer" title="Stop"
                @click=${this.handlers.onStop}>${icon("stop")}</button>` : html`<button class="round" type="submit"
                aria-label=${isBusy ? "Send after this answer" : "Send"} title=${isBusy ? "Send after this answer" : "Send"}
                ?disabled=${!hasText || Boolean(blocked) || this.excess > 0}>${icon("send")}</button>`}
            </div>
          </div>
          ${hint ? html`<p class="composer-hint">${hint}</p>` : nothing}
        </form>`,
      this.root,
    );
  }
}

/** @param {boolean} isBusy @param {boolean} hasText */
function keysText(isBusy, hasText) {
  if (isBusy) return hasText ? "Enter queues it" : "Answering…";
  return isTouch() ? "" : "Enter sends · Shift+Enter breaks";
}

/** Whether text is typed on a screen, whose Enter key breaks lines. */
function isTouch() {
  return matchMedia("(pointer: coarse) and (hover: none)").matches;
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${Math.ceil(bytes / 1024).toLocaleString()} KB`;
}
