// @ts-check
/**
 * Groups of the sidebar: Pinned, Today, Yesterday, Previous 7 days, months.
 *
 * Days and months are those of the reader's time zone. A group depends on a thread's own time alone, never
 * on its neighbours, so that one wrong clock moves one thread: a time in the future counts as today, an
 * unknown one stands at the end.
 */

import { clockTime, dayGroup, parseDate, shortTime } from "./dates.js";

/**
 * @typedef {{ id: string, updated_at: string | null, pinned: boolean }} Dated
 * @typedef {"pinned" | "today" | "yesterday" | "week" | "month" | "undated"} GroupKind
 */

/**
 * @template {Dated} T
 * @typedef {{ key: string, kind: GroupKind, label: string, threads: T[] }} ThreadGroup
 */

const PREVIOUS_DAYS = 7;

/**
 * Return the threads by group, in the order of groups; threads of one group stay in the given order.
 * @template {Dated} T
 * @param {readonly T[]} threads
 * @param {{ now?: Date, hasPinned?: boolean, moment?: (thread: T) => string | null }} [options]
 *     `hasPinned`: whether pinned ones come first. `moment`: the time that counts, by default of the last activity.
 * @returns {ThreadGroup<T>[]}
 */
export function groupThreads(threads, { now = new Date(), hasPinned = true, moment = (thread) => thread.updated_at } = {}) {
  const days = dayStarts(now);
  /** @type {Map<string, ThreadGroup<T> & { rank: number }>} */
  const groups = new Map();
  for (const thread of threads) {
    const { key, kind, rank } = place(hasPinned && thread.pinned, moment(thread), days);
    let group = groups.get(key);
    if (group === undefined) {
      group = { key, kind, rank, label: kind === "pinned" ? "Pinned" : dayGroup(moment(thread), now), threads: [] };
      groups.set(key, group);
    }
    group.threads.push(thread);
  }
  return [...groups.values()].sort((a, b) => b.rank - a.rank);
}

/**
 * Return the time that a row shows: below "Yesterday" and "Today" the time of day, else what `shortTime` says.
 * @param {string | null} moment
 * @param {GroupKind} kind of the row's group
 * @param {Date} [now]
 */
export function rowTime(moment, kind, now) {
  return kind === "yesterday" ? clockTime(moment) : shortTime(moment, now);
}

/**
 * Return the milliseconds until the next local midnight, when the groups change.
 * @param {Date} [now]
 */
export function millisecondsToMidnight(now = new Date()) {
  return dayStarts(now).tomorrow - now.getTime();
}

/** @param {Date} now */
function dayStarts(now) {
  /** @param {number} days */
  const start = (days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days).getTime();
  return { tomorrow: start(1), today: start(0), yesterday: start(-1), week: start(-PREVIOUS_DAYS) };
}

/**
 * @param {boolean} pinned
 * @param {string | null} moment
 * @param {ReturnType<typeof dayStarts>} days
 * @returns {{ key: string, kind: GroupKind, rank: number }} `rank`: larger ones come first
 */
function place(pinned, moment, days) {
  if (pinned) return { key: "pinned", kind: "pinned", rank: 1e9 };
  const time = parseDate(moment)?.getTime() ?? null;
  if (time === null) return { key: "undated", kind: "undated", rank: -1e9 };
  if (time >= days.today) return { key: "today", kind: "today", rank: 1e8 };
  if (time >= days.yesterday) return { key: "yesterday", kind: "yesterday", rank: 1e8 - 1 };
  if (time >= days.week) return { key: "week", kind: "week", rank: 1e8 - 2 };
  const date = new Date(time);
  const month = date.getFullYear() * 12 + date.getMonth();
  return { key: `month-${month}`, kind: "month", rank: month };
}
