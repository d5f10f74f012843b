// @ts-check
/** The header of a conversation. */

import { html, render } from "../vendor/lit-html.js";
import { NAME } from "./base.js";
import { icon } from "./icons.js";
import { get, set, watch } from "./store.js";

/** @param {HTMLElement} root */
export function mountHeader(root) {
  watch(
    (state) => [state.route, state.threads],
    () => {
      const { route, threads } = get();
      const title = route.thread === null ? NAME : (threads.get(route.thread)?.title ?? "");
      render(
        html`<button type="button" class="icon drawer-button" aria-label="Conversations" @click=${() => set({ drawer: true })}>
            ${icon("menu")}
          </button>
          <h1 dir="auto">${title}</h1>`,
        root,
      );
    },
  );
}
