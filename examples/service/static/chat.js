"use strict";

const byId = (id) => document.getElementById(id);
const [answers, form, question, ask, stop] = ["answers", "form", "question", "ask", "stop"].map(byId);
let running = null; // what stops the answer that is being made

function add(parent, tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text; // as text, never as HTML: it is a model's
  parent.append(made);
  return made;
}

// EventSource cannot POST, and asks again by itself when a connection ends, which would be paid again.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (fields.has("event")) yield [fields.get("event"), JSON.parse(fields.get("data"))];
    }
  }
}

function showSources(answer, sources) {
  for (const { source, text, score } of sources) {
    const details = add(answer, "details", "source");
    add(details, "summary", "", score == null ? source : `${source} (${score.toFixed(2)})`);
    add(details, "div", "", text);
  }
}

function fail(state, { message, retry_after: seconds }) {
  state.classList.add("error");
  state.textContent = seconds ? `${message} (${seconds} s)` : message;
  state.scrollIntoView({ block: "nearest" });
}

async function answerTo(text) {
  byId("hint")?.remove();
  add(answers, "div", "asked", text);
  const answer = add(answers, "div", "answer running");
  const words = add(answer, "p", "text");
  const state = add(answer, "div", "state");
  answers.scrollTop = answers.scrollHeight;
  let isWhole = false;
  try {
    const response = await fetch(`/ask/${byId("engine").value}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ question: text }),
      signal: running.signal,
    });
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      const detail = typeof problem.detail === "string" ? problem.detail : `The service answered ${response.status}.`;
      isWhole = true;
      return fail(state, { message: detail, ...problem });
    }
    for await (const [name, data] of events(response.body)) {
      const isAtEnd = answers.scrollHeight - answers.scrollTop - answers.clientHeight < 40;
      if (name === "text") words.append(data);
      if (name === "sources") showSources(answer, data);
      if (name === "error") fail(state, data);
      if (name === "end") state.textContent = "";
      isWhole ||= name === "end" || name === "error";
      if (isAtEnd) answers.scrollTop = answers.scrollHeight;
    }
    if (!isWhole) fail(state, { message: "The answer broke off." });
  } catch (error) {
    if (error.name === "AbortError") state.textContent = "Stopped.";
    else fail(state, { message: "The service could not be reached, or the answer broke off." });
  } finally {
    answer.classList.remove("running");
  }
}

async function submit() {
  const text = question.value.trim();
  if (!text || running) return;
  running = new AbortController();
  ask.disabled = true;
  stop.disabled = false;
  question.value = "";
  await answerTo(text);
  running = null;
  ask.disabled = false;
  stop.disabled = true;
  question.focus();
}

form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
stop.addEventListener("click", () => running?.abort()); // the service stops the model
question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
});
question.focus();
