// @ts-check
/** The view of settings: theme and language of dates in this browser, and the session. */

import { html, nothing } from "../vendor/lit-html.js";
import { fullTime, isLocale, shortTime } from "./dates.js";
import { toastError } from "./dialogs.js";
import { icon } from "./icons.js";
import { keysText, showShortcuts } from "./keys.js";
import { signOut } from "./session.js";
import { changeSettings, settings } from "./settings.js";
import { get } from "./store.js";

const THEMES = [
  { value: "system", label: "As the system", shape: "settings" },
  { value: "light", label: "Light", shape: "sun" },
  { value: "dark", label: "Dark", shape: "moon" },
];
const LOCALES = [
  "ar", "bg", "cs", "da", "de", "de-AT", "de-CH", "el", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-US", "es", "es-MX",
  "et", "fa", "fi", "fr", "fr-CA", "fr-CH", "he", "hi", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "nb", "nl", "nl-BE",
  "pl", "pt-BR", "pt-PT", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh-CN", "zh-TW",
];

export class SettingsView {
  /** @param {() => void} update */
  constructor(update) {
    this._update = update;
  }

  render() {
    const { theme, locale } = settings();
    return html`<div class="page settings">
      <p class="lead">These hold for this browser.</p>
      <fieldset class="panel"><legend>Theme</legend>
        <div class="choices">${THEMES.map(({ value, label, shape }) => html`<label class="choice-card">
          <input type="radio" name="theme" value=${value} .checked=${theme === value}
            @change=${() => this._change({ theme: /** @type {typeof theme} */ (value) })}>${icon(shape)}<span>${label}</span></label>`)}</div>
      </fieldset>
      <section class="panel" aria-labelledby="dates-title"><h2 id="dates-title">Dates</h2>
        <label class="stacked">Language of dates and numbers
          <select class="field" name="locale" @change=${(/** @type {Event & { target: HTMLSelectElement }} */ event) =>
            this._change({ locale: event.target.value || null })}>
            <option value="" ?selected=${!isLocale(locale)}>As the browser (${languageName(navigator.language)})</option>
            ${localeNames().map(({ tag, name }) => html`<option value=${tag} ?selected=${tag === locale}>${name}</option>`)}
          </select></label>
        <p class="note" data-testid="date-example">${fullTime(new Date().toISOString())} · ${shortTime(new Date(Date.now() - 3 * 86_400_000).toISOString())}</p>
      </section>
      <section class="panel" aria-labelledby="keys-title"><h2 id="keys-title">Keyboard</h2>
        <p class="note">Every action has a key.</p>
        <button type="button" class="btn" @click=${() => void showShortcuts()}>${icon("keyboard")}Keyboard shortcuts <kbd>${keysText("?")}</kbd></button>
      </section>
      ${session()}
    </div>`;
  }

  /** @param {Partial<import("./settings.js").Settings>} fields */
  _change(fields) {
    changeSettings(fields);
    this._update();
  }
}

function session() {
  const { me } = get();
  if (me === null) return nothing;
  const role = me.is_admin ? ", an admin, who sees all conversations" : "";
  return html`<section class="panel" aria-labelledby="session-title"><h2 id="session-title">Session</h2>
    ${me.name === null
      ? html`<p class="note">You are the local user: this server has no users, so it asks for no token.</p>`
      : html`<p class="note">Signed in as <b dir="auto">${me.name}</b>${role}. Signing out ends the session in all tabs; the token stays valid.</p>
        <button type="button" class="btn" @click=${() => signOut().catch(toastError)}>${icon("leave")}Sign out</button>`}
  </section>`;
}

function localeNames() {
  return Intl.DateTimeFormat.supportedLocalesOf(LOCALES)
    .map((tag) => ({ tag, name: languageName(tag) }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** The name of a language in itself. @param {string} tag */
function languageName(tag) {
  try {
    return new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
