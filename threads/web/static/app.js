// @ts-check
/** The entry: mounts the components into the places that `index.html` has, and starts what they share. */

import { toastError } from "./dialogs.js";
import { ApiError } from "./api.js";
import { NAME } from "./base.js";
import { mountChat } from "./chat.js";
import { mountConnection } from "./connection.js";
import { startEvents } from "./events.js";
import { VIEW_NAMES, mountHeader } from "./header.js";
import { addShortcut, startKeys } from "./keys.js";
import { mountPalette } from "./palette.js";
import { navigate, startRouter } from "./router.js";
import { followSession, loadSession } from "./session.js";
import { followSettings } from "./settings.js";
import { get, set, watch } from "./store.js";
import { mountSidebar } from "./sidebar.js";
import { mountView } from "./views.js";

/** @param {string} id */
function place(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** Shows the view of the route; the chat stays in the document, so that its state survives a look at a view. */
function showRoute() {
  const isChat = get().route.view === "chat" && get().session !== "out";
  place("chat").hidden = !isChat;
  place("view").hidden = isChat;
}

/** The document's title is the thread's, with a mark while it answers, or the view's. */
function showTitle() {
  const { route, threads } = get();
  const thread = route.thread === null ? undefined : threads.get(route.thread);
  const mark = thread?.status === "busy" ? "● " : "";
  const title = thread ? `${mark}${thread.title}` : VIEW_NAMES[route.view];
  document.title = title ? `${title} · ${NAME}` : NAME;
}

/** The skip link moves the focus; its address would be a message's. */
function mountSkipLink() {
  document.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    place("main").focus();
  });
}

function mountDrawer() {
  place("scrim").addEventListener("click", () => set({ drawer: false }));
  addShortcut({
    keys: "Escape", label: "Close the list of conversations", inText: true,
    run: () => (get().drawer ? set({ drawer: false }) : false),
  });
  watch(
    (state) => state.drawer,
    (isOpen) => {
      const hadFocus = place("sidebar").contains(document.activeElement);
      place("app").classList.toggle("drawer-open", isOpen);
      place("main").inert = isOpen;
      const first = place("sidebar").querySelector("a, button");
      if (isOpen && first instanceof HTMLElement) first.focus();
      else if (hadFocus && matchMedia("(max-width: 760px)").matches) place("main").focus();
    },
  );
}

async function start() {
  startRouter();
  startKeys();
  followSettings();
  followSession();
  mountDrawer();
  mountSkipLink();
  mountConnection(place("connection"));
  watch((state) => [state.route, state.session], showRoute);
  watch((state) => [state.route, state.threads], showTitle);
  mountSidebar(place("sidebar"));
  mountHeader(place("header"));
  mountChat(place("chat"));
  mountView(place("view"));
  mountPalette(place("palette"));
  addShortcut({ keys: "n", label: "New conversation", group: "General", run: () => navigate({}) });
  watch((state) => state.session, (session) => session === "in" && startEvents());
  await connect();
}

/** Read the session, again and again while the server cannot be reached. */
async function connect() {
  for (let delay = 500; ; delay = Math.min(delay * 2, 15_000)) {
    try {
      await loadSession();
      return;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return; // the sign-in view
      if (!(error instanceof ApiError && error.isTemporary)) return toastError(error);
      set({ connection: "lost" });
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

void start();
