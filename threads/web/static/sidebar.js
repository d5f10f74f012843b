// @ts-check
/** The list of conversations. */

import { html, render } from "../vendor/lit-html.js";
import { getPage } from "./api.js";
import { onGap, ready, subscribe } from "./events.js";
import { href } from "./router.js";
import { get, putThreads, watch } from "./store.js";

/** @param {HTMLElement} root */
export function mountSidebar(root) {
  /** @type {string[]} */
  let ids = [];
  const show = () =>
    render(
      html`<a class="btn go" href=${href()}>New</a>
        <ul>
          ${ids.map((id) => get().threads.get(id)).map((thread) => thread && html`<li>
            <a href=${href({ thread: thread.id })} aria-current=${get().route.thread === thread.id ? "page" : "false"}>
              <span dir="auto">${thread.title}</span></a></li>`)}
        </ul>`,
      root,
    );
  const load = async () => {
    await ready();
    const page = await getPage(["threads"], { limit: 50, count: false });
    putThreads(page.items);
    ids = page.items.map((thread) => thread.id);
    show();
  };
  watch((state) => state.session, (session) => session === "in" && void load());
  watch((state) => [state.route, state.threads], show);
  subscribe(null, (event) => event.type === "finished" && void load());
  onGap(() => void load());
}
