// @ts-check
/** The menu of the open thread, in the header. */
import { copyText } from "./code_block.js";
import { toast } from "./dialogs.js";
import { openMenu } from "./menu.js";
import { href } from "./router.js";
import { openTagsDialog } from "./tags_dialog.js";
import { archiveThreads, pinThreads, trashThreads } from "./thread_actions.js";

/** @import { Thread } from "./types.js" */

/**
 * @param {HTMLElement} anchor
 * @param {Thread} thread
 * @param {() => void} rename
 */
export function openThreadMenu(anchor, thread, rename) {
  const copyLink = async () => {
    const done = await copyText(new URL(href({ thread: thread.id }), location.href).href);
    toast(done ? "Link copied." : "This browser does not allow it.");
  };
  openMenu(anchor, [
    { label: "Rename", icon: "edit", run: rename },
    { label: thread.pinned ? "Unpin" : "Pin", icon: "pin", run: () => void pinThreads([thread], !thread.pinned) },
    { label: "Tags…", icon: "tag", run: () => void openTagsDialog([thread]) },
    { label: "Copy link", icon: "link", run: () => void copyLink() },
    {
      label: thread.archived ? "Take out of the archive" : "Archive", icon: thread.archived ? "restore" : "archive",
      run: () => void archiveThreads([thread], !thread.archived),
    },
    { label: "Delete", icon: "trash", danger: true, separator: true, run: () => void trashThreads([thread]) },
  ], { label: `Actions for ${thread.title}` });
}
