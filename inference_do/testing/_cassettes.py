"""A recording: requests and their responses in a file that a person can read and edit.

    {"version": 1, "exchanges": [
      {"request": {"method", "path", "body"},        # the body as chat completions would have it
       "response": {"status", "headers", "json" | "events" | "text"}}]}

`events` are those of a stream, each on a line of its own: `{"event": name, "data": JSON or text}`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from inference_do.emulator import Request

VERSION = 1
FOLDER = "recordings"
LONGEST_NAME = 100
BLOCKS = re.compile(rb"\r\n\r\n|\n\n|\r\r")
LINES = re.compile(r"\r\n|\n|\r")
"""The line ends of server-sent events; `str.splitlines` knows others, which stand in texts."""
HALVES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON can spell and UTF-8 cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedExchange:
    """A request and its response, both as JSON values without secrets."""

    request: dict[str, Any]
    response: dict[str, Any]


@dataclass(slots=True)
class Cassette:
    """The exchanges of one test."""

    path: Path
    exchanges: list[RecordedExchange] = field(default_factory=list)

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Read a recording.

        Raises:
            pytest.fail.Exception: There is none, or it is none.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            exchanges = [RecordedExchange(request=it["request"], response=it["response"]) for it in value["exchanges"]]
        except FileNotFoundError:
            problem = (
                f"there is no recording {_relative(path)}: run the test with --digitalocean-record, and with the real "
                "API's key in the environment"
            )
        except (ValueError, KeyError, TypeError) as error:
            problem = f"{_relative(path)} is no recording of this plugin: {error!r}"
        else:
            return cls(path, exchanges)
        pytest.fail(problem, pytrace=False)

    def write(self) -> None:
        """Write the file, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            unfinished.write_text(text_of_exchanges(self.exchanges), encoding="utf-8")
            unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)


def path_of(item: pytest.Item) -> Path:
    """Return where the recording of a test is: `recordings/` beside its file, then the file's name, then the test's."""
    name = re.sub(r"\]$", "", "-".join(_names(item)).replace("[", "-"))
    plain = re.sub(r"[^\w.-]+", "_", name)[:LONGEST_NAME]
    if plain != name:  # two names must not become one
        import hashlib  # noqa: PLC0415  rarely needed

        plain = f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return item.path.parent / FOLDER / item.path.stem / f"{plain}.json"


def _names(item: pytest.Item) -> Iterable[str]:
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return (*classes, item.name)


def canonical(request: Request) -> dict[str, Any]:
    """Return what a request is matched by: where it goes, and its body as chat completions would have it."""
    body: Any = None
    if request.body:
        try:
            body = request.json
            body = {**request.chat, "messages": request.messages}
        except (ValueError, LookupError, TypeError, AttributeError):  # an embedding, or nothing that anybody knows
            body = request.body.decode("utf-8", "replace") if body is None else body
    query = {"query": request.query} if request.query else {}
    return {"method": request.method, "path": request.path, **query, "body": body}


def difference(request: dict[str, Any], exchanges: Iterable[RecordedExchange]) -> str:
    """Return how a request differs from the most similar one of some, line by line."""
    asked = _lines(request)
    recorded = [_lines(exchange.request) for exchange in exchanges]
    if not recorded:
        return "every recorded answer has been given; this request is one more:\n" + "\n".join(asked)
    nearest = max(recorded, key=lambda lines: difflib.SequenceMatcher(None, lines, asked, autojunk=False).ratio())
    return "\n".join(difflib.unified_diff(nearest, asked, "recorded", "asked", lineterm="", n=2))


def _lines(value: Any) -> list[str]:
    return readable(value, indent=2, sort_keys=True).split("\n")


def readable(value: Any, **style: Any) -> str:
    """Return a value as JSON whose letters are as they are, those apart that no file can hold."""
    text = json.dumps(value, ensure_ascii=False, **style)
    return HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def events_of(body: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream: their names where they have one, their data as JSON where it is."""
    found = []
    for block in BLOCKS.split(body):
        names: list[str] = []
        data: list[str] = []
        for line in LINES.split(block.decode("utf-8", "replace")):
            name, _, value = line.partition(":")
            {"event": names, "data": data}.get(name, []).append(value.removeprefix(" "))
        if data:
            text = "\n".join(data)
            found.append({**({"event": names[-1]} if names else {}), "data": as_json(text)})
    return found


def as_json(text: str) -> Any:
    """Return what a text is as a JSON object or array, else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict | list) else text


def text_of_exchanges(exchanges: Iterable[RecordedExchange]) -> str:
    """Return the text of a file; of streams each event is a line."""
    parts, lines = [], dict[str, str]()
    for number, exchange in enumerate(exchanges):
        response = dict(exchange.response)
        for place, event in enumerate(events := list(response.get("events", ()))):
            mark = f"@event {number} {place}@"
            lines[json.dumps(mark)] = readable(event)
            events[place] = mark
        if events:
            response["events"] = events
        parts.append({"request": exchange.request, "response": response})
    text = readable({"version": VERSION, "exchanges": parts}, indent=2)
    return re.sub(r'"@event \d+ \d+@"', lambda found: lines.get(found[0], found[0]), text) + "\n"


def _relative(path: Path) -> str:
    return os.path.relpath(path)
