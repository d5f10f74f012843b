// @ts-check
/** What can be done with threads in a list, by menu and by key. */

import { openMenu } from "./menu.js";
import { href } from "./router.js";
import { archiveThreads, deleteThreads, pinThreads, restoreThreads, trashThreads } from "./thread_actions.js";
import { openTagsDialog } from "./tags_dialog.js";

/** @import { Thread } from "./types.js" */
/** @import { ThreadListView } from "./thread_list_view.js" */
/** @typedef {import("./menu.js").MenuItem & { key?: string }} Action `key`: on a focused row */

/**
 * Return what can be done with these threads where they are listed.
 * @param {ThreadListView} view
 * @param {readonly Thread[]} threads
 * @returns {Action[]}
 */
export function actionsOf(view, threads) {
  if (view.place.name === "trash") return trashActions(view, threads);
  const [first] = threads;
  const isArchive = view.place.name === "archive";
  const isPinned = threads.every((thread) => thread.pinned);
  const isOne = threads.length === 1 && first !== undefined && !view.selection.isOn;
  /** @param {() => Promise<unknown>} run */
  const then = (run) => () => void run().then(() => view.endSelection());
  /** @type {Action[]} */
  const single = isOne ? [
    { label: "Rename", icon: "edit", keys: "F2", key: "F2", run: () => view.edit(first) },
    { label: "Open in a new tab", icon: "link", run: () => void open(href({ thread: first.id }), "_blank", "noopener") },
  ] : [];
  return [
    ...single,
    { label: isPinned ? "Unpin" : "Pin", icon: "pin", keys: "P", key: "p", run: then(() => pinThreads(threads, !isPinned)) },
    { label: "Tags…", icon: "tag", keys: "T", key: "t", run: then(() => openTagsDialog(threads)) },
    ...(isOne ? [selectAction(view, first)] : []),
    {
      label: isArchive ? "Take out of the archive" : "Archive", icon: isArchive ? "restore" : "archive", keys: "E", key: "e",
      run: then(() => archiveThreads(threads, !isArchive)),
    },
    { label: "Delete", icon: "trash", keys: "Del", key: "Delete", danger: true, separator: true, run: then(() => trashThreads(threads)) },
  ];
}

/**
 * @param {ThreadListView} view
 * @param {readonly Thread[]} threads
 * @returns {Action[]}
 */
function trashActions(view, threads) {
  const [first] = threads;
  const isOne = threads.length === 1 && first !== undefined && !view.selection.isOn;
  return [
    { label: "Restore", icon: "restore", keys: "R", key: "r", run: () => void restoreThreads(threads).then(() => view.endSelection()) },
    ...(isOne ? [selectAction(view, first)] : []),
    {
      label: "Delete permanently…", icon: "trash", keys: "Del", key: "Delete", danger: true, separator: true,
      run: () => void deleteThreads(threads).then((isDone) => isDone && view.endSelection()),
    },
  ];
}

/**
 * @param {ThreadListView} view
 * @param {Thread} thread
 * @returns {Action}
 */
function selectAction(view, thread) {
  return { label: "Select several", icon: "check", keys: "X", key: "x", run: () => view.startSelection(thread) };
}

/**
 * @param {ThreadListView} view
 * @param {readonly Thread[]} threads
 * @param {HTMLElement} anchor
 */
export function openThreadMenu(view, threads, anchor) {
  const label = threads.length === 1 ? `Actions for ${threads[0]?.title}` : "Actions";
  openMenu(anchor, actionsOf(view, threads), { label });
}

/**
 * Do what a key on a row stands for; return whether it stands for anything.
 * @param {ThreadListView} view
 * @param {readonly Thread[]} threads
 * @param {string} key
 */
export function runRowKey(view, threads, key) {
  const action = actionsOf(view, threads).find((each) => each.key === (key.length === 1 ? key.toLowerCase() : key));
  action?.run();
  return action !== undefined;
}
