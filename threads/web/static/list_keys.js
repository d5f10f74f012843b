// @ts-check
/** Keys in a list of threads: arrows move the focus, others do what the menu of the row does. */

import { rowPlace, stepFocus } from "./list_focus.js";
import { get } from "./store.js";

/** @import { ThreadListView } from "./thread_list_view.js" */
/** @import { RowPlace } from "./list_focus.js" */

/**
 * @param {ThreadListView} view
 * @param {KeyboardEvent} event
 */
export function handleListKey(view, event) {
  const place = rowPlace(event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target instanceof HTMLElement && event.target.matches(".row-editor")) return;
  if (movesFocus(view, event, place) || (place !== null && acts(view, event, place))) {
    event.preventDefault();
    event.stopPropagation();
  }
}

/**
 * @param {ThreadListView} view
 * @param {KeyboardEvent} event
 * @param {RowPlace | null} place
 */
function movesFocus(view, { key, target }, place) {
  if (view.scroller !== null && (key === "ArrowDown" || key === "ArrowUp")) return stepFocus(view.scroller, key === "ArrowDown" ? 1 : -1);
  if (place === null || !(target instanceof Element)) return false;
  const sideways = { ArrowRight: ".row-menu", ArrowLeft: "a.row" }[key];
  const beside = sideways === undefined ? null : target.closest("[data-thread]")?.querySelector(sideways);
  if (beside instanceof HTMLElement) {
    beside.focus();
    return true;
  }
  const { shown } = view;
  const index = shown.findIndex((thread) => thread.id === place.id);
  const to = { Home: 0, End: shown.length - 1, PageDown: index + view.pageSize, PageUp: index - view.pageSize }[key];
  const thread = to === undefined || place.scope !== "main" ? undefined : shown[Math.max(0, Math.min(shown.length - 1, to))];
  if (thread !== undefined) view.focus(thread.id);
  return thread !== undefined;
}

/**
 * @param {ThreadListView} view
 * @param {KeyboardEvent} event
 * @param {RowPlace} place
 */
function acts(view, { key }, place) {
  if (key === "Escape" && view.selection.isOn) {
    view.endSelection();
    return true;
  }
  const thread = get().threads.get(place.id);
  if (thread === undefined) return false;
  view.focusKeeper.tabStop = place;
  const { selected } = view;
  return view.place.onKey(view, view.selection.isOn && selected.length > 0 ? selected : [thread], key);
}
