// @ts-check
/** What is chosen for a conversation that has not begun: the agent, and whether it is temporary. */
import { get } from "./store.js";

/** @import { Agent } from "./types.js" */

/** @type {{agentId: string | null, isTemporary: boolean}} */
let choice = { agentId: null, isTemporary: false };
/** @type {Set<() => void>} */
const watchers = new Set();

/** Return the agent and the kind of the next conversation. */
export function newChat() {
  return choice;
}

/** @param {Partial<typeof choice>} fields */
export function chooseNewChat(fields) {
  choice = { ...choice, ...fields };
  for (const run of watchers) run();
}

/** @param {() => void} run @returns {() => void} a function that ends it */
export function watchNewChat(run) {
  watchers.add(run);
  return () => watchers.delete(run);
}

/** Return an agent; undefined if the server does not have it. @param {string | null} id @returns {Agent | undefined} */
export function findAgent(id) {
  return get().agents.find((each) => each.id === id);
}

/** Return the agent of the next conversation: the chosen one, else the server's first. */
export function nextAgent() {
  const { agents } = get();
  return findAgent(choice.agentId) ?? agents.find((each) => each.default) ?? agents[0];
}

/** Return the name of an agent for people. @param {string | null} id */
export function agentName(id) {
  return findAgent(id)?.name ?? id ?? "Assistant";
}
