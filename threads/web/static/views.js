// @ts-check
/** The views beside the chat: archive, trash, analytics, settings, sign-in, and an address that does not exist. */

import { html, render } from "../vendor/lit-html.js";
import { toastError } from "./dialogs.js";
import { href } from "./router.js";
import { signIn } from "./session.js";
import { get, watch } from "./store.js";

/** @param {HTMLElement} root */
export function mountView(root) {
  watch(
    (state) => [state.route, state.session],
    () => {
      const { route, session } = get();
      const view = session === "out" ? signInView() : html`<h1>${route.view}</h1><p><a href=${href()}>Conversations</a></p>`;
      render(view, root);
    },
  );
}

function signInView() {
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const field = /** @type {HTMLFormElement} */ (event.target).elements.namedItem("token");
    if (field instanceof HTMLInputElement) signIn(field.value).catch(toastError);
  };
  return html`<form class="card" @submit=${submit}>
    <h1>Sign in</h1>
    <label>Token <input name="token" type="password" autocomplete="current-password" required /></label>
    <button class="btn go">Sign in</button>
  </form>`;
}
