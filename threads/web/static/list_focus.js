// @ts-check
/** The focus in a list of threads: arrow keys move it, and it survives a rendering that moves its row. */

/** What takes the focus of a row. */
const TARGET = ".row-editor, a.row, .choice input";
const STOPS = "a.row, .choice input, summary, .list-more";

/** @typedef {{ id: string, scope: string }} RowPlace `scope`: the list of the sidebar, "main" or of a tag */

export class ListFocus {
  constructor() {
    /** @type {RowPlace | null} the row that Tab reaches */
    this.tabStop = null;
    /** @type {RowPlace | null} the row that gets the focus after the next rendering */
    this.next = null;
  }

  /** Note which row has the focus, before a rendering. @param {HTMLElement | null} scroller */
  keep(scroller) {
    if (this.next !== null || scroller === null || !scroller.contains(document.activeElement)) return;
    this.next = rowPlace(document.activeElement);
  }

  /** Give the focus back, after a rendering. @param {HTMLElement} scroller */
  restore(scroller) {
    const place = this.next;
    this.next = null;
    if (place === null) return;
    const item = scroller.querySelector(`[data-scope="${CSS.escape(place.scope)}"] [data-thread="${CSS.escape(place.id)}"]`);
    if (item === null || item.contains(document.activeElement) && document.activeElement?.matches(".row-editor, .row-menu, a.row, input")) return;
    const target = item.querySelector(TARGET);
    if (target instanceof HTMLElement) target.focus({ preventScroll: true });
    if (target instanceof HTMLInputElement && target.matches(".row-editor")) target.select();
  }
}

/**
 * Return the row that an element stands in.
 * @param {EventTarget | null} element
 * @returns {RowPlace | null}
 */
export function rowPlace(element) {
  if (!(element instanceof Element)) return null;
  const item = element.closest("[data-thread]");
  const scope = item?.closest("[data-scope]");
  if (!(item instanceof HTMLElement) || !(scope instanceof HTMLElement)) return null;
  return { id: item.dataset.thread ?? "", scope: scope.dataset.scope ?? "" };
}

/**
 * Move the focus to the next or previous row or heading in view; return whether there is one.
 * @param {HTMLElement} scroller
 * @param {1 | -1} step
 */
export function stepFocus(scroller, step) {
  const stops = [...scroller.querySelectorAll(STOPS)];
  const now = document.activeElement?.closest("[data-thread]")?.querySelector(TARGET) ?? document.activeElement;
  const next = stops[stops.findIndex((each) => each === now) + step];
  if (!(next instanceof HTMLElement)) return false;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}
