// @ts-check
/** Errors of the HTTP API in words for readers: its own messages name requests. */

/** @typedef {import("./api.js").ApiError} ApiError */

/** @type {Record<string, string>} */
const TEXTS = {
  AlreadyAnswered: "This was answered already, perhaps in another window.",
  DatabaseBusy: "The server is busy.",
  LeaseLost: "Another server took over the answer.",
  MessageNotFound: "This message is not in the version that is shown.",
  NothingToResume: "The agent does not wait for an answer any more.",
  QueueFull: "Too many messages wait here already.",
  ShuttingDown: "The server is restarting.",
  ThreadBusy: "Another answer is under way here. Wait for it, or stop it.",
  ThreadDeleted: "This conversation was deleted.",
  ThreadMoved: "The conversation changed meanwhile.",
  ThreadNotFound: "This conversation does not exist, or it is not yours.",
  ThreadTrashed: "This conversation is in the trash.",
};

/** Return what happened, and what to do about it. @param {ApiError} error @param {boolean} [hasHint] */
export function textOf(error, hasHint = true) {
  return `${TEXTS[error.code] ?? error.message} ${hasHint ? error.hint : ""}`.trim();
}
