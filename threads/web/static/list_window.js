// @ts-check
/** The part of a long list that is in view: rows and headings of known heights, and spacers for the rest. */

/**
 * @template T
 * @typedef {{ key: string, threads: T[] }} Group
 */

/**
 * @template T
 * @template {Group<T>} G
 * @typedef {{ group: G, first: number, threads: T[], hasHeading: boolean }} Slice
 * `first`: the index in the group of the first of `threads`.
 */

/** @typedef {{ row: number, heading: number }} Heights in CSS pixels */

/** Heights of the style sheet, in rem. */
const ROW = 3.75;
const HEADING = 2.125;
/** Rows rendered beyond each edge of the view. */
const OVERSCAN = 12;

/**
 * Return the slices of the groups that stand between two offsets, and the heights of what is left out.
 * @template T
 * @template {Group<T>} G
 * @param {readonly (G & Group<T>)[]} groups
 * @param {{ top: number, height: number } & Heights} view
 * @returns {{ before: number, after: number, slices: Slice<T, G>[] }}
 */
export function sliceGroups(groups, { top, height, row, heading }) {
  const from = top - OVERSCAN * row;
  const to = top + height + OVERSCAN * row;
  let offset = 0;
  let before = 0;
  let shown = 0;
  /** @type {Slice<T, G>[]} */
  const slices = [];
  for (const group of groups) {
    const rows = offset + heading;
    const end = rows + group.threads.length * row;
    if (end > from && offset < to) {
      const first = Math.max(0, Math.min(group.threads.length, Math.floor((from - rows) / row)));
      const last = Math.max(first, Math.min(group.threads.length, Math.ceil((to - rows) / row)));
      const hasHeading = first === 0;
      if (slices.length === 0) before = hasHeading ? offset : rows + first * row;
      shown += (hasHeading ? heading : 0) + (last - first) * row;
      slices.push({ group, first, threads: group.threads.slice(first, last), hasHeading });
    }
    offset = end;
  }
  return { before, after: Math.max(0, offset - before - shown), slices };
}

/**
 * Return the offset of a thread's row, or null where it is in no group.
 * @template {{ id: string }} T
 * @param {readonly Group<T>[]} groups
 * @param {string} id
 * @param {Heights} heights
 */
export function rowOffset(groups, id, { row, heading }) {
  let offset = 0;
  for (const group of groups) {
    const index = group.threads.findIndex((thread) => thread.id === id);
    if (index >= 0) return offset + heading + index * row;
    offset += heading + group.threads.length * row;
  }
  return null;
}

/**
 * Return the first thread that is wholly below an offset, and how far below; null where there is none.
 * @template {{ id: string }} T
 * @param {readonly Group<T>[]} groups
 * @param {number} top
 * @param {Heights} heights
 */
export function firstInView(groups, top, { row, heading }) {
  let offset = 0;
  for (const group of groups) {
    const rows = offset + heading;
    const index = Math.max(0, Math.ceil((top - rows) / row));
    const thread = group.threads[index];
    if (thread !== undefined) return { id: thread.id, offset: rows + index * row - top };
    offset = rows + group.threads.length * row;
  }
  return null;
}

/** @returns {Heights} the heights at the reader's size of text */
export function heights() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return { row: ROW * rem, heading: HEADING * rem };
}

/**
 * Scroll as little as is needed to show a row and the one beside it.
 * @param {HTMLElement} scroller
 * @param {number} top  Of the row.
 * @param {number} row  Its height.
 */
export function reveal(scroller, top, row) {
  const { scrollTop, clientHeight } = scroller;
  if (top - row < scrollTop) scroller.scrollTop = Math.max(0, top - row);
  else if (top + 2 * row > scrollTop + clientHeight) scroller.scrollTop = top + 2 * row - clientHeight;
}

/**
 * @param {Element | undefined} element
 * @param {number} height  In CSS pixels.
 */
export function setHeight(element, height) {
  if (element instanceof HTMLElement) element.style.setProperty("height", `${height}px`);
}
