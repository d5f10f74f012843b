// @ts-check
/** The bar below a list while several threads are selected. */

import { html } from "../vendor/lit-html.js";
import { icon } from "./icons.js";
import { actionsOf } from "./row_menu.js";

/** @import { ThreadListView } from "./thread_list_view.js" */

/** @param {ThreadListView} view */
export function selectionBar(view) {
  const threads = view.selected;
  const isAll = threads.length === view.shown.length;
  return html`<div class="selection-bar" role="toolbar" aria-label="Selected conversations">
    <p role="status"><b>${threads.length}</b> selected</p>
    <button type="button" class="btn small" @click=${() => view.selectAll(!isAll)}>${isAll ? "None" : "All loaded"}</button>
    <button type="button" class="btn small" @click=${() => view.endSelection()}>Done</button>
    <div class="selection-actions">${actionsOf(view, threads).map((action) => html`
      <button type="button" class="icon ${action.danger ? "danger" : ""}" aria-label=${action.label} title=${action.label}
        ?disabled=${threads.length === 0} @click=${action.run}>${icon(action.icon ?? "more")}</button>`)}</div>
  </div>`;
}
