// @ts-check
/** Server-sent events out of a response body. EventSource shows neither a status code nor heartbeats. */

/**
 * @typedef {object} ServerEvent
 * @property {string | null} id  The id in force; null before the first.
 * @property {string | null} type  null for a block without data, such as a heartbeat.
 * @property {string} data
 */

/**
 * Yield the events of a response as they arrive, and one without type for each other block.
 * @param {Response} response
 * @returns {AsyncGenerator<ServerEvent, void, void>}
 */
export async function* readEvents(response) {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  /** @type {string | null} */
  let id = null;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parseBlock(block, id);
        id = event.id;
        yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * @param {string} block
 * @param {string | null} id
 * @returns {ServerEvent}
 */
function parseBlock(block, id) {
  let type = "message";
  /** @type {string[]} */
  const data = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? ["", "", ""];
    if (name === "data") data.push(value ?? "");
    else if (name === "event") type = value ?? "";
    else if (name === "id") id = value ?? null;
  }
  return { id, type: data.length ? type : null, data: data.join("\n") };
}
