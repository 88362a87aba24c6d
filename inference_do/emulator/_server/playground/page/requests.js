// The list of requests, of every client, as they came and as they were answered.

import { control } from "./control.js";
import { $, codeBlock, el, pretty, say } from "./dom.js";

const rows = new Map();

export function startRequests() {
  $("clear").addEventListener("click", () => control("DELETE", "requests").catch((error) => say($("no-requests"), error.message)));
}

/** Take what changed: entries, and the numbers of those that are still kept. */
export function showRequests({ requests, ids }) {
  for (const entry of requests) {
    if (!rows.has(entry.id)) {
      const made = new Row(entry.id);
      rows.set(entry.id, made);
      $("request-list").prepend(made.element);
    }
    rows.get(entry.id).show(entry);
  }
  const kept = new Set(ids);
  for (const [id, row] of rows) {
    if (kept.has(id)) continue;
    row.element.remove();
    rows.delete(id);
  }
  say($("count"), String(rows.size));
  $("no-requests").hidden = rows.size > 0;
  $("clear").disabled = rows.size === 0;
}

class Row {
  constructor(id) {
    this.id = id;
    this.parts = Object.fromEntries(["when", "method", "path", "status", "more"].map((name) => [name, el("span", { class: name })]));
    this.summary = el("summary", {}, ...Object.values(this.parts));
    this.body = el("div", { class: "details" });
    this.details = el("details", {}, this.summary, this.body);
    this.element = el("li", {}, this.details);
    this.details.addEventListener("toggle", () => this.details.open && this.load());
  }

  show(entry) {
    this.entry = entry;
    const { when, method, path, status, more } = this.parts;
    say(when, new Date(entry.time * 1000).toLocaleTimeString([], { hour12: false }));
    say(method, entry.method);
    say(path, entry.path);
    say(status, statusText(entry));
    status.dataset.kind = kind(entry);
    say(more, moreText(entry));
    if (this.details.open && entry.seconds !== null) this.load();
  }

  async load() {
    const asked = (this.asked = {});
    try {
      const found = await control("GET", `requests/${this.id}`);
      if (asked === this.asked) this.body.replaceChildren(...details(found));
    } catch (error) {
      if (asked === this.asked) this.body.replaceChildren(el("p", { class: "error" }, error.message));
    }
  }
}

function statusText({ status, end }) {
  const code = status === null ? (end ? "no response" : "…") : status || "no HTTP";
  return end && end !== "complete" && status ? `${code} ${end}` : String(code);
}

function kind({ status, end }) {
  if (end && end !== "complete") return "bad";
  if (status === null) return "open";
  return status >= 200 && status < 300 ? "good" : "bad";
}

function moreText({ model, is_stream, events, first, seconds, usage, faults, client }) {
  const used = usage && tokens(usage);
  const begun = is_stream && first !== null ? `first ${ms(first)}` : null;
  const parts = [seconds !== null && ms(seconds), begun, events ? `${events} events` : null, used, model];
  if (faults.length) parts.push(`fault: ${faults.join(", ")}`);
  parts.push(client.includes("Mozilla/") ? "a browser" : client.split(" ")[0]);
  return parts.filter(Boolean).join(" · ");
}

function ms(seconds) {
  if (seconds < 0.001) return "under 1 ms";
  return seconds < 10 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

function tokens(usage) {
  const counts = [usage.prompt_tokens ?? usage.input_tokens, usage.completion_tokens ?? usage.output_tokens];
  return `${counts.filter((count) => count !== undefined).join(" + ")} tokens`;
}

function details(found) {
  const blocks = [codeBlock("Request headers", headers(found.headers))];
  if (found.body) blocks.push(codeBlock(title("Request body", found.body, found.body_bytes), pretty(found.body)));
  if (found.response_headers.length) blocks.push(codeBlock(`Response ${found.status}`, headers(found.response_headers)));
  if (found.response) blocks.push(codeBlock(title("Response body", found.response, found.response_bytes), pretty(found.response)));
  else if (found.seconds === null) blocks.push(el("p", { class: "hint" }, "The response is being sent; its body is shown at its end."));
  if (found.usage) blocks.push(codeBlock("Usage", JSON.stringify(found.usage, null, 2)));
  return blocks;
}

function headers(pairs) {
  return pairs.map(([name, value]) => `${name}: ${value}`).join("\n");
}

function title(name, text, bytes) {
  const size = new TextEncoder().encode(text).length;
  return bytes > size && text.length > 200_000 ? `${name}, the first ${size} of ${bytes} bytes` : name;
}
