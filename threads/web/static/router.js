// @ts-check
/** Addresses of the page: `/` a new conversation, `/t/ID` a thread, `/t/ID#MESSAGE` a message, `/VIEW` a view. */

import { BASE } from "./base.js";
import { get, set } from "./store.js";

/** @import { Route, View } from "./types.js" */

/** @type {readonly View[]} */
const VIEWS = ["archive", "trash", "analytics", "settings", "sign-in"];

/**
 * Return the route of a URL.
 * @param {URL | Location} url
 * @returns {Route}
 */
export function parse(url) {
  const path = url.pathname.startsWith(BASE.pathname) ? url.pathname.slice(BASE.pathname.length) : url.pathname;
  if (path === "") return { view: "chat", thread: null, message: null };
  if (path.startsWith("t/") && path.length > 2) {
    return { view: "chat", thread: decode(path.slice(2)), message: decode(url.hash.slice(1)) || null };
  }
  return { view: VIEWS.find((each) => each === path) ?? "missing", thread: null, message: null };
}

/**
 * Return the address of a route, for links.
 * @param {Partial<Route>} route  By default a new conversation.
 * @returns {string}
 */
export function href({ view = "chat", thread = null, message = null } = {}) {
  const path = view !== "chat" ? view : thread === null ? "" : `t/${encodeURIComponent(thread)}`;
  return `${BASE.pathname}${path}${message === null ? "" : `#${encodeURIComponent(message)}`}`;
}

/**
 * Show a route, as following a link does. `replace`: the current entry of the history is replaced.
 * @param {Partial<Route>} route
 * @param {{ replace?: boolean }} [options]
 */
export function navigate(route, { replace = false } = {}) {
  const to = href(route);
  const isHere = to === location.pathname + location.hash;
  if (replace) history.replaceState(null, "", to);
  else if (!isHere) history.pushState(null, "", to);
  read();
}

/** Follow the address bar, back and forward, and links inside the page. Call it once. */
export function startRouter() {
  history.scrollRestoration = "manual";
  addEventListener("popstate", read);
  addEventListener("click", (event) => {
    const link = event.composedPath().find((each) => each instanceof HTMLAnchorElement);
    if (!(link instanceof HTMLAnchorElement) || !isPlainClick(event)) return;
    if (link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(BASE.pathname)) return;
    const route = parse(url);
    if (route.view === "missing") return;
    event.preventDefault();
    navigate(route);
  });
  read();
}

function read() {
  const route = parse(location);
  const before = get().route;
  const isSame = route.view === before.view && route.thread === before.thread && route.message === before.message;
  set({ drawer: false, ...(isSame ? {} : { route }) });
}

/** @param {MouseEvent} event */
function isPlainClick(event) {
  const hasModifier = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  return !event.defaultPrevented && event.button === 0 && !hasModifier;
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that encodes nothing
  }
}
