// @ts-check
/** Modal dialogs and toasts. `<dialog>` keeps the focus inside; it is returned to where it was. */

import { html, nothing, render } from "../vendor/lit-html.js";
import { icon } from "./icons.js";

/**
 * @typedef {object} DialogAction
 * @property {string} label
 * @property {any} value  What `openDialog` returns.
 * @property {"go" | "danger" | "plain"} [kind]
 */

/**
 * @typedef {object} DialogOptions
 * @property {string} title
 * @property {unknown} [body]  Anything that lit-html renders.
 * @property {readonly DialogAction[]} [actions]
 * @property {string} [className]
 * @property {(close: (value?: any) => void, dialog: HTMLDialogElement) => unknown} [content]  Instead of `body`: gets a function that closes.
 */

/** Dialogs so far, for ids: one may open another. */
let count = 0;

/**
 * Show a modal dialog; return the value it was closed with, undefined after Escape.
 * @param {DialogOptions} options
 * @returns {Promise<any>}
 */
export function openDialog({ title, body = nothing, actions = [], className = "", content }) {
  const dialog = document.createElement("dialog");
  dialog.className = `dialog ${className}`;
  const titleId = `dialog-title-${++count}`;
  dialog.setAttribute("aria-labelledby", titleId);
  const opener = document.activeElement;
  return new Promise((resolve) => {
    /** @type {any} */
    let result;
    const close = (/** @type {any} */ value = undefined) => {
      result = value;
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      resolve(result);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && close());
    render(
      html`<form method="dialog" class="dialog-box" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
        <header>
          <h2 id=${titleId}>${title}</h2>
          <button type="button" class="icon" aria-label="Close" @click=${() => close()}>${icon("close")}</button>
        </header>
        <div class="dialog-body" tabindex=${content ? nothing : 0}>${content ? content(close, dialog) : body}</div>
        ${actions.length
          ? html`<footer>
              ${actions.map(
                (each) => html`<button
                  type="button" class="btn ${each.kind ?? "plain"}" ?autofocus=${each.kind === "go" || each.kind === "danger"}
                  @click=${() => close(each.value)}>${each.label}</button>`,
              )}
            </footer>`
          : nothing}
      </form>`,
      dialog,
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Ask for consent; return whether it was given.
 * @param {{ title: string, text?: string, action: string, isDanger?: boolean }} options
 * @returns {Promise<boolean>}
 */
export async function confirmDialog({ title, text = "", action, isDanger = false }) {
  /** @type {DialogAction[]} */
  const actions = [
    { label: "Cancel", value: false },
    { label: action, value: true, kind: isDanger ? "danger" : "go" },
  ];
  return (await openDialog({ title, body: html`<p>${text}</p>`, actions })) === true;
}

/**
 * @typedef {object} ToastOptions
 * @property {number} [seconds]  How long it is shown; it waits while the pointer or the focus is on it.
 * @property {"plain" | "bad"} [kind]
 * @property {string} [action]  The label of a button, such as "Undo".
 * @property {() => void} [onAction]
 * @property {() => void} [onExpire]  Called if it disappears without its action.
 */

/**
 * Show a message at the edge of the page.
 * @param {string} text
 * @param {ToastOptions} [options]
 * @returns {() => void} a function that removes it
 */
export function toast(text, { seconds = 5, kind = "plain", action, onAction, onExpire } = {}) {
  const region = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  const element = document.createElement("div");
  element.className = `toast ${kind}`;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isDone = false;
  const finish = (/** @type {(() => void) | undefined} */ then) => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    element.remove();
    then?.();
  };
  const start = () => {
    clearTimeout(timer);
    timer = setTimeout(() => finish(onExpire), seconds * 1000);
  };
  const button = action ? html`<button type="button" class="btn" @click=${() => finish(onAction)}>${action}</button>` : nothing;
  render(html`<span dir="auto">${text}</span>${button}`, element);
  for (const each of ["pointerenter", "focusin"]) element.addEventListener(each, () => clearTimeout(timer));
  for (const each of ["pointerleave", "focusout"]) element.addEventListener(each, start);
  region.append(element);
  start();
  return () => finish(onExpire);
}

/**
 * Say that something failed: what happened, and what to do about it.
 * @param {unknown} error
 */
export function toastError(error) {
  const hint = error instanceof Error && "hint" in error ? String(error.hint) : "";
  const text = error instanceof Error ? error.message : String(error);
  toast(`${text} ${hint}`.trim(), { kind: "bad", seconds: 8 });
}
