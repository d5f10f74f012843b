// @ts-check
/** Keys for what the buttons beside messages do; they work while no text is typed. */
import { addShortcut } from "./keys.js";
import { get } from "./store.js";
import { answerText, groupMessages, lastAnswer } from "./turns.js";

/** @typedef {import("./chat_actions.js").ChatActions} ChatActions */

/** @param {ChatActions} actions @param {HTMLElement} log */
export function addMessageKeys(actions, log) {
  const add = (/** @type {string} */ keys, /** @type {string} */ label, /** @type {() => void} */ run) =>
    addShortcut({ keys, label, group: "Conversation", run: () => (get().route.view === "chat" ? run() : false) });
  add("j", "Next message", () => moveFocus(log, 1));
  add("k", "Previous message", () => moveFocus(log, -1));
  add("e", "Edit the last message", () => actions.editLast());
  add("c", "Copy the last answer", () => withLastAnswer(actions, (item) => actions.messageActions.copy(answerText(item))));
  add("r", "Answer again", () => withLastAnswer(actions, (item) => {
    const message = lastAnswer(item);
    if (message && !actions.isReadOnly && !actions.conversation.isBusy) actions.messageActions.regenerate(message);
  }));
  add("a", "Choose the agent", () => /** @type {HTMLElement | null} */ (document.querySelector("#header .agent"))?.click());
}

/** @param {ChatActions} actions @param {(item: import("./turns.js").AssistantItem) => void} act */
function withLastAnswer(actions, act) {
  const item = groupMessages(actions.conversation.messages).findLast((each) => each.kind === "assistant");
  if (item?.kind === "assistant") act(item);
}

/** Move the focus from message to message; without one the last comes first. @param {HTMLElement} log @param {1 | -1} step */
function moveFocus(log, step) {
  const all = /** @type {HTMLElement[]} */ ([...log.querySelectorAll("article[tabindex]")]);
  const now = all.findIndex((each) => each.contains(document.activeElement));
  const next = now < 0 ? all.at(-1) : all[Math.min(Math.max(now + step, 0), all.length - 1)];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}
