// @ts-check
/** The cards by which a reader answers what an agent asks: one for each pending interrupt. */
import { html, nothing } from "../vendor/lit-html.js";
import { approvalOf } from "./approval.js";
import { approvalTemplate } from "./approval_card.js";
import { fieldsOf, formTemplate, formValue } from "./schema_form.js";
import { asText } from "./tool_call.js";

/**
 * @typedef {import("./conversation.js").Interrupt} Interrupt
 * @typedef {object} CardContext
 * @property {Map<string, any>} drafts What was chosen or typed, by interrupt; kept until the answer is accepted.
 * @property {() => void} update Show the cards again.
 * @property {(answer: {value: any} | null) => void} submit Resume with a value, or without one.
 * @property {boolean} isSending
 * @property {string} assistantName
 */

/** @param {Interrupt[]} interrupts @param {CardContext} context */
export function interruptCards(interrupts, context) {
  if (!interrupts.length) return nothing;
  const answered = interrupts.filter((each) => context.drafts.get(each.id)?.answer !== undefined);
  const answer = (/** @type {Interrupt} */ interrupt) => (/** @type {any} */ value) => {
    if (interrupts.length === 1) return context.submit({ value });
    draftOf(interrupt, context).answer = value;
    context.update();
  };
  const sendAll = () => {
    const values = interrupts.map((each) => [each.id, context.drafts.get(each.id)?.answer]);
    context.submit({ value: Object.fromEntries(values) });
  };
  return html`<section class="cards" aria-label="Waits for your answer">
    ${interrupts.map((each) => cardTemplate(each, interrupts.length, answer(each), context))}
    ${interrupts.length > 1 ? html`<div class="card-buttons">
      <button class="btn go" type="button" ?disabled=${answered.length < interrupts.length || context.isSending} @click=${sendAll}>
        Send ${interrupts.length} answers
      </button>
      <span class="soft">${answered.length} of ${interrupts.length} answered</span>
    </div>` : nothing}
  </section>`;
}

/** @param {Interrupt} interrupt @param {CardContext} context */
function draftOf(interrupt, context) {
  const draft = context.drafts.get(interrupt.id) ?? {};
  context.drafts.set(interrupt.id, draft);
  return draft;
}

/** @param {Interrupt} interrupt @param {number} count @param {(value: any) => void} answer @param {CardContext} context */
function cardTemplate(interrupt, count, answer, context) {
  const draft = draftOf(interrupt, context);
  if (count > 1 && draft.answer !== undefined) {
    const change = () => { draft.answer = undefined; context.update(); };
    return html`<div class="card is-answered"><h2 dir="auto">${titleOf(interrupt, context)}</h2>
      <p dir="auto">Your answer: ${shortText(draft.answer)}</p>
      <div class="card-buttons"><button class="btn" type="button" @click=${change}>Change</button></div></div>`;
  }
  return html`<div class="card" role="group" aria-label=${titleOf(interrupt, context)}>
    ${bodyTemplate(interrupt, draft, answer, context)}
  </div>`;
}

/** @param {Interrupt} interrupt @param {any} draft @param {(value: any) => void} answer @param {CardContext} context */
function bodyTemplate(interrupt, draft, answer, context) {
  const request = interrupt.kind === "approval" ? approvalOf(interrupt.value, interrupt.response_schema) : null;
  if (request) return approvalTemplate(request, draft, answer, context);
  if (interrupt.kind === "breakpoint") return breakpointTemplate(interrupt, context);
  if (interrupt.kind === "recovery") return recoveryTemplate(interrupt, draft, answer, context);
  const data = interrupt.kind === "text" || typeof interrupt.value === "string" ? nothing : dataTemplate(interrupt.value);
  const title = html`<h2 dir="auto">${titleOf(interrupt, context)}</h2>${data}`;
  if (interrupt.choices.length) return html`${title}${choicesTemplate(interrupt.choices, answer, context)}`;
  const fields = fieldsOf(interrupt.response_schema);
  if (fields) return html`${title}${schemaTemplate(fields, draft, answer, context)}`;
  return html`${title}${textTemplate(draft, answer, context, interrupt.kind === "value")}`;
}

/** @param {Interrupt} interrupt @param {CardContext} context */
function titleOf(interrupt, context) {
  const { value, kind } = interrupt;
  if (typeof value === "string" && value) return value;
  const question = value?.question ?? value?.message ?? value?.prompt ?? value?.title;
  if (typeof question === "string" && question) return question;
  if (kind === "breakpoint") return "Paused before the next step";
  if (kind === "recovery") return "A tool was interrupted: did it run?";
  return kind === "approval" ? "Approve?" : `${context.assistantName} waits for an answer`;
}

/** @param {any} value */
function dataTemplate(value) {
  const isQuestionOnly = value && typeof value === "object" && Object.keys(value).length === 1 && typeof Object.values(value)[0] === "string";
  return value === null || isQuestionOnly ? nothing : html`<pre class="tool-data" tabindex="0" dir="auto">${asText(value)}</pre>`;
}

/** @param {any[]} choices @param {(value: any) => void} answer @param {CardContext} context */
function choicesTemplate(choices, answer, context) {
  return html`<div class="card-buttons">
    ${choices.map((choice) => html`<button class="btn" type="button" dir="auto" ?disabled=${context.isSending} @click=${() => answer(choice)}>
      ${typeof choice === "string" ? choice : JSON.stringify(choice)}
    </button>`)}
  </div>`;
}

/** @param {any} draft @param {(value: any) => void} answer @param {CardContext} context @param {boolean} takesJson */
function textTemplate(draft, answer, context, takesJson) {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = draft.text ?? "";
    if (text.trim()) answer(takesJson ? parsed(text) : text);
  };
  return html`<form @submit=${submit}>
    <textarea rows="2" dir="auto" aria-label="Your answer" .value=${draft.text ?? ""} @keydown=${submitOnEnter}
      @input=${(/** @type {any} */ event) => { draft.text = event.target.value; }}></textarea>
    <div class="card-buttons"><button class="btn go" type="submit" ?disabled=${context.isSending}>Answer</button>
    ${takesJson ? html`<span class="soft">Text, or JSON</span>` : nothing}</div>
  </form>`;
}

/** @param {KeyboardEvent} event */
export function submitOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  /** @type {HTMLTextAreaElement} */ (event.target).form?.requestSubmit();
}

/** @param {import("./schema_form.js").Field[]} fields @param {any} draft @param {(value: any) => void} answer @param {CardContext} context */
function schemaTemplate(fields, draft, answer, context) {
  draft.fields ??= {};
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    answer(formValue(fields, draft.fields));
  };
  return html`<form @submit=${submit}>${formTemplate(fields, draft.fields)}
    <div class="card-buttons"><button class="btn go" type="submit" ?disabled=${context.isSending}>Answer</button></div></form>`;
}

/** @param {Interrupt} interrupt @param {CardContext} context */
function breakpointTemplate(interrupt, context) {
  const next = Array.isArray(interrupt.value?.next) ? interrupt.value.next.join(", ") : "";
  return html`<h2>Paused before the next step</h2>${next ? html`<p>Next: <code>${next}</code></p>` : nothing}
    <div class="card-buttons"><button class="btn go" type="button" ?disabled=${context.isSending} @click=${() => context.submit(null)}>Continue</button></div>`;
}

/** @param {Interrupt} interrupt @param {any} draft @param {(value: any) => void} answer @param {CardContext} context */
function recoveryTemplate(interrupt, draft, answer, context) {
  return html`<h2>A tool was interrupted: did it run?</h2>
    <p>The server stopped while it ran, so its outcome is unknown. Running it again may do it twice.</p>
    ${dataTemplate(interrupt.value)}
    <div class="card-buttons"><button class="btn" type="button" ?disabled=${context.isSending} @click=${() => answer("again")}>Run it again</button></div>
    <p>Or write what it returned:</p>
    ${textTemplate(draft, answer, context, false)}`;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {any} value */
function shortText(value) {
  return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 120);
}
