// The panel of faults: a form for each fault that the emulator names, and what is switched on.

import { control } from "./control.js";
import { $, el, say } from "./dom.js";

let catalogue = [];
let drawn = "";

export function startFaults(faults) {
  catalogue = faults;
  for (const fault of faults) $("fault").append(new Option(fault.name));
  $("fault").addEventListener("change", drawFields);
  $("fault-times").addEventListener("input", () => (document.querySelector('input[value="next"]').checked = true));
  $("fault-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(() => control("POST", "faults", { fault: $("fault").value, fields: fields(), times: times() }));
  });
  $("faults-clear").addEventListener("click", () => ask(() => control("DELETE", "faults")));
  drawFields();
}

async function ask(question) {
  say($("fault-note"), "");
  try {
    showFaults(await question());
  } catch (error) {
    say($("fault-note"), error.message);
  }
}

function times() {
  return document.querySelector('input[name="times"]:checked').value === "always" ? null : Number($("fault-times").value);
}

function chosen() {
  return catalogue.find((fault) => fault.name === $("fault").value);
}

function drawFields() {
  const fault = chosen();
  say($("fault-summary"), fault.summary);
  $("fault-fields").replaceChildren(...fault.fields.map(field));
}

function field({ name, kind, value, is_optional, from, to }) {
  const id = `field-${name}`;
  const text = typeof value === "object" && value !== null ? JSON.stringify(value) : value;
  if (kind === "switch") return el("label", { class: "switch" }, el("input", { id, type: "checkbox", checked: value }), name);
  if (kind === "whole" || kind === "number") {
    const step = kind === "whole" ? 1 : "any";
    const input = el("input", { id, type: "number", min: from, max: to, step, value: value ?? "", required: !is_optional });
    if (is_optional) input.placeholder = "none";
    return el("label", {}, name, input);
  }
  if (kind === "text") return el("label", {}, name, el("input", { id, type: "text", value: text ?? "", placeholder: is_optional ? "none" : "" }));
  const placeholder = kind === "content" ? "none: the API's own" : "";
  return el("label", { class: "whole" }, name, el("textarea", { id, rows: 2, value: text ?? "", placeholder, class: "code", spellcheck: false }));
}

/** Read the form; what was left empty takes the fault's own default. */
function fields() {
  const values = {};
  for (const { name, kind, is_optional } of chosen().fields) {
    const input = $(`field-${name}`);
    const text = input.value;
    if (kind === "switch") values[name] = input.checked;
    else if (text === "" && is_optional) values[name] = null;
    else if (kind === "whole" || kind === "number") values[name] = Number(text);
    else if (kind === "json") values[name] = parsed(text || "{}", name);
    else if (kind === "content" && text.trim().startsWith("{")) values[name] = parsed(text, name);
    else values[name] = text;
  }
  return values;
}

function parsed(text, name) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is no JSON: ${error.message}`);
  }
}

export function showFaults(state) {
  const text = JSON.stringify(state);
  if (text === drawn) return;
  drawn = text;
  const count = state.always.length + state.waiting;
  $("faults-on").hidden = !count;
  say($("faults-on"), String(count));
  $("faults-clear").disabled = !count;
  const rows = state.always.map((code, position) => row(code, "all requests", `faults/always/${position}`));
  state.next.forEach(({ fault, times: many }, position) => {
    const when = `${position ? "then" : "the next"} ${many === 1 ? "request" : `${many} requests`}`;
    rows.push(row(fault, when, null));
  });
  if (state.next.length) rows.push(el("li", {}, off("Drop what waits", "faults/next", "Drop what waits for the next requests")));
  if (!rows.length) rows.push(el("li", { class: "hint" }, "None. Requests are answered as they should be."));
  $("fault-list").replaceChildren(...rows);
}

function row(code, when, path) {
  const shown = el("span", {}, el("code", {}, code), ` for ${when}`);
  return el("li", { class: "row" }, shown, path && off("Switch off", path, `Switch off ${code}`));
}

function off(text, path, label) {
  const button = el("button", { type: "button", class: "quiet", "aria-label": label }, text);
  button.addEventListener("click", () => ask(() => control("DELETE", path)));
  return button;
}
