// One answer of a model, drawn as its chunks come: reasoning apart, text, tool calls, and what it cost.

import { el, pretty, say } from "./dom.js";

export class AnswerView {
  constructor() {
    this.text = "";
    this.reasoning = "";
    this.calls = [];
    this.began = performance.now();
    this.info = {};
    this.textElement = el("div", { class: "text" });
    this.callsElement = el("div", { class: "calls" });
    this.noteElement = el("p", { class: "hint" }, "…");
    this.element = el("article", { class: "assistant", "aria-label": "Answer", "aria-busy": "true" }, this.textElement, this.callsElement, this.noteElement);
  }

  /** Take a chunk of a stream. */
  add(chunk) {
    if (chunk.model) this.info.model = chunk.model;
    if (chunk.usage) this.info.usage = chunk.usage;
    const [choice] = chunk.choices ?? [];
    if (!choice) return;
    if (choice.finish_reason) this.info.finish = choice.finish_reason;
    const delta = choice.delta ?? {};
    if (delta.reasoning_content) this.addReasoning(delta.reasoning_content);
    const text = delta.content ?? delta.refusal;
    if (text) this.textElement.append((this.text += text) && text);
    for (const call of delta.tool_calls ?? []) this.addCall(call);
  }

  addReasoning(text) {
    if (!this.reasoning) {
      this.thought = el("div", { class: "thought" });
      this.element.prepend(el("details", { class: "reasoning", open: true }, el("summary", {}, "Reasoning"), this.thought));
    }
    this.reasoning += text;
    this.thought.append(text);
  }

  addCall({ index, id, function: called = {} }) {
    const place = index ?? 0;
    if (!this.calls[place]) {
      const name = el("code", {});
      const args = el("pre", { class: "code", tabIndex: 0, role: "region", "aria-label": "Arguments" });
      const element = el("section", { class: "call", "aria-label": "Tool call" }, el("p", {}, "Tool call: ", name), args);
      this.calls[place] = { id: "", name: "", args: "", nameElement: name, argsElement: args, element };
      this.callsElement.append(element);
    }
    const call = this.calls[place];
    if (id) call.id = id;
    if (called.name) say(call.nameElement, (call.name += called.name));
    if (called.arguments) say(call.argsElement, (call.args += called.arguments));
  }

  /** Return the answer as a message of the conversation. */
  message() {
    const message = { role: "assistant", content: this.text || null };
    if (this.calls.length) {
      message.tool_calls = this.calls.map(({ id, name, args }) => ({ id, type: "function", function: { name, arguments: args } }));
    }
    return message;
  }

  /** Say what the answer cost. */
  finish() {
    this.element.setAttribute("aria-busy", "false");
    for (const call of this.calls) say(call.argsElement, pretty(call.args));
    const { model, finish, usage } = this.info;
    const tokens = usage && `${usage.prompt_tokens} + ${usage.completion_tokens} tokens`;
    const parts = [model, finish && `finish reason ${finish}`, tokens, `${Math.round(performance.now() - this.began)} ms`];
    say(this.noteElement, parts.filter(Boolean).join(" · "));
  }

  note(text) {
    this.noteElement.before(el("p", { class: "notice" }, text));
  }

  /** Say what went wrong, with a button that sends the conversation again. */
  fail(message, retry) {
    const again = el("button", { type: "button", class: "quiet" }, "Send again");
    again.addEventListener("click", () => retry(this.element));
    this.noteElement.before(el("div", { class: "notice error", role: "alert" }, el("p", {}, message), again));
  }

  /** Add fields for the results of the tool calls; `send` gets them, each with its call's id. */
  answerForm(samples, send) {
    const fields = this.calls.map((call) => {
      const field = el("textarea", { rows: 2, value: samples[call.name] ?? "", spellcheck: false });
      call.element.append(el("label", {}, `Result of ${call.name}`, field));
      return field;
    });
    const button = el("button", { class: "main" }, fields.length > 1 ? "Send the results" : "Send the result");
    const form = el("form", { class: "results" }, this.callsElement, button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      button.remove();
      for (const field of fields) field.readOnly = true;
      send(this.calls.map(({ id }, position) => ({ id, content: fields[position].value })));
    });
    this.textElement.after(form);
    return form;
  }
}
