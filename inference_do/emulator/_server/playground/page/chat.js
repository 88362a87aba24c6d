// The chat: a conversation that is sent whole each time, answers as they come, tool calls that are answered by hand.

import { $, el, say } from "./dom.js";
import { AnswerError, streamAnswer } from "./stream.js";
import { SAMPLE_RESULTS, SAMPLE_TOOLS } from "./tools.js";
import { AnswerView } from "./answer.js";

const messages = [];
let key = "";
let running = null;
let follows = true;
let waiting = null; // the answer whose tool calls are to be answered

export async function startChat(setup) {
  key = setup.api_key;
  $("tools").value = JSON.stringify(SAMPLE_TOOLS, null, 2);
  $("tools-on").addEventListener("change", () => ($("tools-field").hidden = !$("tools-on").checked));
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  $("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  $("stop").addEventListener("click", () => running?.abort());
  $("new").addEventListener("click", restart);
  $("log").addEventListener("scroll", ({ target }) => {
    follows = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
  });
  for (const button of document.querySelectorAll("[data-prompt]")) {
    button.addEventListener("click", () => {
      if ("tools" in button.dataset && !$("tools-on").checked) $("tools-on").click();
      $("prompt").value = button.dataset.prompt;
      submit();
    });
  }
  if (matchMedia("(max-width: 60rem)").matches) $("settings").open = false;
  await listModels(setup.not_chat);
}

async function listModels(others) {
  try {
    const response = await fetch("/v1/models", { headers: { authorization: `Bearer ${key}` } });
    const listed = (await response.json()).data.map((model) => model.id).filter((id) => !others.includes(id));
    $("model").replaceChildren(...listed.sort((a, b) => a.localeCompare(b)).map((id) => new Option(id)));
    if (listed.includes("openai-gpt-oss-120b")) $("model").value = "openai-gpt-oss-120b";
  } catch {
    say($("chat-note"), "The models could not be listed.");
  }
}

function restart() {
  running?.abort();
  messages.length = 0;
  waiting = null;
  $("log").replaceChildren($("empty"));
  $("empty").hidden = false;
  say($("chat-note"), "");
  $("prompt").focus();
}

function submit() {
  const text = $("prompt").value;
  if (running || !text.trim()) return;
  if (waiting) {
    say($("chat-note"), "Answer the tool calls first.");
    waiting.focus();
    return;
  }
  const message = { role: "user", content: text };
  messages.push(message);
  show(el("article", { class: "user", "aria-label": "You" }, text));
  $("prompt").value = "";
  answer();
}

/** Build the request as the settings say. */
function request() {
  const body = { model: $("model").value, messages: [...messages], stream: true, stream_options: { include_usage: true } };
  if ($("system").value.trim()) body.messages.unshift({ role: "system", content: $("system").value });
  if ($("temperature").value !== "") body.temperature = Number($("temperature").value);
  if ($("effort").value) body.reasoning_effort = $("effort").value;
  if ($("tools-on").checked) body.tools = JSON.parse($("tools").value);
  return body;
}

async function answer() {
  const view = new AnswerView();
  show(view.element);
  let body;
  try {
    body = request();
  } catch (error) {
    view.fail(`The tools are no JSON: ${error.message}`, retry);
    view.finish();
    return;
  }
  const controller = (running = new AbortController());
  busy(true);
  try {
    await streamAnswer(key, body, controller.signal, (chunk) => {
      view.add(chunk);
      stick();
    });
    if (controller !== running) return; // the chat was begun anew
    messages.push(view.message());
    view.finish();
    if (view.calls.length) ask(view);
  } catch (error) {
    if (controller !== running) return;
    view.finish();
    if (controller.signal.aborted) {
      view.note("Stopped.");
      if (view.text) messages.push({ role: "assistant", content: view.text });
    } else if (error instanceof AnswerError) view.fail(error.message, retry);
    else view.fail(`The page failed: ${error.message}`, retry);
  } finally {
    if (controller === running) {
      running = null;
      busy(false);
    }
    stick();
  }
}

/** Send the conversation again, without the answer that failed. */
function retry(element) {
  if (running) return;
  element.remove();
  answer();
}

/** Let the user answer the tool calls of an answer. */
function ask(view) {
  const form = view.answerForm(SAMPLE_RESULTS, (results) => {
    waiting = null;
    say($("chat-note"), "");
    messages.push(...results.map(({ id, content }) => ({ role: "tool", tool_call_id: id, content })));
    answer();
  });
  waiting = form.querySelector("textarea");
  stick();
}

function busy(is) {
  $("send").hidden = is;
  $("stop").hidden = !is;
  say($("chat-note"), is ? "Answering …" : "");
  if (!is && document.activeElement === document.body) $("prompt").focus(); // the button that had the focus is gone
}

function show(element) {
  $("empty").hidden = true;
  $("log").append(element);
  follows = true;
  stick();
}

/** Keep the end in sight, unless the user has scrolled away from it. */
function stick() {
  if (follows) $("log").scrollTop = $("log").scrollHeight;
}
