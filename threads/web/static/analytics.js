// @ts-check
/** The view of statistics: a period, filters, totals, a plot of each number, and all of them as a table. */

import { html, nothing } from "../vendor/lit-html.js";
import { METRICS, fillDays, formatValue, gatherDays, period, sum } from "./analytics_data.js";
import { columnPlot, rowPlot } from "./plots.js";

/**
 * @typedef {import("./analytics_data.js").Stat} Stat
 * @typedef {import("./analytics_data.js").Metric} Metric
 * @typedef {"day" | "agent" | "tag"} Grouping
 * @typedef {{ by: Grouping, days: number, agent_id: string, tag: string }} Choice
 * @typedef {object} AnalyticsSource
 * @property {(query: Record<string, string>) => Promise<Stat[]>} stats
 * @property {() => string[]} agents
 * @property {() => Promise<string[]>} tags
 */

const PERIODS = [7, 30, 90, 365];
/** Columns that a plot can show apart from each other. */
const COLUMNS = 92;
/** Names of which plots show the largest. */
const NAMES = 12;
const BY = { day: "Day", agent: "Agent", tag: "Tag" };

export class AnalyticsView {
  /**
   * @param {AnalyticsSource} source
   * @param {() => void} update
   * @param {() => string | undefined} locale
   */
  constructor(source, update, locale) {
    this._source = source;
    this._update = update;
    this._locale = locale;
    /** @type {Choice} */
    this.choice = { by: "day", days: 30, agent_id: "", tag: "" };
    /** @type {Stat[] | null} */
    this._stats = null;
    /** @type {unknown} */
    this._error = null;
    /** @type {string[]} */
    this._tags = [];
    this._request = 0;
  }

  /** Load the statistics, and the names that the filters offer. */
  async start() {
    const names = this._source.tags().then((tags) => {
      this._tags = tags;
    });
    await Promise.all([this.load(), names.catch(() => undefined)]);
    this._update();
  }

  async load() {
    const request = ++this._request;
    this._error = null;
    this._update();
    try {
      const stats = await this._source.stats(this._query());
      if (request === this._request) this._stats = stats;
    } catch (error) {
      if (request === this._request) this._error = error;
    }
    if (request === this._request) this._update();
  }

  /** @returns {Record<string, string>} */
  _query() {
    const { by, days, agent_id, tag } = this.choice;
    const filters = { ...(agent_id && { agent_id }), ...(tag && { tag }) };
    return { by, ...period(days), ...filters };
  }

  /** @param {Partial<Choice>} change */
  choose(change) {
    if (change.by !== undefined && change.by !== this.choice.by) this._stats = null;
    this.choice = { ...this.choice, ...change };
    void this.load();
  }

  render() {
    return html`<div class="page analytics" aria-busy=${this._stats === null && this._error === null}>
      ${this._filters()}
      ${this._error !== null ? this._failure() : this._stats === null ? skeleton() : this._plots(this._stats)}
    </div>`;
  }

  _filters() {
    const { by, days, agent_id, tag } = this.choice;
    const agents = this._source.agents();
    /** @param {string} name @param {string} value @param {string[]} options @param {string} all */
    const select = (name, value, options, all) => html`<label>${name === "tag" ? "Tag" : "Agent"}
      <select name=${name} @change=${(/** @type {Event & { target: HTMLSelectElement }} */ event) =>
        this.choose({ [name]: event.target.value })}>
        <option value="" ?selected=${value === ""}>${all}</option>
        ${options.map((option) => html`<option value=${option} ?selected=${option === value}>${option}</option>`)}
      </select></label>`;
    return html`<div class="filters" role="group" aria-label="What is shown">
      <div class="segments" role="group" aria-label="Group by">${Object.entries(BY).map(([key, label]) => html`
        <button type="button" aria-pressed=${key === by} @click=${() =>
          this.choose({ by: /** @type {Grouping} */ (key) })}>${label}</button>`)}</div>
      <label>Period <select name="days" @change=${(/** @type {Event & { target: HTMLSelectElement }} */ event) =>
        this.choose({ days: Number(event.target.value) })}>
        ${PERIODS.map((each) => html`<option value=${each} ?selected=${each === days}>${each === 365 ? "a year" : `${each} days`}</option>`)}
      </select></label>
      ${agents.length > 1 ? select("agent_id", agent_id, agents, "all") : nothing}
      ${this._tags.length > 0 ? select("tag", tag, this._tags, "all") : nothing}
    </div>`;
  }

  /** @param {Stat[]} stats */
  _plots(stats) {
    const locale = this._locale();
    const { by, days } = this.choice;
    const { since, until } = period(days);
    const rows = by === "day" ? fillDays(stats, since, until) : stats;
    if (stats.every((stat) => stat.threads + stat.runs === 0 && !stat.messages)) return empty();
    const shown = by === "day" ? gatherDays(rows, COLUMNS) : rows;
    return html`
      ${by === "tag" ? nothing : html`<dl class="totals">${METRICS.map((metric) => html`<div><dt>${metric.label}</dt>
        <dd>${formatValue(metric.value(sum(stats)), metric.unit, locale)}</dd></div>`)}</dl>`}
      <div class="plots">${METRICS.map((metric) => this._plot(metric, shown))}</div>
      <details class="numbers"><summary>All numbers as a table</summary>${table(by, rows, locale)}</details>
      <p class="note">Days are UTC. Messages and tokens are those of the branch in view; – means unknown.</p>`;
  }

  /**
   * @param {Metric} metric
   * @param {Stat[]} rows
   */
  _plot(metric, rows) {
    const locale = this._locale();
    const points = rows.map((stat) => ({ label: keyLabel(this.choice.by, stat.key, locale), value: metric.value(stat) }));
    const largest = points.toSorted((a, b) => (b.value ?? -1) - (a.value ?? -1)).slice(0, NAMES);
    return html`<figure><figcaption>${metric.label}</figcaption>
      ${this.choice.by === "day" ? columnPlot(metric, points, locale) : rowPlot(metric, largest, locale)}
      ${this.choice.by !== "day" && points.length > NAMES ? html`<p class="note">The largest ${NAMES} of ${points.length}</p>` : nothing}
    </figure>`;
  }

  _failure() {
    const reason = this._error instanceof Error ? this._error.message : String(this._error);
    return html`<div class="problem" role="alert"><p>The statistics could not be loaded: ${reason}</p>
      <button class="btn" type="button" @click=${() => this.load()}>Try again</button></div>`;
  }
}

/**
 * @param {Grouping} by
 * @param {readonly Stat[]} rows
 * @param {string | undefined} locale
 */
function table(by, rows, locale) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="All numbers"><table>
    <thead><tr><th scope="col">${BY[by]}</th>${METRICS.map((metric) => html`<th scope="col">${metric.label}</th>`)}</tr></thead>
    <tbody>${rows.toReversed().map((stat) => html`<tr><th scope="row" dir="auto">${keyLabel(by, stat.key, locale)}</th>
      ${METRICS.map((metric) => html`<td>${formatValue(metric.value(stat), metric.unit, locale)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/**
 * @param {Grouping} by
 * @param {string | null} key
 * @param {string | undefined} locale
 */
function keyLabel(by, key, locale) {
  if (key === null) return by === "agent" ? "No agent" : "No tag";
  if (by !== "day") return key;
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" }).format(Date.parse(key));
}

function skeleton() {
  return html`<div class="plots" role="status" aria-label="Loading statistics">
    ${METRICS.map(() => html`<div class="skeleton plot-skeleton"></div>`)}</div>`;
}

function empty() {
  return html`<div class="empty"><p><b>Nothing happened in this period.</b></p>
    <p>Choose a longer one, or other filters.</p></div>`;
}
