// @ts-check
/** The views of the archive and of the trash: the same list as the sidebar's, and what can be done with all of it. */

import { html, nothing } from "../vendor/lit-html.js";
import { send } from "./api.js";
import { confirmDialog, toast, toastError } from "./dialogs.js";
import { icon } from "./icons.js";
import { openThreadMenu, runRowKey } from "./row_menu.js";
import { selectionBar } from "./selection_bar.js";
import { ThreadList } from "./thread_list.js";
import { ThreadListView } from "./thread_list_view.js";
import { follow } from "./thread_updates.js";

const TEXTS = {
  archive: { lead: "Archived conversations are kept and found by a search with is:archived, but are not listed.", empty: "The archive is empty." },
  trash: { lead: "Conversations in the trash cannot be continued until they are restored.", empty: "The trash is empty." },
};

export class StoredThreadsView {
  /**
   * @param {"archive" | "trash"} name
   * @param {(isNow?: boolean) => void} update
   */
  constructor(name, update) {
    this._name = name;
    this._update = update;
    const empty = () => html`<div class="empty">${icon(name)}<p><b>${TEXTS[name].empty}</b></p></div>`;
    const list = new ThreadList(name === "archive" ? { archived: true } : { trashed: true }, () => update());
    this._view = new ThreadListView(list, { name, openMenu: openThreadMenu, onKey: runRowKey, empty }, update);
    this._unfollow = follow(list);
  }

  async start() {
    await this._view.list.loadMore();
  }

  close() {
    this._unfollow();
    this._view.close();
  }

  render() {
    const { lead } = TEXTS[this._name];
    const view = this._view;
    const rows = view.render();
    const hasThreads = view.shown.length > 0;
    return html`<div class="stored">
      <div class="stored-head"><p class="lead">${lead}</p>
        ${hasThreads && !view.selection.isOn ? html`<button type="button" class="btn small" @click=${() => this._select()}>Select</button>` : nothing}
        ${hasThreads && this._name === "trash" ? html`<button type="button" class="btn small danger-text" @click=${() => this._empty()}>Empty the trash…</button>` : nothing}</div>
      ${rows}
      ${view.selection.isOn ? selectionBar(view) : nothing}
    </div>`;
  }

  /** @param {ParentNode} root */
  afterRender(root) {
    this._view.afterRender(root);
  }

  _select() {
    this._view.selection.start([]);
    this._update();
  }

  async _empty() {
    const isSure = await confirmDialog({
      title: "Empty the trash?", text: "All conversations in it are erased for good. This cannot be undone.", action: "Delete permanently", isDanger: true,
    });
    if (!isSure) return;
    try {
      const deleted = await this._emptyInParts();
      toast(deleted === 1 ? "1 conversation deleted permanently" : `${deleted} conversations deleted permanently`);
    } catch (error) {
      toastError(error);
    }
    await this._view.list.refresh();
  }

  /** The server deletes up to 1,000 per request. */
  async _emptyInParts() {
    for (let deleted = 0; ; ) {
      const report = await send("DELETE", ["trash"]);
      deleted += report.changed.length;
      if (report.changed.length === 0 || report.changed.length + report.busy.length < 1000) return deleted;
    }
  }
}
