// @ts-check
/** The list of conversations: New, search, filters, tags, threads by recent activity, and who is signed in. */

import { html, nothing, render } from "../vendor/lit-html.js";
import { LOGO, NAME } from "./base.js";
import { ready } from "./events.js";
import { filterChips } from "./filters.js";
import { icon } from "./icons.js";
import { addShortcut, keysText } from "./keys.js";
import { openPalette } from "./palette.js";
import { href, navigate } from "./router.js";
import { openThreadMenu, runRowKey } from "./row_menu.js";
import { selectionBar } from "./selection_bar.js";
import { get, watch } from "./store.js";
import { TagSections } from "./tag_sections.js";
import { millisecondsToMidnight } from "./thread_groups.js";
import { ThreadList } from "./thread_list.js";
import { ThreadListView } from "./thread_list_view.js";
import { follow, startUpdates } from "./thread_updates.js";
import { loadUnread, unreadCount, watchUnread } from "./unread.js";

/** @typedef {import("./filters.js").Filters} Filters */

class Sidebar {
  /** @param {HTMLElement} root */
  constructor(root) {
    this._root = root;
    this._isScheduled = false;
    /** @type {Filters} */
    this._filters = {};
    this.update = (isNow = false) => (isNow ? this.show() : this._schedule());
    this.tags = new TagSections(() => this.update());
    this.view = this._newView();
    this._unfollow = () => {};
  }

  /** Load the list, once the session is known; compare it, when the session has been renewed. */
  async start() {
    await ready();
    this._unfollow();
    this._unfollow = follow(this.view.list);
    const { list } = this.view;
    await Promise.all([list.isLoaded ? list.refresh() : list.loadMore(), this.tags.load()]);
  }

  /** @param {Filters} filters */
  filter(filters) {
    this._filters = Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined && value !== false));
    this.view.close();
    this.view = this._newView();
    void this.start();
    this.update();
  }

  _newView() {
    const { unread, ...filters } = this._filters;
    const isUnread = (/** @type {{ id: string }} */ thread) => Boolean(unreadCount(thread.id)) || thread.id === get().route.thread;
    return new ThreadListView(
      new ThreadList(filters, () => this.update()),
      { name: "sidebar", openMenu: openThreadMenu, onKey: runRowKey, empty: () => this._empty(), ...(unread && { filter: isUnread }) },
      this.update,
    );
  }

  _schedule() {
    if (this._isScheduled) return;
    this._isScheduled = true;
    requestAnimationFrame(() => {
      this._isScheduled = false;
      this.show();
    });
  }

  show() {
    if (get().session === "out") {
      render(brand(false), this._root); // without a session no titles are shown
      return;
    }
    const { view } = this;
    const isFiltered = Object.keys(this._filters).length > 0;
    const unread = view.list.threads.filter((thread) => unreadCount(thread.id) && thread.id !== get().route.thread).length;
    const known = { unread, tags: this.tags.tags.map((tag) => tag.name) };
    render(html`
      ${brand(true)}
      <button type="button" class="find" @click=${openPalette}>${icon("search")}<span>Search conversations</span><kbd>${keysText("mod+k")}</kbd></button>
      ${filterChips(this._filters, known, (filters) => this.filter(filters))}
      ${view.render(isFiltered ? nothing : this.tags.render(view))}
      ${view.selection.isOn ? selectionBar(view) : me()}`, this._root);
    view.afterRender(this._root);
  }

  _empty() {
    if (Object.keys(this._filters).length > 0) {
      return html`<div class="empty"><p>No conversation fits these filters.</p>
        <button type="button" class="btn" @click=${() => this.filter({})}>Show all</button></div>`;
    }
    return html`<div class="empty"><p><b>No conversations yet.</b></p><p>What you write on the right begins the first.</p></div>`;
  }
}

/** @param {boolean} hasNew */
function brand(hasNew) {
  return html`<div class="brand">
    ${LOGO === null ? html`<span class="mark" aria-hidden="true">${[...NAME][0]}</span>` : html`<img class="mark" src=${LOGO} alt="">`}
    <b dir="auto">${NAME}</b>
    ${hasNew ? html`<a class="btn go new" href=${href()}>${icon("plus")}New</a>` : nothing}</div>`;
}

function me() {
  const { me: caller, route } = get();
  const name = caller?.name ?? "Local user";
  /** @param {import("./types.js").View} view @param {string} label @param {string} shape */
  const link = (view, label, shape) => html`<a class="icon" href=${href({ view })} aria-label=${label} title=${label}
    aria-current=${route.view === view ? "page" : nothing}>${icon(shape)}</a>`;
  return html`<div class="me"><span class="face" aria-hidden="true">${[...name].slice(0, 2).join("").toUpperCase()}</span>
    <span class="name" dir="auto">${caller === null ? "" : name}</span>
    ${link("archive", "Archive", "archive")}${link("trash", "Trash", "trash")}
    ${link("analytics", "Analytics", "chart")}${link("settings", "Settings", "settings")}</div>`;
}

/** @param {HTMLElement} root */
export function mountSidebar(root) {
  const sidebar = new Sidebar(root);
  watch((state) => state.session, (session) => session === "in" && void sidebar.start());
  watch((state) => [state.route, state.threads, state.me, state.agents, state.session], () => sidebar.update());
  watchUnread(() => sidebar.update());
  addEventListener("threads-settings", () => sidebar.update());
  followRead();
  addKeys(sidebar);
  startUpdates();
  watchTags(sidebar);
  setTimeout(function midnight() {
    sidebar.update();
    setTimeout(midnight, millisecondsToMidnight() + 1000);
  }, millisecondsToMidnight() + 1000);
}

/** A thread that was open has been read: its number is fetched again when another one is opened. */
function followRead() {
  let last = get().route.thread;
  watch((state) => state.route.thread, (thread) => {
    const left = last;
    last = thread;
    if (left !== null && left !== thread) void loadUnread([left]);
  });
}

/** Tags are counted again when those of a known thread change. @param {Sidebar} sidebar */
function watchTags(sidebar) {
  let known = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  watch((state) => state.threads, (threads) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const now = [...threads.values()].map((thread) => (thread.archived || thread.trashed_at !== null ? "" : thread.tags.join())).join();
      if (now !== known && get().session === "in") void sidebar.tags.load();
      known = now;
    }, 500);
  });
}

/** @param {Sidebar} sidebar */
function addKeys(sidebar) {
  const group = "Conversations";
  /** @param {1 | -1} step */
  const go = (step) => () => {
    const { shown } = sidebar.view;
    const index = shown.findIndex((thread) => thread.id === get().route.thread);
    const next = index < 0 ? shown[0] : shown[index + step];
    if (next === undefined) return false;
    navigate({ thread: next.id });
    return true;
  };
  addShortcut({ keys: "alt+ArrowDown", label: "Next conversation", group, inText: true, run: go(1) });
  addShortcut({ keys: "alt+ArrowUp", label: "Previous conversation", group, inText: true, run: go(-1) });
  addShortcut({
    keys: "F2", label: "Rename the conversation", group, inText: true,
    run: () => {
      const thread = get().threads.get(get().route.thread ?? "");
      if (thread === undefined || !sidebar.view.shown.some((each) => each.id === thread.id)) return false;
      sidebar.view.edit(thread, "main");
      return true;
    },
  });
  for (const [keys, label] of [["P", "Pin"], ["T", "Tags"], ["E", "Archive"], ["X", "Select several"], ["Delete", "Delete"]]) {
    addShortcut({ keys: keys ?? "", label: `${label}, on a row of the list`, group, run: () => false });
  }
}
