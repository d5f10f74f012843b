// @ts-check
/** Drafts: what is typed and not yet accepted by the server, kept in this browser for each thread. */

const PREFIX = "threads-draft:";
/** Drafts that are kept; the oldest go first. */
const MAX_DRAFTS = 200;
/** Used where storage is blocked or full. @type {Map<string, string>} */
const memory = new Map();

/** @param {string | null} user @param {string | null} threadId Null for a new conversation. */
export function draftKey(user, threadId) {
  return `${PREFIX}${JSON.stringify([user, threadId])}`;
}

/** @param {string} key */
export function loadDraft(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null")?.text ?? memory.get(key) ?? "";
  } catch {
    return memory.get(key) ?? "";
  }
}

/** @param {string} key @param {string} text Empty to remove it. */
export function saveDraft(key, text) {
  memory.delete(key);
  try {
    if (text) localStorage.setItem(key, JSON.stringify({ text, at: Date.now() }));
    else localStorage.removeItem(key);
  } catch {
    if (text) memory.set(key, text);
  }
}

/** Return a draft without texts that were sent since it was stored. @param {string} draft @param {string[]} texts */
export function withoutTexts(draft, texts) {
  let rest = draft;
  for (const text of texts) if (rest === text || rest.startsWith(`${text}\n\n`)) rest = rest.slice(text.length).replace(/^\n\n/, "");
  return rest;
}

/** Remove the drafts of a user who signs out: the next one in this browser must not find them. @param {string | null} user */
export function clearDrafts(user) {
  const own = draftKey(user, null).slice(0, -"null]".length);
  memory.clear();
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(own)) localStorage.removeItem(key);
  } catch {
    // storage is blocked
  }
}

/** Remove the oldest drafts beyond `MAX_DRAFTS`. */
export function pruneDrafts() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    const dated = keys.map((key) => ({ key, at: JSON.parse(localStorage.getItem(key) ?? "{}").at ?? 0 }));
    for (const { key } of dated.sort((a, b) => b.at - a.at).slice(MAX_DRAFTS)) localStorage.removeItem(key);
  } catch {
    // storage is blocked, or holds what this page did not write
  }
}
