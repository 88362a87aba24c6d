// One streamed request to chat completions, as any client of the API would send it.

/** What ended a request before its answer was whole; `status` is there if the API refused it. */
export class AnswerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Send a request and hand each chunk to `take`.
 *
 * Throws an AnswerError for a refusal, an error inside the stream, or a stream that ends early; and what fetch throws
 * when `signal` aborts it.
 */
export async function streamAnswer(key, body, signal, take) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const request = { method: "POST", headers, body: JSON.stringify(body), signal };
  const response = await fetch("/v1/chat/completions", request).catch((error) => {
    throw signal.aborted ? error : new AnswerError("the connection broke before there was a response");
  });
  if (!response.ok) throw new AnswerError(await refusal(response), response.status);
  let finished = false;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") finished = true;
      else finished = read(data, take) || finished;
    }
  } catch (error) {
    throw signal.aborted || error instanceof AnswerError ? error : new AnswerError("the connection broke inside the stream");
  }
  if (!finished) throw new AnswerError("the stream ended without a finish reason: the answer is cut");
}

function read(data, take) {
  let chunk;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw new AnswerError(`the stream holds an event that is no JSON: ${data.slice(0, 80)}`);
  }
  if (chunk.error) throw new AnswerError(`an error inside the stream: ${chunk.error.message ?? JSON.stringify(chunk.error)}`);
  take(chunk);
  return (chunk.choices ?? []).some((choice) => choice.finish_reason);
}

async function refusal(response) {
  const text = await response.text().catch(() => "");
  let message = text.slice(0, 500);
  try {
    const value = JSON.parse(text);
    message = value.error?.message ?? value.message ?? message;
  } catch {
    // it is a page or plain text, shown as it is
  }
  const reset = Number(response.headers.get("x-ratelimit-reset-requests"));
  const wait = response.status === 429 && reset ? ` There is room again at ${new Date(reset * 1000).toLocaleTimeString()}.` : "";
  return `${response.status}: ${message}${wait}`;
}

/** Yield the data of each server-sent event. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
