// @ts-check
/** Dates in the reader's locale. Each function takes ISO 8601 text; null and what is no date give "". */

import { settings } from "./settings.js";

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {Intl.DateTimeFormatOptions} options */
function format(options) {
  const { locale } = settings();
  const key = JSON.stringify([locale, options]);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(isLocale(locale) ? locale : undefined, options);
    formats.set(key, found);
  }
  return found;
}

/**
 * Whether dates can be written in this language.
 * @param {string | null} locale
 * @returns {locale is string}
 */
export function isLocale(locale) {
  try {
    return Boolean(locale) && Intl.getCanonicalLocales(/** @type {string} */ (locale)).length === 1;
  } catch {
    return false;
  }
}

/**
 * @param {string | null | undefined} text
 * @returns {Date | null}
 */
export function parseDate(text) {
  const date = text ? new Date(text) : null;
  return date && !Number.isNaN(date.getTime()) ? date : null;
}

/** The whole days from `date` to `now` in local time; negative where the clocks differ. @param {Date} date @param {Date} now */
function daysAgo(date, now) {
  const midnight = (/** @type {Date} */ each) => Date.UTC(each.getFullYear(), each.getMonth(), each.getDate());
  return Math.round((midnight(now) - midnight(date)) / 86_400_000);
}

/**
 * For a row: the time today, the weekday this week, the day this year, else the date.
 * @param {string | null | undefined} text
 */
export function shortTime(text, now = new Date()) {
  const date = parseDate(text);
  if (!date) return "";
  const days = daysAgo(date, now);
  if (days === 0) return format({ hour: "2-digit", minute: "2-digit" }).format(date);
  if (days > 0 && days < 7) return format({ weekday: "short" }).format(date);
  if (date.getFullYear() === now.getFullYear()) return format({ day: "numeric", month: "short" }).format(date);
  return format({ year: "numeric", month: "2-digit", day: "2-digit" }).format(date);
}

/**
 * For a message: hours and minutes.
 * @param {string | null | undefined} text
 */
export function clockTime(text) {
  const date = parseDate(text);
  return date ? format({ hour: "2-digit", minute: "2-digit" }).format(date) : "";
}

/**
 * For a tooltip: day and time in full.
 * @param {string | null | undefined} text
 */
export function fullTime(text) {
  const date = parseDate(text);
  return date ? format({ dateStyle: "full", timeStyle: "medium" }).format(date) : "";
}

/**
 * The heading of a day between messages.
 * @param {string | null | undefined} text
 */
export function dayName(text, now = new Date()) {
  const date = parseDate(text);
  if (!date) return "";
  const days = daysAgo(date, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: /** @type {const} */ ("numeric") };
  return format({ weekday: "long", day: "numeric", month: "long", ...year }).format(date);
}

/**
 * The heading of a group of threads: Today, Yesterday, Previous 7 days, a month. A time in the future is today.
 * @param {string | null | undefined} text
 */
export function dayGroup(text, now = new Date()) {
  const date = parseDate(text);
  if (!date) return "Without a date";
  const days = daysAgo(date, now);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days <= 7) return "Previous 7 days";
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: /** @type {const} */ ("numeric") };
  return format({ month: "long", ...year }).format(date);
}
