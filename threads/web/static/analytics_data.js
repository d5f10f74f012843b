// @ts-check
/** Statistics for plots: missing days, totals, scales. Unknown stays `null`, never 0. */

/**
 * @typedef {import("./types.js").Stat} Stat
 * @typedef {{ key: string, label: string, value: (stat: Stat) => number | null, unit: "count" | "seconds" }} Metric
 */

/** @type {readonly Metric[]} */
export const METRICS = [
  { key: "threads", label: "New conversations", value: (stat) => stat.threads, unit: "count" },
  { key: "messages", label: "Messages", value: (stat) => stat.messages, unit: "count" },
  { key: "tokens", label: "Tokens", value: tokens, unit: "count" },
  { key: "latency", label: "Run duration (mean)", value: (stat) => stat.latency, unit: "seconds" },
  { key: "failures", label: "Failed runs", value: (stat) => stat.failures, unit: "count" },
];

/** @param {Stat} stat */
function tokens(stat) {
  return stat.input_tokens === null || stat.output_tokens === null ? null : stat.input_tokens + stat.output_tokens;
}

const DAY = 86_400_000;

/**
 * Return one row per UTC day from `since` to `until`, which is not included. On a day without a row nothing
 * happened.
 * @param {readonly Stat[]} stats
 * @param {string} since `2026-01-31`
 * @param {string} until
 * @returns {Stat[]}
 */
export function fillDays(stats, since, until) {
  const known = new Map(stats.map((stat) => [stat.key, stat]));
  const days = [];
  for (let time = Date.parse(since); time < Date.parse(until); time += DAY) {
    const key = isoDay(time);
    days.push(known.get(key) ?? emptyStat(key));
  }
  return days;
}

/**
 * @param {string | null} key
 * @returns {Stat}
 */
function emptyStat(key) {
  return { key, threads: 0, messages: 0, input_tokens: 0, output_tokens: 0, runs: 0, failures: 0, latency: null };
}

/**
 * Return the first day of a period that ends today, and the day after today, in UTC.
 * @param {number} days
 * @param {Date} [now]
 */
export function period(days, now = new Date()) {
  const today = Date.parse(isoDay(now.getTime()));
  return { since: isoDay(today - (days - 1) * DAY), until: isoDay(today + DAY) };
}

/**
 * Return days as weeks where there are too many to tell apart; sums are unknown where one of them is.
 * @param {readonly Stat[]} stats by day, without gaps
 * @param {number} most
 * @returns {Stat[]}
 */
export function gatherDays(stats, most) {
  const size = Math.ceil(stats.length / most);
  if (size <= 1) return [...stats];
  const gathered = [];
  for (let start = 0; start < stats.length; start += size) gathered.push(sum(stats.slice(start, start + size)));
  return gathered;
}

/**
 * Return the sum of statistics under the key of the first; the latency is the mean over all runs.
 * @param {readonly Stat[]} stats
 * @returns {Stat}
 */
export function sum(stats) {
  /** @param {(stat: Stat) => number | null} value */
  const total = (value) => stats.reduce((/** @type {number | null} */ all, stat) => add(all, value(stat)), 0);
  const runs = total((stat) => stat.runs) ?? 0;
  const seconds = total((stat) => (stat.latency ?? 0) * stat.runs) ?? 0;
  return {
    key: stats[0]?.key ?? null,
    threads: total((stat) => stat.threads) ?? 0,
    messages: total((stat) => stat.messages),
    input_tokens: total((stat) => stat.input_tokens),
    output_tokens: total((stat) => stat.output_tokens),
    runs,
    failures: total((stat) => stat.failures) ?? 0,
    latency: runs === 0 ? null : seconds / runs,
  };
}

/**
 * @param {number | null} a
 * @param {number | null} b
 */
function add(a, b) {
  return a === null || b === null ? null : a + b;
}

/**
 * Return round values from 0 up to at least `largest`, for grid lines: 0, 20, 40, 60.
 * @param {number} largest
 * @param {boolean} isWhole counts have no halves
 */
export function ticks(largest, isWhole) {
  if (!(largest > 0)) return [0, 1];
  const rough = largest / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const size = isWhole ? Math.max(1, Math.round(step)) : step;
  return Array.from({ length: Math.ceil(largest / size) + 1 }, (_, index) => index * size);
}

/**
 * Return a value as a reader sees it; a dash where it is unknown.
 * @param {number | null} value
 * @param {"count" | "seconds"} unit
 * @param {string} [locale]
 */
export function formatValue(value, unit, locale) {
  if (value === null) return "–";
  if (unit === "count") return new Intl.NumberFormat(locale).format(value);
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value)} s`;
}

/** @param {number} time */
function isoDay(time) {
  return new Date(time).toISOString().slice(0, 10);
}
