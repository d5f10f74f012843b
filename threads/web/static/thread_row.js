// @ts-check
/** One thread in a list: a link with title, preview, time and marks; a field while it is renamed. */

import { html, nothing } from "../vendor/lit-html.js";
import { fullTime } from "./dates.js";
import { icon } from "./icons.js";
import { href } from "./router.js";
import { rowTime } from "./thread_groups.js";

/** @import { Thread } from "./types.js" */

/**
 * @typedef {object} RowOptions
 * @property {boolean} isCurrent whether it is the thread that is open
 * @property {number | null | undefined} unread
 * @property {Date} now
 * @property {string | null} draft the title that is being typed, if the row is renamed
 * @property {boolean | null} isSelected null where nothing can be selected
 * @property {import("./thread_groups.js").GroupKind} kind of its group
 * @property {boolean} isTabStop
 * @property {number} position in its group, from 1
 * @property {number} size of its group
 * @property {boolean} [showsTrashed] show when it was trashed instead of when it was used
 */

/**
 * @typedef {object} RowEvents
 * @property {(thread: Thread, button: HTMLElement) => void} onMenu
 * @property {(thread: Thread, row: EventTarget | null) => void} onEdit
 * @property {(thread: Thread, draft: string) => void} onDraft
 * @property {(thread: Thread, title: string | null, hasFocus: boolean) => void} onRename null: the title stays
 * @property {(thread: Thread, isRange: boolean) => void} onSelect
 */

/**
 * @param {Thread} thread
 * @param {RowOptions} options
 * @param {RowEvents} events
 */
export function threadRow(thread, options, events) {
  return html`<li class="row-item" data-thread=${thread.id} aria-setsize=${options.size} aria-posinset=${options.position}>
    ${options.draft !== null ? editor(thread, options.draft, events) : options.isSelected !== null ? choice(thread, options, events) : link(thread, options, events)}
  </li>`;
}

/**
 * @param {Thread} thread
 * @param {RowOptions} options
 * @param {RowEvents} events
 */
function link(thread, options, events) {
  const isUnread = !options.isCurrent && Boolean(options.unread);
  /** @param {MouseEvent} event */
  const onDoubleClick = (event) => {
    event.preventDefault();
    events.onEdit(thread, event.currentTarget);
  };
  return html`<a class="row ${isUnread ? "unread" : ""}" href=${href({ thread: thread.id })} aria-current=${options.isCurrent ? "page" : nothing}
      draggable="false" tabindex=${options.isTabStop ? 0 : -1} @dblclick=${onDoubleClick}>${content(thread, options)}</a>
    <button class="icon row-menu" type="button" aria-haspopup="menu" aria-label="Actions for ${thread.title}" title="Actions"
      tabindex="-1" @click=${(/** @type {MouseEvent & { currentTarget: HTMLElement }} */ event) => events.onMenu(thread, event.currentTarget)}>${icon("more")}</button>`;
}

/**
 * @param {Thread} thread
 * @param {RowOptions} options
 * @param {RowEvents} events
 */
function choice(thread, options, events) {
  /** @param {MouseEvent & { currentTarget: HTMLInputElement }} event */
  const onClick = (event) => events.onSelect(thread, event.shiftKey);
  return html`<label class="row choice">
    <input type="checkbox" tabindex=${options.isTabStop ? 0 : -1} .checked=${options.isSelected === true} @click=${onClick}>
    <span class="choice-text">${content(thread, options)}</span></label>`;
}

/**
 * @param {Thread} thread
 * @param {string} draft
 * @param {RowEvents} events
 */
function editor(thread, draft, events) {
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    events.onRename(thread, event.key === "Enter" ? value : null, true);
  };
  /** @typedef {Event & { currentTarget: HTMLInputElement }} FieldEvent */
  return html`<input class="row-editor" aria-label="Title" maxlength="200" dir="auto" .value=${draft} placeholder="Automatic title"
    @keydown=${onKey} @input=${(/** @type {FieldEvent} */ event) => events.onDraft(thread, event.currentTarget.value)}
    @blur=${(/** @type {FieldEvent} */ event) => event.currentTarget.isConnected && events.onRename(thread, event.currentTarget.value, false)}>`;
}

/**
 * @param {Thread} thread
 * @param {RowOptions} options
 */
function content(thread, { now, kind, unread, isCurrent, showsTrashed = false }) {
  const moment = showsTrashed ? thread.trashed_at : thread.updated_at;
  const preview = thread.last_message ?? (thread.message_count === 0 ? "No messages yet" : "");
  return html`<span class="t" dir="auto">${thread.title}</span>
    <time datetime=${moment ?? nothing} title=${fullTime(moment)}>${rowTime(moment, kind, now)}</time>
    <span class="p" dir="auto">${preview}</span>
    <span class="s">${marks(thread, isCurrent ? 0 : unread)}</span>`;
}

/**
 * Return the one mark that matters most: it runs, waits, failed, has unread messages; else its count.
 * @param {Thread} thread
 * @param {number | null | undefined} unread
 */
function marks(thread, unread) {
  if (thread.status === "busy") return html`<span class="spin" role="img" aria-label="answering" title="Answering"></span>`;
  if (thread.status === "interrupted") return html`<span class="ask">waits for you</span>`;
  if (unread) return html`<span class="badge">${unread > 99 ? "99+" : unread}<span class="visually-hidden"> unread</span></span>`;
  if (thread.status === "error") return html`<span class="ask failed">failed</span>`;
  if (thread.pinned) return html`<span class="pin" role="img" aria-label="pinned" title="Pinned">${icon("pin")}</span>`;
  if (thread.message_count === null) return nothing;
  return html`<span class="count" title="messages">${thread.message_count}<span class="visually-hidden"> messages</span></span>`;
}
