// @ts-check
/** What messages hold besides text, in LangChain's content blocks: reasoning, images, sources, other files. */
import { html, nothing } from "../vendor/lit-html.js";

/** @typedef {import("./conversation.js").Message} Message */
/** @typedef {import("./conversation.js").Block} Block */

const IMAGE_TYPES = /^image\/(?:png|jpeg|gif|webp|avif)$/i;
const WEB_LINK = /^https?:\/\//i;

/** @param {Message} message */
export function reasoningOf(message) {
  return message.content
    .filter((block) => block.type === "reasoning")
    .map((block) => block.reasoning ?? "")
    .join("\n\n")
    .trim();
}

/**
 * Return the sources that text blocks cite, each once.
 * @param {Message} message
 * @returns {{url: string, title: string}[]}
 */
export function sourcesOf(message) {
  const found = new Map();
  for (const block of message.content) {
    for (const note of Array.isArray(block.annotations) ? block.annotations : []) {
      const url = typeof note?.url === "string" ? note.url : "";
      if (note?.type === "citation" && WEB_LINK.test(url) && !found.has(url)) {
        found.set(url, { url, title: String(note.title || hostOf(url)) });
      }
    }
  }
  return [...found.values()];
}

/** @param {string} url */
function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/**
 * Return the address of an image block: data of the message, or a link elsewhere, which is not loaded.
 * @param {Block} block
 * @returns {{data: string} | {link: string} | null}
 */
function imageAddress(block) {
  const given = block.type === "image_url" ? (block.image_url?.url ?? block.image_url) : block.url;
  const data = block.base64 ?? block.data ?? (block.source_type === "base64" ? block.data : undefined);
  const type = block.mime_type ?? "image/png";
  if (typeof data === "string" && IMAGE_TYPES.test(type)) return { data: `data:${type};base64,${data}` };
  if (typeof given !== "string") return null;
  if (/^data:image\/(?:png|jpeg|gif|webp|avif);base64,/i.test(given)) return { data: given };
  return WEB_LINK.test(given) ? { link: given } : null;
}

/** Show reasoning, folded. @param {string} text @param {boolean} isLive */
export function reasoningTemplate(text, isLive) {
  if (!text) return nothing;
  return html`<details class="reasoning">
    <summary>${isLive ? "Thinking…" : "Reasoning"}</summary>
    <div class="plain-text" dir="auto">${text}</div>
  </details>`;
}

/** Show the images and files of a message. @param {Message} message */
export function attachmentsTemplate(message) {
  const shown = message.content.map(attachmentTemplate).filter((each) => each !== nothing);
  return shown.length ? html`<div class="attachments">${shown}</div>` : nothing;
}

/** @param {Block} block */
function attachmentTemplate(block) {
  if (block.type === "image" || block.type === "image_url") {
    const address = imageAddress(block);
    if (address && "data" in address) return html`<img src=${address.data} alt=${block.alt ?? "Image"} loading="lazy" />`;
    if (address) return linkTemplate(address.link, `Image: ${hostOf(address.link)}`);
    return html`<span class="file">Image</span>`;
  }
  if (["file", "audio", "video", "text-plain"].includes(block.type)) {
    const name = String(block.filename ?? block.title ?? block.metadata?.filename ?? block.mime_type ?? block.type);
    return typeof block.url === "string" && WEB_LINK.test(block.url) ? linkTemplate(block.url, name) : html`<span class="file">${name}</span>`;
  }
  return nothing;
}

/** @param {string} url @param {string} text */
function linkTemplate(url, text) {
  return html`<a class="file" href=${url} target="_blank" rel="noopener noreferrer">${text}</a>`;
}

/** @param {Message} message */
export function sourcesTemplate(message) {
  const sources = sourcesOf(message);
  if (!sources.length) return nothing;
  return html`<div class="sources">
    <span>Sources</span>
    <ol>
      ${sources.map(({ url, title }) => html`<li>
        <a href=${url} target="_blank" rel="noopener noreferrer" title=${url} dir="auto">${title}</a>
      </li>`)}
    </ol>
  </div>`;
}
