// @ts-check
/** Plots as inline SVG: bars over days, and bars by name. Each has its values in words for screen readers. */

import { html, nothing, svg } from "../vendor/lit-html.js";
import { formatValue, ticks } from "./analytics_data.js";

/**
 * @typedef {import("./analytics_data.js").Metric} Metric
 * @typedef {{ label: string, value: number | null }} Point
 */

const WIDTH = 420;
const HEIGHT = 160;
const LEFT = 48;
const BOTTOM = 22;
const TOP = 8;
const LABELS = 5;

/**
 * Return a bar for each point in a row; a gap with a dash where a value is unknown.
 * @param {Metric} metric
 * @param {readonly Point[]} points
 * @param {string} [locale]
 */
export function columnPlot(metric, points, locale) {
  const scale = ticks(Math.max(0, ...points.map((point) => point.value ?? 0)), metric.unit === "count");
  const largest = scale.at(-1) ?? 1;
  const width = (WIDTH - LEFT) / Math.max(1, points.length);
  /** @param {number} value */
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / largest);
  const every = Math.ceil(points.length / LABELS);
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${summary(metric, points, locale)}>
    ${scale.map((value) => svg`<line class="grid" x1=${LEFT} x2=${WIDTH} y1=${y(value)} y2=${y(value)}></line>
      <text class="tick" x=${LEFT - 8} y=${y(value) + 4} text-anchor="end">${formatValue(value, metric.unit, locale)}</text>`)}
    ${points.map((point, index) => column(metric, point, { x: LEFT + index * width, width, y, locale }))}
    ${points.map((point, index) => index % every ? nothing : svg`<text class="tick" x=${LEFT + (index + 0.5) * width}
      y=${HEIGHT - 6} text-anchor="middle">${point.label}</text>`)}
  </svg>`;
}

/**
 * @param {Metric} metric
 * @param {Point} point
 * @param {{ x: number, width: number, y: (value: number) => number, locale: string | undefined }} place
 */
function column(metric, { label, value }, { x, width, y, locale }) {
  const title = `${label}: ${value === null ? absent(metric) : formatValue(value, metric.unit, locale)}`;
  const gap = Math.min(3, width * 0.2);
  const top = y(value ?? 0);
  return svg`<g class="column"><title>${title}</title>
    <rect class="reach" x=${x} y=${TOP} width=${width} height=${HEIGHT - TOP - BOTTOM}></rect>
    ${value === null && metric.unit === "count"
      ? svg`<text class="tick" x=${x + width / 2} y=${y(0) - 4} text-anchor="middle">–</text>`
      : svg`<rect class="bar" x=${x + gap / 2} y=${top} rx="2" width=${Math.max(1, width - gap)}
          height=${Math.max(0, y(0) - top)}></rect>`}
  </g>`;
}

/**
 * Return a list of names with a bar each.
 * @param {Metric} metric
 * @param {readonly Point[]} points
 * @param {string} [locale]
 */
export function rowPlot(metric, points, locale) {
  const largest = Math.max(0, ...points.map((point) => point.value ?? 0)) || 1;
  return html`<ul class="row-plot" aria-label=${metric.label}>${points.map(({ label, value }) => html`<li>
    <span class="name" dir="auto">${label}</span>
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="reach-bar" width="100" height="8" rx="1"></rect>
      <rect class="bar" width=${(100 * (value ?? 0)) / largest} height="8" rx="1"></rect></svg>
    <span class="value">${value === null ? absent(metric) : formatValue(value, metric.unit, locale)}</span></li>`)}</ul>`;
}

/** What no value means: without runs there is no duration; a count is unknown. @param {Metric} metric */
function absent(metric) {
  return metric.unit === "seconds" ? "no runs" : "unknown";
}

/**
 * @param {Metric} metric
 * @param {readonly Point[]} points
 * @param {string | undefined} locale
 */
function summary(metric, points, locale) {
  const known = points.filter((point) => point.value !== null);
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || known.length === 0) return `${metric.label}: ${absent(metric)}`;
  const peak = known.reduce((a, b) => ((b.value ?? 0) > (a.value ?? 0) ? b : a));
  const most = `most on ${peak.label} with ${formatValue(peak.value, metric.unit, locale)}`;
  return `${metric.label} from ${first.label} to ${last.label}: ${most}. The table below has all values.`;
}
