// @ts-check
/** Icons as strokes on a grid of 24; a button with only an icon needs an `aria-label`. */

import { html, svg } from "../vendor/lit-html.js";

/** @type {Record<string, ReturnType<typeof svg>>} */
const SHAPES = {
  menu: svg`<path d="M4 6h16M4 12h16M4 18h10" />`,
  plus: svg`<path d="M12 5v14M5 12h14" />`,
  search: svg`<circle cx="11" cy="11" r="7" /><path d="m20 20-3.5-3.5" />`,
  pin: svg`<path d="M12 17v4M8 3h8l-1 7 3 3H6l3-3z" />`,
  chart: svg`<path d="M4 20V10M10 20V4M16 20v-7M21 20H3" />`,
  settings: svg`<circle cx="12" cy="12" r="3" /><path d="M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2" />`,
  down: svg`<path d="m6 9 6 6 6-6" />`,
  up: svg`<path d="m6 15 6-6 6 6" />`,
  left: svg`<path d="m15 6-6 6 6 6" />`,
  right: svg`<path d="m9 6 6 6-6 6" />`,
  clock: svg`<path d="M12 7v5l3 2" /><circle cx="12" cy="12" r="9" />`,
  more: svg`<circle cx="5" cy="12" r="1" /><circle cx="12" cy="12" r="1" /><circle cx="19" cy="12" r="1" />`,
  edit: svg`<path d="M4 20h4L19 9l-4-4L4 16z" />`,
  tool: svg`<path d="M14 7a4 4 0 0 0 5 5l-8 8-4-4 8-8z" />`,
  copy: svg`<rect x="9" y="9" width="11" height="11" rx="2" /><path d="M5 15V5a1 1 0 0 1 1-1h9" />`,
  again: svg`<path d="M20 11a8 8 0 1 0-2 6M20 5v6h-6" />`,
  undo: svg`<path d="M4 10h10a6 6 0 0 1 0 12h-3M4 10l4-4M4 10l4 4" />`,
  fork: svg`<circle cx="6" cy="5" r="2" /><circle cx="18" cy="5" r="2" /><circle cx="12" cy="19" r="2" /><path d="M6 7c0 6 6 4 6 10M18 7c0 6-6 4-6 10" />`,
  attach: svg`<path d="M20 12 12 20a5 5 0 0 1-7-7l9-9a3.5 3.5 0 0 1 5 5l-9 9a2 2 0 0 1-3-3l8-8" />`,
  send: svg`<path d="M12 19V5M6 11l6-6 6 6" />`,
  stop: svg`<rect x="7" y="7" width="10" height="10" rx="1.5" />`,
  close: svg`<path d="M6 6l12 12M18 6 6 18" />`,
  check: svg`<path d="m5 12 5 5 9-10" />`,
  archive: svg`<rect x="3" y="4" width="18" height="5" rx="1" /><path d="M5 9v10a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1V9M10 13h4" />`,
  trash: svg`<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13" />`,
  restore: svg`<path d="M4 12a8 8 0 1 0 3-6M4 4v5h5" />`,
  tag: svg`<path d="M3 12V4a1 1 0 0 1 1-1h8l9 9-9 9z" /><circle cx="8" cy="8" r="1" />`,
  warn: svg`<path d="M12 4 2.5 20h19zM12 10v4M12 17v.5" />`,
  link: svg`<path d="M10 14a4 4 0 0 0 6 0l4-4a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-4 4a4 4 0 0 0 6 6l1-1" />`,
  sun: svg`<circle cx="12" cy="12" r="4" /><path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M19 5l-1.5 1.5M6.5 17.5 5 19" />`,
  moon: svg`<path d="M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10z" />`,
  keyboard: svg`<rect x="2" y="6" width="20" height="12" rx="2" /><path d="M6 10h.1M10 10h.1M14 10h.1M18 10h.1M7 14h10" />`,
  user: svg`<circle cx="12" cy="8" r="4" /><path d="M4 21a8 8 0 0 1 16 0" />`,
  leave: svg`<path d="M14 4h5a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-5M4 12h11M8 8l-4 4 4 4" />`,
  ghost: svg`<path d="M5 21V11a7 7 0 0 1 14 0v10l-3-2-2 2-2-2-2 2-2-2z" /><path d="M10 11h.1M14 11h.1" />`,
};

/**
 * Return an icon; screen readers skip it.
 * @param {string} name  A key of `SHAPES`.
 * @param {string} [className]
 */
export function icon(name, className = "") {
  return html`<svg class="glyph ${className}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;
}
