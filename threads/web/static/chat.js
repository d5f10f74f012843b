// @ts-check
/** The conversation. */

import { html, nothing, render } from "../vendor/lit-html.js";
import { getPage, send } from "./api.js";
import { toastError } from "./dialogs.js";
import { ready, subscribe } from "./events.js";
import { navigate } from "./router.js";
import { get, watch } from "./store.js";

/** @import { Message } from "./types.js" */

/** @param {HTMLElement} root */
export function mountChat(root) {
  /** @type {readonly Message[]} */
  let messages = [];
  const show = () =>
    render(
      html`<div class="log" role="log" aria-label="Messages">
          ${messages.map((each) => html`<article class=${each.role} id=${each.id ?? nothing} dir="auto">${each.text}</article>`)}
        </div>
        <form @submit=${submit}><textarea aria-label="Message"></textarea><button class="btn go">Send</button></form>`,
      root,
    );
  const load = async () => {
    const { thread } = get().route;
    messages = [];
    if (thread !== null && get().session === "in") {
      await ready();
      const { items } = await getPage(["threads", thread, "messages"], { limit: 100 });
      if (get().route.thread === thread) messages = items;
    }
    show();
  };
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const field = root.querySelector("textarea");
    const text = field?.value ?? "";
    try {
      const { thread } = get().route;
      if (thread === null) {
        const created = await send("POST", ["threads"], { body: { initial_message: text }, headers: { Prefer: "respond-async" } });
        navigate({ thread: created.id });
      } else await send("POST", ["threads", thread, "messages"], { body: { message: text }, headers: { Prefer: "respond-async" } });
      if (field) field.value = "";
    } catch (error) {
      toastError(error);
    }
  };
  watch((state) => [state.route.thread, state.session], () => void load().catch(toastError));
  subscribe(null, (event) => event.thread_id === get().route.thread && event.type === "finished" && void load());
}
