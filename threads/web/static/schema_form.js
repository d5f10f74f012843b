// @ts-check
/** A form for an answer whose JSON schema is a flat object, as pydantic writes it. */
import { html } from "../vendor/lit-html.js";

/**
 * @typedef {{name: string, label: string, type: "string" | "number" | "integer" | "boolean" | "choice", choices: any[], isRequired: boolean, initial: any}} Field
 */

/**
 * Return the fields of a schema; null if it is no flat object.
 * @param {any} schema
 * @returns {Field[] | null}
 */
export function fieldsOf(schema) {
  if (schema?.type !== "object" || !schema.properties) return null;
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(([name, given]) => fieldOf(name, resolve(given, schema), required.has(name)));
  return fields.every(Boolean) && fields.length ? /** @type {Field[]} */ (fields) : null;
}

/** @param {any} property @param {any} schema */
function resolve(property, schema) {
  const name = typeof property?.$ref === "string" ? property.$ref.split("/").at(-1) : null;
  return name ? { ...schema.$defs?.[name], ...property } : property;
}

/** @param {string} name @param {any} property @param {boolean} isRequired @returns {Field | null} */
function fieldOf(name, property, isRequired) {
  const choices = Array.isArray(property?.enum) ? property.enum : [];
  const type = choices.length ? "choice" : property?.type;
  if (!["choice", "string", "number", "integer", "boolean"].includes(type)) return null;
  return { name, label: property.title ?? name, type, choices, isRequired, initial: property.default };
}

/** @param {Field[]} fields @param {Record<string, any>} values What is entered, which this changes. */
export function formTemplate(fields, values) {
  return fields.map((field) => {
    if (!(field.name in values) && field.initial !== undefined) values[field.name] = field.initial;
    return html`<label class="field"><span>${field.label}</span>${inputTemplate(field, values)}</label>`;
  });
}

/** @param {Field} field @param {Record<string, any>} values */
function inputTemplate(field, values) {
  const value = values[field.name];
  const set = (/** @type {any} */ event) => { values[field.name] = event.target.value; };
  if (field.type === "choice") {
    values[field.name] ??= field.choices[0];
    return html`<select @change=${(/** @type {any} */ event) => { values[field.name] = field.choices[event.target.selectedIndex]; }}>
      ${field.choices.map((choice) => html`<option ?selected=${choice === values[field.name]}>${String(choice)}</option>`)}
    </select>`;
  }
  if (field.type === "boolean") {
    return html`<input type="checkbox" .checked=${value === true} @change=${(/** @type {any} */ event) => { values[field.name] = event.target.checked; }} />`;
  }
  if (field.type === "string") return html`<textarea rows="1" dir="auto" ?required=${field.isRequired} .value=${value ?? ""} @input=${set}></textarea>`;
  return html`<input type="number" step=${field.type === "integer" ? "1" : "any"} ?required=${field.isRequired} .value=${String(value ?? "")} @input=${set} />`;
}

/**
 * Return what is entered as the schema wants it; optional fields that are empty are left out.
 * @param {Field[]} fields
 * @param {Record<string, any>} values
 */
export function formValue(fields, values) {
  const entries = fields.map((field) => [field.name, fieldValue(field, values[field.name])]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** @param {Field} field @param {any} value */
function fieldValue(field, value) {
  if (field.type === "boolean") return value === true;
  if (field.type === "choice") return value;
  if (value === undefined || value === "") return field.isRequired && field.type === "string" ? "" : undefined;
  return field.type === "string" ? value : Number(value);
}
