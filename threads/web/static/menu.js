// @ts-check
/** Popup menus: arrows, Home, End, first letters, Escape; the focus goes back to the button. */

import { html, nothing, render } from "../vendor/lit-html.js";
import { icon } from "./icons.js";

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {string} [detail]  A second line.
 * @property {string} [icon]
 * @property {string} [keys]  The shortcut, as text.
 * @property {boolean} [checked]  Given: one of several that can be on.
 * @property {boolean} [disabled]
 * @property {boolean} [danger]
 * @property {boolean} [separator]  A line above it.
 * @property {() => void} run
 */

/** @type {(() => void) | null} */
let closeOpen = null;

/**
 * Open a menu beside an element, or at a point; a second call with the same element closes it.
 * @param {HTMLElement} anchor  Has the focus again afterwards.
 * @param {readonly MenuItem[]} items
 * @param {{ label: string, at?: { x: number, y: number } }} options
 */
export function openMenu(anchor, items, { label, at }) {
  const isSame = anchor.getAttribute("aria-expanded") === "true";
  closeOpen?.();
  if (isSame && !at) return;
  const menu = document.createElement("div");
  menu.className = "menu";
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", label);
  const end = new AbortController();
  const close = (hasFocus = true) => {
    end.abort();
    menu.remove();
    anchor.removeAttribute("aria-expanded");
    closeOpen = null;
    if (hasFocus) anchor.focus();
  };
  render(html`${items.map((item) => menuItem(item, close))}`, menu);
  (anchor.closest("dialog, nav, main") ?? document.body).append(menu); // in the landmark that it belongs to
  menu.popover = "manual"; // above all, whatever it lies in
  menu.showPopover();
  anchor.setAttribute("aria-expanded", "true");
  place(menu, at ?? anchor.getBoundingClientRect());
  closeOpen = () => close(false);
  menu.addEventListener("keydown", (event) => handleKey(event, menu, close));
  const outside = (/** @type {Event} */ event) => {
    const path = event.composedPath();
    if (!path.includes(menu) && !path.includes(anchor)) close(false);
  };
  addEventListener("pointerdown", outside, { capture: true, signal: end.signal });
  addEventListener("blur", () => close(false), { signal: end.signal });
  addEventListener("resize", () => close(false), { signal: end.signal });
  buttons(menu)[0]?.focus();
}

/**
 * @param {MenuItem} item
 * @param {(hasFocus?: boolean) => void} close
 */
function menuItem(item, close) {
  const run = () => {
    close();
    item.run();
  };
  return html`${item.separator ? html`<hr role="separator" />` : nothing}
    <button
      type="button" tabindex="-1" class=${item.danger ? "danger" : ""} ?disabled=${item.disabled ?? false}
      role=${item.checked === undefined ? "menuitem" : "menuitemradio"}
      aria-checked=${item.checked === undefined ? nothing : String(item.checked)} @click=${run}>
      ${item.icon ? icon(item.icon) : nothing}
      <span class="menu-label" dir="auto">${item.label}${item.detail ? html`<small>${item.detail}</small>` : nothing}</span>
      ${item.checked ? icon("check") : item.keys ? html`<kbd>${item.keys}</kbd>` : nothing}
    </button>`;
}

/** @param {HTMLElement} menu */
function buttons(menu) {
  return [...menu.querySelectorAll("button")].filter((each) => !each.disabled);
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement} menu
 * @param {(hasFocus?: boolean) => void} close
 */
function handleKey(event, menu, close) {
  const all = buttons(menu);
  const now = all.findIndex((each) => each === document.activeElement);
  const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined) all.at(to % all.length)?.focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  else if (event.key.length === 1 && event.key !== " ") {
    const letter = event.key.toLowerCase();
    const after = [...all.slice(now + 1), ...all.slice(0, now + 1)];
    after.find((each) => each.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/**
 * @param {HTMLElement} menu
 * @param {DOMRect | { x: number, y: number }} at
 */
function place(menu, at) {
  const { width, height } = menu.getBoundingClientRect();
  const box = at instanceof DOMRect ? at : { left: at.x, right: at.x + width, top: at.y, bottom: at.y };
  const isRight = box.left + width > innerWidth - 8;
  const left = Math.max(8, isRight ? Math.min(box.right, innerWidth - 8) - width : box.left);
  const isAbove = box.bottom + 4 + height > innerHeight - 8;
  const top = Math.max(8, isAbove ? Math.max(box.top - 4, 8 + height) - height : box.bottom + 4);
  menu.style.setProperty("left", `${left}px`);
  menu.style.setProperty("top", `${Math.min(top, Math.max(8, innerHeight - 8 - height))}px`);
}
