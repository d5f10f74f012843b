// @ts-check
/** The filters of the sidebar: chips for what is used most, a menu for the rest. */

import { html, nothing } from "../vendor/lit-html.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { get } from "./store.js";

/** @typedef {import("./thread_list.js").ThreadFilters & { unread?: boolean }} Filters */

/** @type {Record<string, string>} */
const STATUS = { busy: "Answering", interrupted: "Waits for you", error: "Failed" };
const MOST_TAGS = 30;

/**
 * @param {Filters} filters
 * @param {{ unread: number, tags: readonly string[] }} known `unread`: of the conversations that are loaded
 * @param {(filters: Filters) => void} choose
 */
export function filterChips(filters, { unread, tags }, choose) {
  const isAll = Object.values(filters).every((value) => value === undefined || value === false);
  const { agent_id, tag, status } = filters;
  return html`<div class="chips" role="group" aria-label="Filters">
    <button type="button" class="chip" aria-pressed=${isAll} @click=${() => choose({})}>All</button>
    <button type="button" class="chip" aria-pressed=${filters.unread === true}
      @click=${() => choose({ ...filters, unread: !filters.unread })}>Unread${unread > 0 ? html` <span class="number">${unread}</span>` : nothing}</button>
    ${status === undefined ? nothing : removable(STATUS[status] ?? status, () => choose({ ...filters, status: undefined }))}
    ${agent_id === undefined ? nothing : removable(agent_id, () => choose({ ...filters, agent_id: undefined }))}
    ${tag === undefined ? nothing : removable(`#${tag}`, () => choose({ ...filters, tag: undefined }))}
    <button type="button" class="chip more" aria-haspopup="menu" @click=${(/** @type {MouseEvent & { currentTarget: HTMLElement }} */ event) =>
      openMenu(event.currentTarget, items(filters, tags, choose), { label: "Filters" })}>Filter ${icon("down")}</button>
  </div>`;
}

/**
 * @param {string} label
 * @param {() => void} remove
 */
function removable(label, remove) {
  return html`<button type="button" class="chip" aria-pressed="true" title="Remove this filter" @click=${remove}><bdi>${label}</bdi> ${icon("close")}</button>`;
}

/**
 * @param {Filters} filters
 * @param {readonly string[]} tags
 * @param {(filters: Filters) => void} choose
 * @returns {import("./menu.js").MenuItem[]}
 */
function items(filters, tags, choose) {
  /** @param {"status" | "agent_id" | "tag"} name @param {string} value @param {string} label @param {boolean} separator */
  const item = (name, value, label, separator) => ({
    label, separator, checked: filters[name] === value,
    run: () => choose({ ...filters, [name]: filters[name] === value ? undefined : value }),
  });
  const agents = get().agents.map((agent) => agent.id);
  return [
    ...Object.entries(STATUS).map(([value, label]) => item("status", value, label, false)),
    ...(agents.length > 1 ? agents.map((id, index) => item("agent_id", id, id, index === 0)) : []),
    ...tags.slice(0, MOST_TAGS).map((tag, index) => item("tag", tag, `#${tag}`, index === 0)),
  ];
}
