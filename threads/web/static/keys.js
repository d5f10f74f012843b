// @ts-check
/** Keyboard shortcuts: a registry, and the list that `?` shows. */

import { openDialog } from "./dialogs.js";
import { html } from "../vendor/lit-html.js";

/**
 * @typedef {object} Shortcut
 * @property {string} keys  As in "mod+k" (Ctrl, or Command on a Mac), "shift+Escape", "F2", "?".
 * @property {string} label  What it does, for the list.
 * @property {string} [group]  Its heading in the list.
 * @property {(event: KeyboardEvent) => void | boolean} run  Returns false if the key is not for it after all.
 * @property {boolean} [inText]  Whether it works while text is typed; keys with "mod" do.
 */

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
/** Keys that stand on the keyboard with another name. @type {Record<string, string>} */
const NAMES = {
  mod: IS_MAC ? "⌘" : "Ctrl", alt: IS_MAC ? "⌥" : "Alt", Escape: "Esc", Delete: "Del", ArrowUp: "↑", ArrowDown: "↓",
  ArrowLeft: "←", ArrowRight: "→",
};
/** @type {Set<Shortcut>} */
const shortcuts = new Set();

/**
 * Add a shortcut. Where two have the same keys, the later one is tried first.
 * @param {Shortcut} shortcut
 * @returns {() => void} a function that removes it
 */
export function addShortcut(shortcut) {
  shortcuts.add(shortcut);
  return () => shortcuts.delete(shortcut);
}

/** Listen to keys; call it once. */
export function startKeys() {
  addEventListener("keydown", handleKey);
  addShortcut({ keys: "?", label: "Keyboard shortcuts", group: "General", run: () => void showShortcuts() });
}

/**
 * Return keys as they stand on the keyboard.
 * @param {string} keys
 */
export function keysText(keys) {
  const parts = keys.split("+").map((each) => NAMES[each] ?? each.charAt(0).toUpperCase() + each.slice(1));
  return parts.join(" ");
}

/** @param {KeyboardEvent} event */
function handleKey(event) {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  const keys = keysOf(event);
  for (const each of [...shortcuts].reverse()) {
    if (each.keys !== keys || (isTyping(event) && !each.inText && !keys.startsWith("mod+"))) continue;
    if (each.run(event) === false) continue;
    event.preventDefault();
    return;
  }
}

/** @param {KeyboardEvent} event */
function keysOf(event) {
  const mod = IS_MAC ? event.metaKey : event.ctrlKey;
  const isPrintable = event.key.length === 1;
  const key = isPrintable && mod ? event.key.toLowerCase() : event.key;
  const parts = [mod && "mod", event.altKey && "alt", event.shiftKey && (!isPrintable || mod) && "shift", key];
  return parts.filter(Boolean).join("+");
}

/** @param {KeyboardEvent} event */
function isTyping(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

/** Show the list of shortcuts. */
export async function showShortcuts() {
  /** @type {Map<string, Shortcut[]>} */
  const groups = new Map();
  for (const each of shortcuts) {
    const group = each.group ?? "General";
    groups.set(group, [...(groups.get(group) ?? []), each]);
  }
  await openDialog({
    title: "Keyboard shortcuts",
    body: html`<div tabindex="0" role="group" aria-label="Shortcuts">${[...groups].map(
      ([group, list]) => html`<section class="shortcuts">
        <h3>${group}</h3>
        <dl>${list.map((each) => html`<div><dt>${each.label}</dt><dd><kbd>${keysText(each.keys)}</kbd></dd></div>`)}</dl>
      </section>`,
    )}</div>`,
  });
}
