// The panel of limits: one limit for each key and model, and what is left of it.

import { control } from "./control.js";
import { $, el, say } from "./dom.js";

const NAMES = { requests: "requests", "tokens-per-minute": "tokens" };

export function startLimits() {
  const number = (id) => ($(id).value === "" ? null : Number($(id).value));
  $("limit-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const limit = { requests: number("limit-requests"), tokens: number("limit-tokens"), seconds: number("limit-seconds") };
    ask(() => control("PUT", "limits", limit));
  });
  $("limit-clear").addEventListener("click", () => ask(() => control("DELETE", "limits")));
}

async function ask(question) {
  say($("limit-note"), "");
  try {
    await question();
  } catch (error) {
    say($("limit-note"), error.message);
  }
}

export function showLimits({ limit, left }) {
  $("limits-on").hidden = !limit;
  $("limit-clear").disabled = !limit;
  if (!limit) say($("limit-state"), "No limit is set.");
  else {
    const parts = [limit.requests && `${limit.requests} requests`, limit.tokens && `${limit.tokens} tokens`].filter(Boolean);
    const unused = left.length ? "" : " Nobody has used it yet.";
    say($("limit-state"), `${parts.join(" and ")} within ${limit.seconds} s, for each key and model.${unused}`);
  }
  const rows = left.map(({ model, name, limit: most, left: rest }) =>
    el("li", {},
      el("span", { class: "model" }, model),
      el("meter", { min: 0, max: most, value: rest, low: most / 4, "aria-label": `${NAMES[name] ?? name} left for ${model}` }),
      el("span", {}, `${rest} of ${most} ${NAMES[name] ?? name}`)),
  );
  $("limit-list").replaceChildren(...rows);
}
