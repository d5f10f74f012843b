// @ts-check
/** The field in which a sent message is edited. */
import { html, ref } from "../vendor/lit-html.js";

/** @typedef {import("./conversation.js").Message} Message */

/** Characters up to which a field is laid out to find its height; a longer text fills the limit anyway. */
const MEASURED = 8_000;

/** @param {Message} message @param {string} text What the field holds at first. @param {import("./message.js").MessageActions} actions */
export function editorTemplate(message, text, actions) {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const area = /** @type {HTMLFormElement} */ (event.currentTarget).querySelector("textarea");
    if (area?.value.trim()) actions.submitEdit(message, area.value);
  };
  return html`<form class="editor" @submit=${submit}>
    <textarea dir="auto" aria-label="Edited message" .value=${text} @keydown=${handleKey(actions)} @input=${fit} ${ref(focusOnce)}></textarea>
    <div class="editor-buttons">
      <button class="btn" type="button" @click=${actions.cancelEdit}>Cancel</button>
      <button class="btn go" type="submit">Send</button>
    </div>
  </form>`;
}

/** @param {import("./message.js").MessageActions} actions */
function handleKey(actions) {
  return (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      actions.cancelEdit();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      /** @type {HTMLTextAreaElement} */ (event.target).form?.requestSubmit();
    }
  };
}

/** @param {Event} event */
function fit(event) {
  grow(/** @type {HTMLTextAreaElement} */ (event.target));
}

/** @param {Element | undefined} element */
function focusOnce(element) {
  if (!(element instanceof HTMLTextAreaElement) || element.dataset.isReady) return;
  element.dataset.isReady = "true";
  queueMicrotask(() => {
    grow(element);
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  });
}

/** Make a text field as high as its text; its style sheet limits that. @param {HTMLTextAreaElement} area */
export function grow(area) {
  if (area.value.length > MEASURED) {
    area.style.height = "100vh";
    return;
  }
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
