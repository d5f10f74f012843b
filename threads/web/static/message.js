// @ts-check
/** One message, or one answer with its tool calls: text, attachments, and the actions that appear beside it. */
import { html, nothing } from "../vendor/lit-html.js";
import { attachmentsTemplate, reasoningOf, reasoningTemplate, sourcesTemplate } from "./content_blocks.js";
import { icon } from "./icons.js";
import { editorTemplate } from "./message_editor.js";
import { orphanResultTemplate, toolCallTemplate } from "./tool_call.js";
import { answerText, lastAnswer } from "./turns.js";

/**
 * @typedef {import("./conversation.js").Message} Message
 * @typedef {import("./turns.js").Item} Item
 * @typedef {import("./turns.js").UserItem} UserItem
 * @typedef {import("./turns.js").AssistantItem} AssistantItem
 *
 * @typedef {object} MessageActions What the reader can do with a message.
 * @property {(text: string) => void} copy
 * @property {(message: Message) => void} edit
 * @property {(message: Message, text: string) => void} submitEdit
 * @property {() => void} cancelEdit
 * @property {(message: Message) => void} regenerate
 * @property {(message: Message) => void} fork
 * @property {(message: Message) => void} undo
 * @property {(message: Message, version: number) => void} showVersion
 * @property {(key: string) => void} unfold
 *
 * @typedef {object} MessageContext What a message needs to know of the view it is shown in.
 * @property {import("./conversation.js").Conversation} conversation
 * @property {import("./rendered_texts.js").RenderedTexts} texts
 * @property {MessageActions} actions
 * @property {string | null} editedId The message that is edited.
 * @property {string | null} editedText What its edit was before it was refused.
 * @property {boolean} isReadOnly
 * @property {string} assistantName
 * @property {(time: string) => string} formatTime
 * @property {(time: string) => string} formatDay
 * @property {(time: string) => string} formatFull
 */

/** @param {Item} item @param {MessageContext} context */
export function itemTemplate(item, context) {
  if (item.kind === "day") return html`<p class="day" role="presentation">${context.formatDay(item.day)}</p>`;
  if (item.kind === "system") return systemTemplate(item.message, context);
  return item.kind === "user" ? userTemplate(item, context) : answerTemplate(item, context);
}

/** @param {UserItem} item @param {MessageContext} context */
function userTemplate({ message, key }, context) {
  if (context.editedId !== null && context.editedId === message.id) {
    return html`<article class="user is-edited" id=${anchor(key)}>${editorTemplate(message, context.editedText ?? message.text, context.actions)}</article>`;
  }
  return html`<article class="user" id=${anchor(key)} aria-label="You" tabindex="-1">
    <div class="bubble">
      ${attachmentsTemplate(message)}
      <div class="plain-text" dir="auto">${message.text}</div>
    </div>
    <div class="bar">
      ${versionTemplate(message, context)}
      <span class="actions">
        ${button("copy", "Copy", () => context.actions.copy(message.text))}
        ${canChange(message, context) ? html`${button("edit", "Edit", () => context.actions.edit(message))}
          ${button("undo", "Undo from here", () => context.actions.undo(message))}` : nothing}
      </span>
      ${timeTemplate(message, context)}
    </div>
  </article>`;
}

/** @param {AssistantItem} item @param {MessageContext} context */
function answerTemplate(item, context) {
  const message = lastAnswer(item);
  if (!message) return nothing;
  const isAnswering = context.conversation.isRunning && context.conversation.messages.at(-1)?.role !== "user"
    && item.messages.at(-1) === lastShown(context);
  return html`<article class="answer" id=${anchor(item.key)} aria-label=${context.assistantName} tabindex="-1">
    ${item.messages.map((each) => partTemplate(each, item, context))}
    ${isAnswering ? nothing : html`<div class="bar">
      ${versionTemplate(message, context)}
      <span class="actions">
        ${button("copy", "Copy", () => context.actions.copy(answerText(item)))}
        ${canChange(message, context) ? html`
          ${button("again", "Answer again", () => context.actions.regenerate(message))}
          ${button("fork", "Fork from here", () => context.actions.fork(message))}` : nothing}
      </span>
      ${detailsTemplate(item, message, context)}
    </div>`}
  </article>`;
}

/** @param {MessageContext} context */
function lastShown(context) {
  return context.conversation.messages.findLast((each) => each.role === "assistant");
}

/** @param {Message} message @param {AssistantItem} item @param {MessageContext} context */
function partTemplate(message, item, context) {
  if (message.role === "tool") return orphanResultTemplate(message);
  const { tools, isRunning, interrupts } = context.conversation;
  const isLast = message === lastShown(context);
  const key = message.id ?? `${item.key}-${item.messages.indexOf(message)}`;
  const isAnchored = message !== item.messages[0];
  return html`${isAnchored && message.id ? html`<span id=${anchor(message.id)} tabindex="-1"></span>` : nothing}
    ${reasoningTemplate(reasoningOf(message), false)}
    ${message.text ? context.texts.elementOf(key, message.text) : nothing}
    ${context.texts.isCut(key, message.text) ? unfoldTemplate(key, message.text, context) : nothing}
    ${attachmentsTemplate(message)}
    ${message.tool_calls.map((call) => toolCallTemplate(
      call, item.results.get(call.id ?? ""), tools.get(call.id), isRunning, interrupts.length > 0 && isLast,
    ))}
    ${isEmpty(message) ? html`<p class="soft">${message.stopped ? "Stopped before the first word." : "The answer is empty."}</p>` : nothing}
    ${sourcesTemplate(message)}
    ${message.stopped ? html`<p class="soft stopped">Stopped. This answer is not complete.</p>` : nothing}`;
}

/** @param {Message} message */
function isEmpty(message) {
  return !message.text && !message.tool_calls.length && !message.content.length;
}

/** @param {string} key @param {string} text @param {MessageContext} context */
function unfoldTemplate(key, text, context) {
  return html`<button class="btn" type="button" @click=${() => context.actions.unfold(key)}>
    Show all ${text.length.toLocaleString()} characters
  </button>`;
}

/** @param {Message} message @param {MessageContext} context */
function systemTemplate(message, context) {
  const label = message.source === "summarization" ? "Summary of earlier messages" : message.source ? `Note by ${message.source}` : "Instructions";
  return html`<details class="system" id=${anchor(message.id ?? "")}>
    <summary>${label}</summary>
    ${context.texts.elementOf(message.id ?? `system-${message.created_at}`, message.text)}
  </details>`;
}

/** @param {Message} message @param {MessageContext} context */
function versionTemplate(message, context) {
  const count = message.versions.length;
  if (count < 2 || context.isReadOnly) return nothing;
  const { version } = message;
  const show = (/** @type {number} */ number) => () => context.actions.showVersion(message, number);
  return html`<span class="versions" role="group" aria-label="Versions">
    <button class="icon" type="button" aria-label="Previous version" ?disabled=${version <= 1 || context.conversation.isRunning}
      @click=${show(version - 1)}>${icon("left")}</button>
    <span>${version} / ${count}</span>
    <button class="icon" type="button" aria-label="Next version" ?disabled=${version >= count || context.conversation.isRunning}
      @click=${show(version + 1)}>${icon("right")}</button>
  </span>`;
}

/** @param {Message} message @param {MessageContext} context */
function canChange(message, context) {
  return message.id !== null && !context.isReadOnly && !context.conversation.isRunning;
}

/** @param {AssistantItem} item @param {Message} message @param {MessageContext} context */
function detailsTemplate(item, message, context) {
  const tokens = item.messages.reduce((sum, each) => sum + (each.usage?.total_tokens ?? 0), 0);
  const { model } = message;
  return html`<span class="details">${timeTemplate(message, context)}${model ? html`<span dir="auto">${model}</span>` : nothing}${tokens
    ? html`<span title=${usageTitle(item)}>${tokens.toLocaleString()} tokens</span>` : nothing}</span>`;
}

/** @param {AssistantItem} item */
function usageTitle(item) {
  const sum = (/** @type {"input_tokens" | "output_tokens"} */ name) => item.messages.reduce((total, each) => total + (each.usage?.[name] ?? 0), 0);
  return `${sum("input_tokens").toLocaleString()} read, ${sum("output_tokens").toLocaleString()} written`;
}

/** @param {Message} message @param {MessageContext} context */
function timeTemplate(message, context) {
  if (!message.created_at) return nothing;
  return html`<time datetime=${message.created_at} title=${context.formatFull(message.created_at)}>${context.formatTime(message.created_at)}</time>`;
}

/** @param {Parameters<typeof icon>[0]} name @param {string} label @param {() => void} act */
function button(name, label, act) {
  return html`<button class="icon" type="button" aria-label=${label} title=${label} @click=${act}>${icon(name)}</button>`;
}

/** Return the id of the element of a message, which links lead to. @param {string} id */
export function anchor(id) {
  return `message-${id}`;
}
