// @ts-check
/** Who uses this browser: the local user, or one that signed in by token and has a session cookie. */

import { get, send } from "./api.js";
import { BASE } from "./base.js";
import { clearDrafts } from "./drafts.js";
import { get as state, set } from "./store.js";
import { broadcast, listen } from "./tabs.js";

/** Read who the caller is, which agents there are and the server's limit; sets `session`, `me`, `agents`. Raises `ApiError`. */
export async function loadSession() {
  const [me, agents, info] = await Promise.all([get(["me"]), get(["agents"]), get(["info"])]);
  set({ session: "in", me, agents, bodyLimit: info.limits.body_bytes });
}

/**
 * Exchange a token for this browser's session cookie; the token itself is not stored. Raises `ApiError`.
 * For another user than the last one the page is loaded anew.
 * @param {string} token
 */
export async function signIn(token) {
  const before = state().me;
  const me = await send("POST", ["session"], { headers: { Authorization: `Bearer ${token.trim()}` } });
  if (before !== null && before.name !== me.name) {
    broadcast("session", { name: me.name });
    location.assign(BASE); // nothing of the last user stays in memory
    return;
  }
  set({ me });
  await loadSession();
  broadcast("session", { name: me.name });
}

/** End the session of this browser, in all its tabs. Raises `ApiError`. */
export async function signOut() {
  await send("DELETE", ["session"]);
  clearDrafts(state().me?.name ?? null);
  broadcast("session", { name: null });
  location.reload(); // nothing of the last user stays in memory
}

/** Follow what other tabs do: a tab shows nothing of a user who signed out elsewhere, and goes on with a renewed session. */
export function followSession() {
  listen("session", ({ name }) => {
    if (name !== null && state().me?.name === name) void loadSession().catch(() => location.reload());
    else location.reload();
  });
}
