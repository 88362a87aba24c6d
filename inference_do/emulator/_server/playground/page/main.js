// Puts the page together: tabs, and what each view does with the emulator's state.

import { startChat } from "./chat.js";
import { control, follow } from "./control.js";
import { $, say } from "./dom.js";
import { showFaults, startFaults } from "./faults.js";
import { showLimits, startLimits } from "./limits.js";
import { showRequests, startRequests } from "./requests.js";
import { startUse } from "./use.js";

const VIEWS = ["chat", "requests", "faults", "limits", "use"];
const WIDE = matchMedia("(min-width: 60rem)");
let view = "chat";

/** Show a view. The chat is one of them on narrow screens only, and stands beside the others on wide ones. */
function show(name) {
  view = name;
  const shown = WIDE.matches && name === "chat" ? "requests" : name;
  document.body.dataset.view = shown;
  for (const id of VIEWS) {
    const isShown = id === shown;
    $(id).hidden = id === "chat" ? !WIDE.matches && !isShown : !isShown;
    $(`tab-${id}`).setAttribute("aria-selected", isShown);
    $(`tab-${id}`).tabIndex = isShown ? 0 : -1;
  }
}

function startTabs() {
  const tabs = () => VIEWS.filter((id) => id !== "chat" || !WIDE.matches);
  for (const id of VIEWS) $(`tab-${id}`).addEventListener("click", () => show(id));
  $("tabs").addEventListener("keydown", (event) => {
    const places = tabs();
    const here = places.indexOf(document.body.dataset.view);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: places.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = places[(to + places.length) % places.length];
    show(next);
    $(`tab-${next}`).focus();
  });
  WIDE.addEventListener("change", () => show(view));
  show(view);
}

startTabs();
const setup = await control("GET", "setup").catch((error) => {
  say($("connection"), error.message);
  throw error;
});
startRequests();
startFaults(setup.faults);
startLimits();
startUse(setup);
startChat(setup);
follow(
  (state) => {
    showRequests(state);
    showFaults(state.faults);
    showLimits(state.limits);
  },
  () => (document.body.dataset.view === "limits" ? 1 : 20),
  (text) => say($("connection"), text),
);
