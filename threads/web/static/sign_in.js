// @ts-check
/** Sign-in by token: the first time, and after a session has ended. What was typed elsewhere stays where it is. */

import { html, nothing } from "../vendor/lit-html.js";
import { ApiError } from "./api.js";
import { NAME } from "./base.js";
import { href, navigate } from "./router.js";
import { signIn } from "./session.js";
import { get } from "./store.js";

export class SignInView {
  /** @param {() => void} update */
  constructor(update) {
    this._update = update;
    this._isSending = false;
    /** @type {string | null} */
    this._problem = null;
  }

  render() {
    const { me, session } = get();
    if (session === "in") return signedIn();
    const isExpired = me !== null && me.name !== null;
    return html`<form class="sign-in card" @submit=${(/** @type {SubmitEvent & { currentTarget: HTMLFormElement }} */ event) => this._submit(event)}>
      <h2>${isExpired ? "Your session has ended" : `Sign in to ${NAME}`}</h2>
      <p>${isExpired
        ? html`Sign in again as <b dir="auto">${me.name}</b> to go on. What you have written is still there.`
        : "This server asks for a token. Whoever runs it can give you one."}</p>
      <label class="stacked">Token
        <input class="field" name="token" type="password" autocomplete="current-password" required autofocus spellcheck="false"
          aria-describedby="token-help" aria-invalid=${this._problem !== null}></label>
      <div role="alert">${this._problem === null ? nothing : html`<p class="bad">${this._problem}</p>`}</div>
      <button class="btn go" ?disabled=${this._isSending}>${this._isSending ? "Signing in…" : "Sign in"}</button>
      <p class="note" id="token-help">Operators make tokens with <code>threads users token NAME</code>. The token itself is not stored; the session lasts 12 hours.</p>
    </form>`;
  }

  /** @param {SubmitEvent & { currentTarget: HTMLFormElement }} event */
  async _submit(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("token"));
    this._isSending = true;
    this._problem = null;
    this._update();
    try {
      await signIn(field.value);
      if (get().route.view === "sign-in") navigate({}, { replace: true });
    } catch (error) {
      this._problem = problem(error);
      field.select();
    }
    this._isSending = false;
    this._update();
  }
}

function signedIn() {
  return html`<div class="sign-in card"><h2>You are signed in</h2><p><a href=${href()}>Conversations</a></p></div>`;
}

/** @param {unknown} error */
function problem(error) {
  if (error instanceof ApiError && error.status === 401) return "This token is not valid. It may have expired or been revoked.";
  return error instanceof ApiError ? `${error.message} ${error.hint}`.trim() : String(error);
}
