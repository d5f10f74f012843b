// @ts-check
/** Who uses this browser: the local user, or one that signed in by token and has a session cookie. */

import { get, send } from "./api.js";
import { clearDrafts } from "./drafts.js";
import { get as state, set } from "./store.js";
import { broadcast, listen } from "./tabs.js";

/** Read who the caller is and which agents there are; sets `session`, `me` and `agents`. Raises `ApiError`. */
export async function loadSession() {
  const [me, agents] = await Promise.all([get(["me"]), get(["agents"])]);
  set({ session: "in", me, agents });
}

/**
 * Exchange a token for this browser's session cookie; the token itself is not stored. Raises `ApiError`.
 * @param {string} token
 */
export async function signIn(token) {
  const me = await send("POST", ["session"], { headers: { Authorization: `Bearer ${token.trim()}` } });
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

/** Follow what other tabs do: a tab shows nothing of a user who signed out elsewhere. */
export function followSession() {
  listen("session", () => location.reload());
}
