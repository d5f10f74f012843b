// @ts-check
/** Search text and snippets: the operators, their completion, and marks by code points. */

/** The operators of a search, with an example of each. */
export const OPERATORS = [
  { operator: "tag:", example: "tag:vip", help: "conversations with a tag" },
  { operator: "agent:", example: "agent:support", help: "conversations with an agent" },
  { operator: "is:", example: "is:pinned", help: "pinned or archived ones" },
  { operator: "role:", example: "role:user", help: "what you or the assistant wrote" },
  { operator: "after:", example: "after:7d", help: "since a date, or the last 7 days" },
  { operator: "before:", example: "before:2026-01-31", help: "before a date" },
];

/** @type {Record<string, string[]>} */
const VALUES = {
  "is:": ["pinned", "archived"],
  "role:": ["user", "assistant", "tool"],
  "after:": ["1d", "7d", "30d"],
  "before:": ["1d", "7d", "30d"],
};
const MOST = 5;
const LAST_WORD = /(?:^|\s)(\S*)$/;

/**
 * Return texts that complete the last word of a search: an operator, or a value of one.
 * @param {string} text
 * @param {{ tags: readonly string[], agents: readonly string[] }} names
 * @returns {string[]} whole search texts
 */
export function completions(text, { tags, agents }) {
  const word = LAST_WORD.exec(text)?.[1] ?? "";
  const start = text.slice(0, text.length - word.length);
  if (word === "" || word.startsWith('"')) return [];
  const colon = word.indexOf(":");
  if (colon < 0) {
    const found = OPERATORS.filter(({ operator }) => word.length > 1 && operator.startsWith(word.toLowerCase()));
    return found.map(({ operator }) => start + operator);
  }
  const operator = word.slice(0, colon + 1).toLowerCase();
  const typed = word.slice(colon + 1).toLowerCase();
  const values = operator === "tag:" ? tags : operator === "agent:" ? agents : VALUES[operator] ?? [];
  return values
    .filter((value) => value.toLowerCase().startsWith(typed) && value.toLowerCase() !== typed)
    .slice(0, MOST)
    .map((value) => `${start}${operator}${quoted(value)} `);
}

/** @param {string} value */
function quoted(value) {
  return /\s/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
}

/**
 * Return a snippet in parts, with the matches marked. Their numbers count code points, as the server does.
 * @param {string} snippet
 * @param {readonly (readonly [number, number])[]} matches
 * @returns {{ text: string, isMatch: boolean }[]}
 */
export function snippetParts(snippet, matches) {
  const points = Array.from(snippet);
  const parts = [];
  let end = 0;
  for (const [start, stop] of matches) {
    parts.push({ text: points.slice(end, start).join(""), isMatch: false });
    parts.push({ text: points.slice(start, stop).join(""), isMatch: true });
    end = stop;
  }
  parts.push({ text: points.slice(end).join(""), isMatch: false });
  return parts.filter((part) => part.text !== "");
}
