// @ts-check
/** What a conversation shows before its first message: the agent, what it does, and messages to begin with. */
import { html, nothing } from "../vendor/lit-html.js";
import { icon } from "./icons.js";

/** @import { Agent } from "./types.js" */

/**
 * @param {Agent | undefined} agent
 * @param {boolean} isTemporary
 * @param {(text: string) => void} send
 */
export function emptyTemplate(agent, isTemporary, send) {
  const starters = (agent?.starters ?? []).slice(0, 4);
  return html`<div class="welcome">
    ${isTemporary ? html`<div class="welcome-mark">${icon("ghost")}</div>` : nothing}
    <h2 dir="auto">${isTemporary ? "Temporary conversation" : (agent?.name ?? "New conversation")}</h2>
    ${isTemporary ? html`<p>${agent?.name ?? "The agent"} answers, and nothing is stored: no thread, no title, no search.</p>` : nothing}
    ${agent?.description && !isTemporary ? html`<p dir="auto">${agent.description}</p>` : nothing}
    ${starters.length ? html`<ul class="starters" aria-label="Messages to begin with">
      ${starters.map((/** @type {string} */ text) => html`<li><button type="button" dir="auto" @click=${() => send(text)}>${text}</button></li>`)}
    </ul>` : nothing}
  </div>`;
}
