// @ts-check
/** The card for tool calls that wait for a decision each: approve, edit the arguments, reject, or respond. */
import { html, nothing } from "../vendor/lit-html.js";
import { approvalAnswer } from "./approval.js";
import { submitOnEnter } from "./interrupt_card.js";

/**
 * @typedef {import("./approval.js").ReviewedAction} ReviewedAction
 * @typedef {import("./approval.js").ApprovalRequest} ApprovalRequest
 * @typedef {import("./interrupt_card.js").CardContext} CardContext
 * @typedef {{type: string, edited_action?: {name: string, args: any}, message?: string}} Decision
 */

const LABELS = { approve: "Approve", edit: "Edit…", reject: "Reject…", respond: "Respond…" };
const DECIDED = { approve: "Approved", edit: "Approved with changes", reject: "Rejected", respond: "Answered" };

/** @param {ApprovalRequest} request @param {any} draft @param {(value: any) => void} answer @param {CardContext} context */
export function approvalTemplate(request, draft, answer, context) {
  const { actions } = request;
  /** @type {(Decision | undefined)[]} */
  const decisions = (draft.decisions ??= []);
  const decide = (/** @type {number} */ index, /** @type {Decision} */ decision) => {
    decisions[index] = decision;
    draft.open = undefined;
    if (actions.length === 1) answer(approvalAnswer(request, [decision]));
    context.update();
  };
  const missing = actions.filter((_, index) => !decisions[index]).length;
  const isAllApprovable = actions.length > 1 && actions.every((each) => each.decisions.includes("approve"));
  const approveAll = () => answer(approvalAnswer(request, actions.map(() => ({ type: "approve" }))));
  const sendAll = () => answer(approvalAnswer(request, /** @type {Decision[]} */ (decisions)));
  return html`${actions.map((action, index) => actionTemplate(action, index, draft, (made) => decide(index, made), context))}
    ${actions.length > 1 ? html`<div class="card-buttons">
      <button class="btn go" type="button" ?disabled=${missing > 0 || context.isSending} @click=${sendAll}>Send decisions</button>
      ${isAllApprovable ? html`<button class="btn" type="button" ?disabled=${context.isSending} @click=${approveAll}>Approve all ${actions.length}</button>` : nothing}
      <span class="soft">${missing ? `${missing} of ${actions.length} to decide` : ""}</span>
    </div>` : nothing}`;
}

/** @param {ReviewedAction} action @param {number} index @param {any} draft @param {(decision: Decision) => void} decide @param {CardContext} context */
function actionTemplate(action, index, draft, decide, context) {
  const made = draft.decisions[index];
  const open = draft.open?.index === index ? draft.open.type : null;
  const show = (/** @type {string | null} */ type) => () => {
    draft.open = type ? { index, type, text: "" } : undefined;
    if (type === "edit") draft.open.args = Object.fromEntries(Object.entries(action.args).map(([name, value]) => [name, fieldText(value)]));
    if (!type || made) draft.decisions[index] = undefined;
    context.update();
  };
  const choose = (/** @type {string} */ type) => (type === "approve" ? () => decide({ type }) : show(type));
  return html`<div class="action">
    <h2 dir="auto">Run ${action.name}?</h2>
    ${action.description && !action.description.startsWith("Tool execution requires approval") ? html`<p dir="auto">${action.description}</p>` : nothing}
    ${open === "edit" ? nothing : argumentsTemplate(action.args)}
    ${made ? html`<div class="card-buttons"><span>${Reflect.get(DECIDED, made.type) ?? made.type}</span>
      <button class="btn" type="button" @click=${show(null)}>Change</button></div>` : nothing}
    ${!made && !open ? html`<div class="card-buttons">
      ${action.decisions.map((type) => html`<button class=${type === "approve" ? "btn go" : "btn"} type="button"
        ?disabled=${context.isSending} @click=${choose(type)}>${Reflect.get(LABELS, type) ?? type}</button>`)}
    </div>` : nothing}
    ${open === "edit" ? editTemplate(action, draft, decide, show(null)) : nothing}
    ${open === "reject" || open === "respond" ? reasonTemplate(open, draft, decide, show(null)) : nothing}
  </div>`;
}

/** @param {Record<string, any>} args */
function argumentsTemplate(args) {
  const entries = Object.entries(args);
  if (!entries.length) return nothing;
  return html`<dl class="arguments">
    ${entries.map(([name, value]) => html`<dt>${name}</dt><dd dir="auto">${fieldText(value)}</dd>`)}
  </dl>`;
}

/** @param {any} value */
function fieldText(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** @param {ReviewedAction} action @param {any} draft @param {(decision: Decision) => void} decide @param {() => void} close */
function editTemplate(action, draft, decide, close) {
  const texts = draft.open.args;
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const args = Object.fromEntries(Object.entries(action.args).map(([name, value]) => [name, fieldValue(texts[name], value)]));
    decide({ type: "edit", edited_action: { name: action.name, args } });
  };
  return html`<form @submit=${submit}>
    ${Object.keys(action.args).map((name) => html`<label class="field"><span>${name}</span>
      <textarea rows="1" dir="auto" .value=${texts[name]} @keydown=${submitOnEnter}
        @input=${(/** @type {any} */ event) => { texts[name] = event.target.value; }}></textarea></label>`)}
    <div class="card-buttons"><button class="btn go" type="submit">Run with these</button>
      <button class="btn" type="button" @click=${close}>Cancel</button></div>
  </form>`;
}

/** Return a typed text as a value of the same type as before. @param {string} text @param {any} before */
function fieldValue(text, before) {
  if (typeof before === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {"reject" | "respond"} type @param {any} draft @param {(decision: Decision) => void} decide @param {() => void} close */
function reasonTemplate(type, draft, decide, close) {
  const isReject = type === "reject";
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const message = draft.open.text.trim();
    if (isReject || message) decide({ type, ...(message ? { message } : {}) });
  };
  return html`<form @submit=${submit}>
    <label class="field"><span>${isReject ? "Reason, for the agent (may be empty)" : "What the tool is taken to have returned"}</span>
      <textarea rows="2" dir="auto" .value=${draft.open.text} @keydown=${submitOnEnter}
        @input=${(/** @type {any} */ event) => { draft.open.text = event.target.value; }}></textarea></label>
    <div class="card-buttons"><button class="btn go" type="submit">${isReject ? "Reject" : "Respond"}</button>
      <button class="btn" type="button" @click=${close}>Cancel</button></div>
  </form>`;
}
