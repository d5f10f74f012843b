// @ts-check
/** What the reader chose in this browser: theme and language of dates; `theme.js` reads it before the first paint. */

const STORED = "threads-settings";

/**
 * @typedef {object} Settings
 * @property {"system" | "light" | "dark"} theme
 * @property {string | null} locale  A BCP 47 tag for dates; null: the browser's.
 */

/** @type {Settings} */
const DEFAULTS = { theme: "system", locale: null };

/** @returns {Settings} */
export function settings() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(STORED) ?? "{}") };
  } catch {
    return DEFAULTS; // storage is blocked
  }
}

/**
 * Change settings, in all tabs.
 * @param {Partial<Settings>} fields
 */
export function changeSettings(fields) {
  try {
    localStorage.setItem(STORED, JSON.stringify({ ...settings(), ...fields }));
  } catch {
    // they hold for this tab until it is closed
  }
  apply({ ...settings(), ...fields });
}

/** Apply changes that another tab makes. */
export function followSettings() {
  addEventListener("storage", (event) => event.key === STORED && apply(settings()));
}

/** @param {Settings} chosen */
function apply(chosen) {
  if (chosen.theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen.theme;
  dispatchEvent(new CustomEvent("threads-settings", { detail: chosen }));
}
