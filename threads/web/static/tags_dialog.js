// @ts-check
/** The dialog that adds and removes tags of one thread or of several. */

import { html, nothing, render } from "../vendor/lit-html.js";
import { get as fetchJson } from "./api.js";
import { openDialog, toastError } from "./dialogs.js";
import { icon } from "./icons.js";
import { tagThreads } from "./thread_actions.js";

/** @import { Thread } from "./types.js" */

/**
 * Ask for tags and store them; resolves when that is done.
 * @param {readonly Thread[]} threads
 */
export async function openTagsDialog(threads) {
  const form = new TagsForm(threads);
  const isSaved = await openDialog({
    title: threads.length === 1 ? "Tags" : `Tags of ${threads.length} conversations`, className: "tags-dialog",
    content: (close) => form.mount(close),
  });
  if (isSaved) await form.save();
}

class TagsForm {
  /** @param {readonly Thread[]} threads */
  constructor(threads) {
    this._threads = threads;
    const all = threads.flatMap((thread) => thread.tags);
    this._before = new Set(all.filter((tag) => threads.every((thread) => thread.tags.includes(tag))));
    this._some = new Set(all.filter((tag) => !this._before.has(tag)));
    this._tags = new Set(this._before);
    /** @type {Set<string>} tags of some threads that are taken away from all */
    this._dropped = new Set();
    /** @type {string[]} */
    this._known = [];
    this._text = "";
    this._root = document.createElement("div");
    this._close = (/** @type {boolean} */ _isSaved) => {};
  }

  /**
   * @param {(value?: boolean) => void} close
   */
  mount(close) {
    this._close = close;
    this._show();
    fetchJson(["tags"]).then((tags) => {
      this._known = tags.map((/** @type {{ name: string }} */ tag) => tag.name);
      this._show();
    }, toastError);
    return this._root;
  }

  save() {
    this._add();
    const tag = [...this._tags].filter((each) => !this._before.has(each));
    const untag = [...[...this._before].filter((each) => !this._tags.has(each)), ...this._dropped];
    const changes = { ...(tag.length && { tag }), ...(untag.length && { untag }) };
    return Object.keys(changes).length === 0 ? Promise.resolve() : tagThreads(this._threads, changes);
  }

  _add(text = this._text) {
    const tag = text.trim().replace(/^#/, "");
    if (tag !== "") this._tags.add(tag);
    this._dropped.delete(tag);
    this._text = "";
    this._show();
  }

  /** @param {string} tag */
  _remove(tag) {
    this._tags.delete(tag);
    if (this._some.has(tag)) this._dropped.add(tag);
    this._show();
    this._root.querySelector("input")?.focus();
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.isComposing || event.key !== "Enter") return;
    event.preventDefault();
    if (this._text.trim() === "") this._close(true);
    else this._add();
  }

  _show() {
    const some = [...this._some].filter((tag) => !this._tags.has(tag) && !this._dropped.has(tag));
    const typed = this._text.trim().toLowerCase().replace(/^#/, "");
    const offered = this._known.filter((tag) => !this._tags.has(tag) && !some.includes(tag) && tag.toLowerCase().includes(typed)).slice(0, 12);
    render(html`
      <ul class="tag-list" aria-label="Tags">${[...this._tags].map((tag) => html`<li class="tag" dir="auto">${tag}
          <button type="button" class="icon" aria-label="Remove the tag ${tag}" @click=${() => this._remove(tag)}>${icon("close")}</button></li>`)}
        ${some.map((tag) => html`<li class="tag some" dir="auto" title="On some of them">${tag}
          <button type="button" class="icon" aria-label="Remove the tag ${tag}, which some have" @click=${() => this._remove(tag)}>${icon("close")}</button></li>`)}</ul>
      <label class="stacked">Add a tag
        <input class="field" autofocus maxlength="100" .value=${this._text} autocomplete="off" enterkeyhint="done" @keydown=${(/** @type {KeyboardEvent} */ event) => this._onKey(event)}
          @input=${(/** @type {Event & { target: HTMLInputElement }} */ event) => { this._text = event.target.value; this._show(); }}></label>
      ${offered.length === 0 ? nothing : html`<div class="chips" role="group" aria-label="Tags in use">${offered.map((tag) => html`
        <button type="button" class="chip" dir="auto" @click=${() => this._add(tag)}>#${tag}</button>`)}</div>`}
      <div class="dialog-actions"><button type="button" class="btn" @click=${() => this._close(false)}>Cancel</button>
        <button type="button" class="btn go" @click=${() => this._close(true)}>Save</button></div>`, this._root);
  }
}
