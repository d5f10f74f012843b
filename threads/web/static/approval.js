// @ts-check
/** Requests for approval as LangChain's `HumanInTheLoopMiddleware` makes them: the calls and the decisions allowed. */

export const DECISIONS = ["approve", "edit", "reject", "respond"];

/**
 * @typedef {{name: string, args: Record<string, any>, description: string, decisions: string[]}} ReviewedAction
 * @typedef {{actions: ReviewedAction[], isBatched: boolean}} ApprovalRequest
 */

/**
 * Return the tool calls that an interrupt of kind `approval` asks about; null where it has another form.
 * @param {any} value
 * @param {any} schema
 * @returns {ApprovalRequest | null}
 */
export function approvalOf(value, schema) {
  if (Array.isArray(value?.action_requests)) {
    const allowed = new Map((value.review_configs ?? []).map((/** @type {any} */ each) => [each.action_name, each.allowed_decisions]));
    const actions = value.action_requests.map((/** @type {any} */ each) => actionOf(each, allowed.get(each.name)));
    return actions.length ? { actions, isBatched: true } : null;
  }
  if (value?.type === "tool_approval") return { actions: [actionOf(value, allowedBySchema(schema))], isBatched: false };
  return null;
}

/** @param {any} request @param {any} decisions @returns {ReviewedAction} */
function actionOf(request, decisions) {
  const known = Array.isArray(decisions) && decisions.length ? decisions.map(String) : DECISIONS;
  const args = request.args && typeof request.args === "object" ? request.args : {};
  return { name: String(request.name ?? "tool"), args, description: String(request.description ?? ""), decisions: known };
}

/** Return the values of `type` that a schema lists in its branches. @param {any} schema */
function allowedBySchema(schema) {
  const branches = schema?.oneOf ?? schema?.anyOf ?? (schema ? [schema] : []);
  const resolve = (/** @type {any} */ each) => (each?.$ref ? schema.$defs?.[String(each.$ref).split("/").at(-1) ?? ""] : each);
  return branches.map((/** @type {any} */ each) => resolve(each)?.properties?.type?.const).filter(Boolean);
}

/**
 * Return the answer that these decisions make, one for each action.
 * @param {ApprovalRequest} request
 * @param {Record<string, any>[]} decisions
 */
export function approvalAnswer(request, decisions) {
  return request.isBatched ? { decisions } : decisions[0];
}
