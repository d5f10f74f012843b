// @ts-check
/** Messages grouped as they are shown: what the user wrote, then all that answers it, with marks between days. */

/** @typedef {import("./conversation.js").Message} Message */
/**
 * @typedef {{kind: "user", key: string, message: Message}} UserItem
 * @typedef {{kind: "assistant", key: string, messages: Message[], results: Map<string, Message>}} AssistantItem
 * @typedef {{kind: "system", key: string, message: Message}} SystemItem
 * @typedef {{kind: "day", key: string, day: string}} DayItem
 * @typedef {UserItem | AssistantItem | SystemItem | DayItem} Item
 */

/**
 * Group messages. Keys stay the same while messages are added at either end.
 * @param {Message[]} messages
 * @returns {Item[]}
 */
export function groupMessages(messages) {
  /** @type {Item[]} */
  const items = [];
  /** @type {AssistantItem | null} */
  let answer = null;
  let day = "";
  messages.forEach((message, index) => {
    const key = message.id ?? `at-${index - messages.length}`;
    const messageDay = dayOf(message.created_at);
    if (messageDay && messageDay !== day && message.role !== "tool") {
      day = messageDay;
      items.push({ kind: "day", key: `day-${messageDay}-${key}`, day: /** @type {string} */ (message.created_at) });
      answer = null;
    }
    if (message.role === "user" || message.role === "system") {
      answer = null;
      items.push({ kind: message.role, key, message });
      return;
    }
    if (!answer) {
      answer = { kind: "assistant", key, messages: [], results: new Map() };
      items.push(answer);
    }
    const isResult = message.role === "tool" && message.tool_call_id !== null && hasCall(answer, message.tool_call_id);
    if (isResult) answer.results.set(/** @type {string} */ (message.tool_call_id), message);
    else answer.messages.push(message);
  });
  return items;
}

/** @param {AssistantItem} answer @param {string} id */
function hasCall(answer, id) {
  return answer.messages.some((each) => each.tool_calls.some((call) => call.id === id));
}

/** Return the day of a time where the reader is; empty if the time is unknown. @param {string | null} time */
function dayOf(time) {
  if (!time) return "";
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/**
 * Return the message that actions on an answer refer to: its last one of the assistant with an id.
 * @param {AssistantItem} item
 */
export function lastAnswer(item) {
  return item.messages.findLast((each) => each.role === "assistant") ?? item.messages.at(-1);
}

/** Return the text of an answer as it is copied. @param {AssistantItem} item */
export function answerText(item) {
  return item.messages
    .filter((each) => each.role === "assistant" && each.text)
    .map((each) => each.text)
    .join("\n\n");
}
