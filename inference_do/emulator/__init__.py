"""An offline DigitalOcean inference server with scripted faults, to test clients, chains and agents with.

    from inference_do.emulator import Emulator, Quirks, Reset, Status

    with Emulator() as emu:
        model = ChatDigitalOcean(model="gemma-4-31B-it", base_url=emu.base_url, api_key=emu.api_key)
        emu.script(Status(503), Reset(after_events=2))  # the next request fails, the one after it breaks off
        emu.reply(tool_calls=[("get_weather", {"city": "Paris"})])  # what the model answers next
        ...
        assert emu.posts == 3

It listens on a loopback port only, and answers no page of a browser unless `Emulator(cors=[…])` names its origin. It
takes `/v1/chat/completions`, `/v1/responses`, `/v1/messages`, `/v1/embeddings`, `/v1/models` and `/v1/models/{id}`,
an agent's requests at `agent_url`, those to knowledge bases at `/v1/{id}/retrieve`, batches at `/v1/batches` (which
go on by `Emulator(clock=…)`), and the control plane's catalogue. It checks requests as strictly as the strictest
provider behind the real API, and has no model: answers are made from the request alone, by plain rules. They are the
same for the same request, and depend on every message of it. The rules know no framework;
`Emulator(prompt_forms=[…])` takes rules for prompts that ask for an answer in a form of their own.

* `Emulator`: options, counters (`posts`, `connections`, `requests`, `disconnects`), scripts (`script()`, `reply()`).
* `faults.py`: what can be made to go wrong, one element a request, combinable in lists.
* `quirks.py`: habits of this API and of others, as switches for all requests.
* `reply()` and `Emulator(replies=[…])`: what the model answers next, as text, tool calls, a message or raw chunks; the
  JSON of an object where structured output is asked for, in whatever way (`replies.py`).
* `Emulator(playground=True)`: a page at `page_url` with a chat, the requests as they came, faults and limits.
* `python -m inference_do.emulator --port 8000`: the same by hand, with the page.

All three wires have the same answers, scripts and faults, each in its own shape. A model answers where the model data
says that it does (`register_model("my-model", endpoints=[…])` changes that), an id of `Emulator(models=[…])` on all.

* Responses: OpenAI's models have ids that are checked, summaries, `encrypted_content` and padded deltas; hosted ones
  have `reasoning_text`, and ids in a stream that are not those of its final object. `store` is kept until `reset()`.
* Messages: Claude's thinking is signed, other models' is not. A thought that was changed, is another model's, or stands
  before other calls than those that it led to, is refused on both wires, as are calls whose thought is missing.
* `web_search` among the tools is run, with one page found, when the last message asks for a search, or must.

It has three rooms: `_server/` (HTTP, routes, checks, and the bodies and events of the wires), `_model/` (what an answer
says) and `_faults/` (how a response is changed and delivered). The server imports the other two, which import neither
the server nor each other. Models refuse, fail, think, cache and route as the model data describes each.
"""

from __future__ import annotations

from inference_do.limits import RateLimit

from ._server.batches.clock import Clock
from ._server.emulator import Emulator
from ._server.records import Disconnect, Request
from .faults import (
    CloseAfter,
    Corrupt,
    DelayBytes,
    DelayEvents,
    DelayHead,
    Drop,
    ErrorEvent,
    Fault,
    GzipBomb,
    Heartbeats,
    NoTerminator,
    RateLimited,
    Raw,
    RawBody,
    RawStream,
    Redirect,
    Reset,
    SplitBytes,
    Stall,
    Status,
    Truncate,
)
from .quirks import Quirks
from .replies import Scripted, reply

__all__ = [
    "Clock",
    "CloseAfter",
    "Corrupt",
    "DelayBytes",
    "DelayEvents",
    "DelayHead",
    "Disconnect",
    "Drop",
    "Emulator",
    "ErrorEvent",
    "Fault",
    "GzipBomb",
    "Heartbeats",
    "NoTerminator",
    "Quirks",
    "RateLimit",
    "RateLimited",
    "Raw",
    "RawBody",
    "RawStream",
    "Redirect",
    "Request",
    "Reset",
    "Scripted",
    "SplitBytes",
    "Stall",
    "Status",
    "Truncate",
    "reply",
]
