// The control API of the emulator, which this page alone may ask.

const TOKEN = document.querySelector('meta[name="playground-token"]').content;

export class ControlError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Ask the control API; returns the JSON value, or throws a ControlError with what is wrong. */
export async function control(method, path, body) {
  const headers = { "x-playground-token": TOKEN };
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(`/_playground/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const value = await response.json();
  if (!response.ok) throw new ControlError(value.error?.message ?? value.message ?? response.statusText, response.status);
  return value;
}

/** Hand each change of the emulator's state to `take`, for as long as the page is there. */
export async function follow(take, seconds, report) {
  let version = 0;
  for (;;) {
    try {
      if (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
      const state = await control("GET", `state?after=${version}&wait=${version ? seconds() : 0}`);
      version = state.version;
      report("connected");
      take(state);
    } catch (error) {
      report(error.status === 403 ? "restarted: load the page again" : "not connected; trying again …");
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
}
