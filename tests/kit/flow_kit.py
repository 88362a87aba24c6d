"""Drives a flow by hand: a script of replies goes in, a trace of commands and an outcome come out.

    played = play(stream(call), SSE, chunk("Hi", finish="stop"), DONE, b"")
    assert played.trace == "send read =Hi read read release"

No socket, no thread, no waiting: the clock moves only where the script, a `Sleep` or a timeout says so.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inference_do._protocol.call import Call, Disconnected, Head, Read, Release, Send, Sleep, TimedOut
from inference_do._protocol.flow import call_flow, stream_flow
from inference_do._protocol.json import load_json
from inference_do._protocol.retry import Budget, Policy
from inference_do._wires.chat_completions import ChatCompletions
from inference_do.accumulate import Accumulator
from inference_do.config import Timeout
from inference_do.errors import InferenceError
from inference_do.types import ChatCompletionChunk

if TYPE_CHECKING:
    from collections.abc import Generator

    Reply = Head | bytes | Disconnected | TimedOut

NOW = 1_800_000_000.0
ID = {"x-request-id": "req-1"}
JSON = Head(200, {"content-type": "application/json", **ID})
SSE = Head(200, {"content-type": "text/event-stream", **ID})
GONE = Disconnected("the connection to the API broke: it was closed", sent=True)
UNREACHED = Disconnected("no connection to the API: refused", sent=False)
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class After:
    """A response that takes its time."""

    seconds: float
    response: Reply


@dataclass
class Clock:
    time: float = 1000.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Played:
    """What came of a script."""

    trace: str = ""
    commands: list[Any] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    error: Exception | None = None
    unused: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.results)

    @property
    def sends(self) -> int:
        return self.trace.split().count("send")

    @property
    def outcome(self) -> str:
        """The error as `Class: message`, or `ok`."""
        return f"{type(self.error).__name__}: {self.error}" if self.error else "ok"

    def timeouts(self, kind: type[Read] = Read) -> list[float | None]:
        return [command.timeout for command in self.commands if isinstance(command, kind)]


def new_call(*, retries: int = 2, chance: float = 1.0, budget: Budget | None = None, **options: Any) -> Call:
    """Make a call whose pauses are their longest: 0.5 s, then 1 s."""
    policy = {name: options.pop(name) for name in ("retry_ambiguous", "hint_cap") if name in options}
    return Call(
        timeout=Timeout(**options.pop("timeout", {})),
        policy=Policy(max_retries=retries, chance=lambda: chance, **policy),
        budget=budget or Budget(),
        clock=Clock(),
        now=lambda: NOW,
        **options,
    )


def read_ok(body: bytes) -> Any:
    value = load_json(body)
    if not isinstance(value, dict) or "ok" not in value:
        message = "it has no ok"
        raise ValueError(message)
    return value["ok"]


def ask(call: Call, *script: Any) -> Played:
    """Play a call that wants `{"ok": …}`."""
    return play(call_flow(call, read_ok), call, *script)


def stream(call: Call, *script: Any, accumulator: Accumulator | None = None) -> Played:
    """Play a stream."""
    return play(stream_flow(call, accumulator or Accumulator(), ChatCompletions()), call, *script)


def play(flow: Generator[Any, Any, None], call: Call, *script: Any) -> Played:
    """Answer each `Send` and `Read` with the next element of the script; exceptions are thrown in."""
    played = Played()
    responses = deque(script)
    trace: list[str] = []
    clock = call.clock
    assert isinstance(clock, Clock)
    try:
        command = next(flow)
        while True:
            played.commands.append(command)
            answer: Any = None
            match command:
                case Send() | Read():
                    trace.append("send" if isinstance(command, Send) else "read")
                    assert responses, f"the flow asks for more than the script has: {' '.join(trace)}"
                    answer = _reply(command, responses.popleft(), clock)
                case Sleep(seconds):
                    trace.append(f"sleep:{seconds:g}")
                    clock.time += seconds
                case Release():
                    trace.append("release")
                case result:
                    played.results.append(result)
                    trace.append(f"={result.text if isinstance(result, ChatCompletionChunk) else result}")
            command = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration:
        pass
    except InferenceError as error:
        played.error = error
    played.trace, played.unused = " ".join(trace), list(responses)
    return played


def _reply(command: Send | Read, response: Any, clock: Clock) -> Any:
    if isinstance(response, After):
        clock.time += response.seconds
        return response.response
    if isinstance(response, TimedOut):
        waited = command.timeout if isinstance(command, Read) else getattr(command, response.phase or "read")
        clock.time += waited or 0.0
    return response


# --- what servers say ---


def event(value: Any, name: str | None = None) -> bytes:
    data = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def chunk(text: str | None = None, *, finish: str | None = None, **delta: Any) -> bytes:
    """Spell a chunk as an event."""
    if text is not None:
        delta["content"] = text
    return event({"id": "", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def tool_chunk(arguments: str, *, finish: str | None = None, **fragment: Any) -> bytes:
    function = {"arguments": arguments, **({"name": fragment.pop("name")} if "name" in fragment else {})}
    return chunk(finish=finish, tool_calls=[{"index": 0, "function": function, **fragment}])


def status(code: int, body: Any = None, **headers: str) -> tuple[Head, bytes, bytes]:
    """Spell an error response: head, body, end of the body."""
    content = {"error": {"message": "no"}} if body is None else body
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Head(code, {"content-type": "application/json", **names}), data, b""
