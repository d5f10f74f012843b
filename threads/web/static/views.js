// @ts-check
/** The views beside the chat: archive, trash, analytics, settings, sign-in, and an address that does not exist. */

import { html, nothing, render } from "../vendor/lit-html.js";
import { get as fetchJson } from "./api.js";
import { AnalyticsView } from "./analytics.js";
import { href } from "./router.js";
import { settings } from "./settings.js";
import { SettingsView } from "./settings_view.js";
import { SignInView } from "./sign_in.js";
import { get, watch } from "./store.js";
import { StoredThreadsView } from "./stored_threads.js";

/** @import { View } from "./types.js" */
/**
 * @typedef {object} ShownView
 * @property {() => unknown} render
 * @property {() => Promise<void>} [start]
 * @property {(root: ParentNode) => void} [afterRender]
 * @property {() => void} [close]
 */

/** @param {HTMLElement} root */
export function mountView(root) {
  /** @type {{ name: string, view: ShownView } | null} */
  let current = null;
  let isScheduled = false;
  const show = () => {
    isScheduled = false;
    render(current === null ? nothing : current.view.render(), root);
    current?.view.afterRender?.(root);
  };
  const update = (isNow = false) => {
    if (isNow) return show();
    if (!isScheduled) requestAnimationFrame(show);
    isScheduled = true;
  };
  const change = () => {
    const name = viewName();
    if (name !== current?.name) {
      current?.view.close?.();
      current = name === "chat" ? null : { name, view: create(name, update) };
      if (get().session !== "out") void current?.view.start?.();
      root.scrollTop = 0;
      show();
      const field = root.querySelector("[autofocus]");
      if (field instanceof HTMLElement) field.focus();
    } else update();
  };
  watch((state) => [state.route, state.session], change);
  watch((state) => [state.threads, state.me], () => update());
  addEventListener("threads-settings", () => update());
}

/** @returns {View} */
function viewName() {
  const { route, session } = get();
  return session === "out" ? "sign-in" : route.view;
}

/**
 * @param {View} name
 * @param {() => void} update
 * @returns {ShownView}
 */
function create(name, update) {
  if (name === "archive" || name === "trash") return new StoredThreadsView(name, update);
  if (name === "analytics") return new AnalyticsView(ANALYTICS, update, () => settings().locale ?? undefined);
  if (name === "settings") return new SettingsView(update);
  if (name === "sign-in") return new SignInView(update);
  return { render: missing };
}

/** @type {import("./analytics.js").AnalyticsSource} */
const ANALYTICS = {
  stats: (query) => fetchJson(["analytics"], query),
  agents: () => get().agents.map((agent) => agent.id),
  tags: async () => (await fetchJson(["tags"])).map((/** @type {{ name: string }} */ tag) => tag.name),
};

function missing() {
  return html`<div class="empty page"><h2>This address leads nowhere</h2>
    <p>The page has conversations, an archive, a trash, analytics and settings.</p><p><a class="btn" href=${href()}>Conversations</a></p></div>`;
}
