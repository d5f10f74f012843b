// @ts-check
/** The header of a conversation: the agent, the title and the tags. */
import { html, nothing, ref, render } from "../vendor/lit-html.js";
import { ApiError, send } from "./api.js";
import { confirmDialog, openDialog, toastError } from "./dialogs.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { agentName, chooseNewChat, findAgent, newChat, nextAgent, watchNewChat } from "./new_chat.js";
import { href, navigate } from "./router.js";
import { get, putThreads, set, watch } from "./store.js";
import { renameThread } from "./thread_actions.js";
import { openThreadMenu } from "./thread_menu.js";

/** @import { Agent, Thread } from "./types.js" */

/** Headings of the views beside the chat. */
export const VIEW_NAMES = {
  chat: "", archive: "Archive", trash: "Trash", analytics: "Analytics", settings: "Settings", "sign-in": "Sign in", missing: "Not found",
};

/** The thread whose title is edited. @type {string | null} */
let renamedId = null;
let show = () => {};

/** @param {HTMLElement} root */
export function mountHeader(root) {
  show = () => render(headerTemplate(), root);
  watch((state) => [state.route, state.session, state.agents, state.threads.get(state.route.thread ?? "")], show);
  watchNewChat(show);
  addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link?.getAttribute("href") === href() && newChat().isTemporary) void toggleTemporary(); // it is shown already
  });
}

function headerTemplate() {
  const { route, threads, session } = get();
  const thread = route.thread === null ? undefined : threads.get(route.thread);
  return html`<button type="button" class="icon drawer-button" aria-label="Conversations" @click=${() => set({ drawer: true })}>
      ${icon("menu")}
    </button>
    ${session === "out" ? html`<h1>Sign in</h1>` : route.view !== "chat" ? html`<h1>${VIEW_NAMES[route.view]}</h1>` : chatTemplate(route.thread, thread)}`;
}

/** @param {string | null} id @param {Thread | undefined} thread */
function chatTemplate(id, thread) {
  return html`${id === null || thread ? agentButton(thread) : nothing}
    ${id === null ? html`<h1 class="visually-hidden">New conversation</h1>` : titleTemplate(thread)}
    <span class="header-tags">${(thread?.tags ?? []).map((tag) => html`<span class="tag" dir="auto">#${tag}</span>`)}</span>
    <span class="header-space"></span>
    ${id === null ? temporaryButton() : menuButton(thread)}`;
}

/** @param {Thread | undefined} thread */
function titleTemplate(thread) {
  if (!thread || renamedId !== thread.id) {
    if (!thread) return html`<h1 class="visually-hidden">Conversation</h1>`;
    return html`<h1 dir="auto" title=${thread.title} @dblclick=${() => startRename(thread.id)}>${thread.title}</h1>`;
  }
  const finish = (/** @type {HTMLInputElement} */ input, /** @type {boolean} */ isKept) => {
    if (renamedId === null) return;
    startRename(null);
    if (isKept) void renameThread(thread, input.value);
  };
  const handleKey = (/** @type {any} */ event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.stopPropagation();
    finish(event.target, event.key === "Enter");
  };
  return html`<h1 class="visually-hidden">${thread.title}</h1><input class="field title-field" dir="auto" aria-label="Title" .value=${thread.title} @keydown=${handleKey}
    @blur=${(/** @type {any} */ event) => finish(event.target, true)} ${ref(selectSoon)} />`;
}

/** @param {Element | undefined} element */
function selectSoon(element) {
  if (!(element instanceof HTMLInputElement) || element === document.activeElement) return;
  setTimeout(() => element.isConnected && element !== document.activeElement && element.select());
}

/** @param {string | null} id Null ends it. */
function startRename(id) {
  renamedId = id;
  show();
}

/** @param {Thread | undefined} thread */
function menuButton(thread) {
  if (!thread || thread.trashed_at) return nothing;
  return html`<button type="button" class="icon" aria-label="Actions for this conversation" aria-haspopup="menu"
    @click=${(/** @type {any} */ event) => openThreadMenu(event.currentTarget, thread, () => startRename(thread.id))}>${icon("more")}</button>`;
}

/** @param {Thread | undefined} thread */
function agentButton(thread) {
  const { agents } = get();
  const agentId = thread ? thread.agent_id : (nextAgent()?.id ?? null);
  const isMissing = thread !== undefined && (agentId === null || (agents.length > 0 && !findAgent(agentId)));
  const name = thread && agentId === null ? "Choose an agent" : agentName(agentId);
  return html`<button type="button" class="agent ${isMissing ? "is-missing" : ""}" ?disabled=${agents.length === 0} aria-haspopup="menu" aria-label=${`Agent: ${name}`}
    @click=${(/** @type {any} */ event) => openAgents(event.currentTarget, thread)}>
    <span dir="auto">${name}</span>${icon("down")}
  </button>`;
}

/** @param {HTMLElement} anchor @param {Thread | undefined} thread */
function openAgents(anchor, thread) {
  const current = thread ? thread.agent_id : (nextAgent()?.id ?? null);
  const items = get().agents.map((agent) => ({
    label: agent.name ?? agent.id,
    ...(agent.description ? { detail: agent.description } : {}),
    checked: agent.id === current,
    run: () => void chooseAgent(agent, thread),
  }));
  openMenu(anchor, items, { label: "Agents" });
}

/** @param {Agent} agent @param {Thread | undefined} thread */
async function chooseAgent(agent, thread) {
  if (!thread) return chooseNewChat({ agentId: agent.id });
  if (thread.agent_id === agent.id) return;
  const name = agent.name ?? agent.id;
  const isOrphan = thread.agent_id === null || !findAgent(thread.agent_id);
  const choice = isOrphan ? "here" : await openDialog({
    title: `Continue with ${name}?`,
    body: html`<p dir="auto">${agentName(thread.agent_id)} answered here so far. ${name} can go on in this conversation and reads all of it, or begin a new one.</p>`,
    actions: [
      { label: "Start new", value: "new" },
      { label: "Continue here", value: "here", kind: "go" },
    ],
  });
  if (choice === "new") startNew({ agentId: agent.id });
  if (choice === "here") await setAgent(thread, agent.id);
}

/** @param {Thread} thread @param {string} agentId */
async function setAgent(thread, agentId) {
  try {
    putThreads([await send("PUT", ["threads", thread.id], { body: { agent_id: agentId } })]);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toastError(error);
  }
}

/** @param {{agentId?: string}} choice */
function startNew(choice) {
  chooseNewChat({ isTemporary: false, ...choice });
  navigate({});
}

/** Begin or leave a temporary conversation. */
async function toggleTemporary() {
  const { isTemporary } = newChat();
  const hasMessages = document.querySelector("#chat .log article") !== null;
  const isSure = !isTemporary || !hasMessages || (await confirmDialog({
    title: "Leave the temporary conversation?", text: "It is not stored: what was written is gone then.", action: "Leave", isDanger: true,
  }));
  if (isSure) chooseNewChat({ isTemporary: !isTemporary });
}

function temporaryButton() {
  return html`<button type="button" class="btn temporary" aria-pressed=${String(newChat().isTemporary)} title="A temporary conversation is not stored"
    @click=${() => void toggleTemporary()}>${icon("ghost")}<span>Temporary</span></button>`;
}
