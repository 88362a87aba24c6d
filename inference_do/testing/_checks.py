"""What a test's emulator knows when the test is over: what was asked, and what was not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference_do.emulator._server.scripts import shown

if TYPE_CHECKING:
    from inference_do.emulator import Emulator, Request

    from ._recordings import Player, Recorder

MOST_REQUESTS = 30
LONGEST = 300


@dataclass(slots=True, kw_only=True)
class TestRun:
    """One test's emulator, and what plays or records for it."""

    __test__ = False

    emulator: Emulator
    recording: Player | Recorder | None = None

    def problems(self) -> list[str]:
        """Return what fails a test that has passed by itself."""
        emulator, recording = self.emulator, self.recording
        found = list(emulator.unexpected)
        if recording is not None:
            found += recording.problems
            found += [f"recorded, but not asked for: {request}" for request in recording.unused]
        found += [f"not used: {shown(item)}" for item in emulator.replies]
        found += [f"not used: the fault {element!r}" for element in emulator.faults if element is not None]
        return found

    def asked(self) -> str:
        """Return what was asked, a line for each request."""
        requests = self.emulator.requests
        lines = [f"{number}. {_line(request)}" for number, request in enumerate(requests, 1)]
        if len(lines) > MOST_REQUESTS:
            left_out = len(lines) - MOST_REQUESTS
            lines[MOST_REQUESTS // 2 : -MOST_REQUESTS // 2] = [f"... {left_out} more ..."]
        return "\n".join(lines) or "nothing"


def _line(request: Request) -> str:
    try:
        body = request.json if request.body else None
    except ValueError:
        body = None
    model = f" {body['model']}" if isinstance(body, dict) and "model" in body else ""
    return f"{request.method} {request.path}{model}{_last(request, body)}"


def _last(request: Request, body: Any) -> str:
    """Return the last message of a chat request, or an embedding's input."""
    try:
        message = request.messages[-1]
    except (ValueError, LookupError, TypeError, AttributeError):
        value = body.get("input") if isinstance(body, dict) else None
        return "" if value is None else f" {_short(value)}"
    content = message.get("content") if message.get("content") is not None else message.get("tool_calls")
    return f" {message.get('role')}: {_short(content)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
