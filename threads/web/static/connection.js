// @ts-check
/** The line that says when the server cannot be reached. */

import { html, nothing, render } from "../vendor/lit-html.js";
import { retryNow } from "./events.js";
import { watch } from "./store.js";

/** Milliseconds that a connection may be lost before it is said: a reload of the server is shorter. */
const PATIENCE = 1_500;

/** @param {HTMLElement} root */
export function mountConnection(root) {
  let timer = 0;
  watch(
    (state) => state.connection,
    (connection) => {
      clearTimeout(timer);
      if (connection === "lost") timer = window.setTimeout(() => render(lostLine(), root), PATIENCE);
      else if (connection === "open" || connection === "refused") render(nothing, root);
    },
  );
}

function lostLine() {
  return html`<p class="connection">
    The server cannot be reached. It is tried again by itself; what you write stays here.
    <button type="button" class="btn" @click=${retryNow}>Try now</button>
  </p>`;
}
