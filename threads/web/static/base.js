// @ts-check
/** Where the page is mounted: everything it requests lies below, so that it works under any prefix. */

/** The URL of the page's root, with a slash at its end. Modules lie at `BASE/assets/VERSION/static/`. */
export const BASE = new URL("../../../", import.meta.url);

/** The root of the HTTP API. */
export const API = new URL("api/v1/", BASE);

/** What the operator called this page (`PageOptions(name=...)`). */
export const NAME = document.querySelector('meta[name="application-name"]')?.getAttribute("content") ?? "Threads";

/** The URL of the operator's logo (`PageOptions(logo=...)`), or null. */
export const LOGO = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[data-logo]"))?.href ?? null;
