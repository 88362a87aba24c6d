"""What conversations hold that other providers, other versions and users put there, in the API's form.

Both adapters use these: tool calls however they were kept, ids that repeat, arguments of any type, blocks that have no
form here, and the reasoning of earlier answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python

from .call_results import INVALID

__all__ = [
    "KeptCall",
    "OpenCalls",
    "call_arguments",
    "describe",
    "is_sendable",
    "read_call",
    "send_reasoning",
    "write_json",
]

Wire = dict[str, Any]

# --- JSON ---

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # json.dumps would make one for each call


def write_json(value: Any) -> str:
    """Return a value as JSON, whatever is in it.

    Dates, UUIDs, enumerations, sets, models and bytes are written as pydantic writes them, NaN and Infinity as null,
    anything else as its text.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):
        return _encode(_plain(value))


def _plain(value: Any) -> Any:
    for mode in ("utf8", "base64"):
        try:
            return to_jsonable_python(value, bytes_mode=mode, inf_nan_mode="null", fallback=_unknown)
        except UnicodeDecodeError:
            continue
        except ValueError:  # it contains itself
            break
    return str(value)


def _unknown(value: Any) -> Any:
    """Return what stands for an object of an unknown class; messages of protobuf hold such mappings and lists."""
    if isinstance(value, Mapping):
        return dict(value.items())
    return list(value) if isinstance(value, Sequence) else str(value)


def call_arguments(arguments: Any) -> str:
    """Return a call's arguments as the JSON of an object, which providers insist on.

    Text that is no JSON of an object is kept inside one. A raw newline in a string is read as what it is.
    """
    if isinstance(arguments, str | bytes):
        text = arguments if isinstance(arguments, str) else arguments.decode("utf-8", "replace")
        if not text.strip():
            return "{}"
        if isinstance(_read(text, parse_constant=_refuse), dict):
            return text
        value = _read(text, strict=False)  # with a raw newline in a string, or NaN, which only Python reads
        if isinstance(value, dict):
            return write_json(value)
        return "{}" if text.strip() == "null" else write_json({INVALID: text})
    written = write_json({} if arguments is None else arguments)
    if not written.startswith("{"):
        return "{}" if written in ("null", "[]", '""') else write_json({INVALID: written})
    return written


def _read(text: str, **options: Any) -> Any:
    try:
        return json.loads(text, **options)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> Any:
    raise ValueError(name)


# --- tool calls ---

CALL_IDS = ("call_id", "tool_call_id", "toolUseId", "tool_use_id", "id")
"""Where a call's id stands; an item of OpenAI's Responses API has an `id` of its own besides."""
ARGUMENTS = ("arguments", "args", "input", "tool_kwargs", "parameters", "kwargs", "params", "tool_args", "tool_input")
ENVELOPES = ("function", "toolUse", "tool_use", "function_call", "functionCall")


class KeptCall(NamedTuple):
    """A tool call of an earlier answer."""

    id: str | None
    name: str
    arguments: Any


def read_call(kept: Any) -> KeptCall | None:
    """Return a tool call in the form that any provider's package keeps it in; None if it names no tool.

    Args:
        kept: A dict, a pydantic model or another object with the fields of OpenAI's calls, Gemini's (`name`, `args`),
            Anthropic's (`name`, `input`) or Bedrock's (`toolUseId`, `name`, `input`).
    """
    call = _fields(kept)
    inner = next((_fields(call[name]) for name in ENVELOPES if call.get(name)), call)
    name = inner.get("name") or inner.get("tool_name")
    if not isinstance(name, str) or not name:
        return None
    ids = (fields.get(key) for fields in (call, inner) for key in CALL_IDS)
    arguments = next((inner[key] for key in ARGUMENTS if inner.get(key) is not None), None)
    return KeptCall(next((id_ for id_ in ids if isinstance(id_, str) and id_), None), name, arguments)


def _fields(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    names = ("type", "name", "tool_name", *CALL_IDS, *ARGUMENTS, *ENVELOPES)
    return {name: getattr(value, name, None) for name in names}


class OpenCalls:
    """The tool calls of the latest answer that wait for their results.

    Calls may share an id: a result then belongs to the first of them that has none. `match_results` parts the ids.
    """

    def __init__(self) -> None:
        self._open: list[_Open] = []

    def ask(self, calls: Iterable[Wire], made: Iterable[str] = ()) -> None:
        """Take an answer's calls, in the API's form.

        Args:
            calls: The calls.
            made: Ids that no result can know, because the calls were kept without one.
        """
        unknown = frozenset(made)
        self._open = [
            _Open(call["id"], None if call["id"] in unknown else call["id"], call["function"]["name"]) for call in calls
        ]

    def answer(self, id_: str | None, name: str | None = None) -> str | None:
        """Return the id of the call that a result most likely answers, and close it; None if there is none.

        A result that knows its call's id is that call's. Else it is for a call that was kept without an id: one of the
        tool that the result names (Ollama's and Gemini's packages take the name for the id), or the first of them.
        """
        known = [call for call in self._open if id_ and call.own == id_]
        calls = [call for call in self._open if call.own is None] if id_ else self._open
        named = [call for call in calls if call.name in (id_, name)]
        return self._close(next(iter(known or named or calls), None))

    def end(self) -> list[str]:
        """Return the ids of the calls that have no result, and forget them."""
        left, self._open = [call.sent for call in self._open], []
        return left

    def _close(self, call: _Open | None) -> str | None:
        if call is None:
            return None
        self._open.remove(call)
        return call.sent


class _Open(NamedTuple):
    sent: str
    own: str | None
    name: str


# --- blocks and reasoning ---

IMAGE_TYPES = ("image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp")
AUDIO_FORMATS = ("wav", "mp3")
LONG = 256
"""Characters of base64 from which on its size is written instead."""
BASE64 = re.compile(r"[A-Za-z0-9+/_=\-\n\r]+")


def describe(block: Any) -> str:
    """Return what the model can read of a block that has no form in the API: its text, or its fields as JSON."""
    match block:
        case str():
            return block
        case {"text": str() as text} if text:
            return text
        case {"type": "json", "json": value}:
            return write_json(value)
        case _:
            return write_json(_shortened(block))


def _shortened(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _shortened(item) for key, item in value.items()}
        case list() | tuple():
            return [_shortened(item) for item in value]
        case bytes():
            return f"{len(value)} bytes"
        case str() if len(value) > LONG:
            head, _, data = value.rpartition(";base64,")
            is_data = (not head or head.startswith("data:")) and BASE64.fullmatch(data)
            return " ".join((head[5:] or "base64", f"of {len(data) * 3 // 4} bytes")) if is_data else value
        case _:
            return value


def is_sendable(part: Wire) -> bool:
    """Return whether the API takes a content part: of files, it takes some types only."""
    match part:
        case {"type": "text", "text": str()}:
            return True
        case {"type": "image_url", "image_url": {"url": str() as url}}:
            return not url.startswith("data:") or url[5:].partition(";")[0].lower() in IMAGE_TYPES
        case {"type": "input_audio", "input_audio": {"data": str(), "format": str() as name}}:
            return name in AUDIO_FORMATS
        case {"type": "file", "file": {"file_data": str() as url}}:
            return url.startswith("data:application/pdf;")
        case {"type": "file", "file": {"file_id": str()}} | {"type": "video_url", "video_url": {"url": str()}}:
            return True
        case _:
            return False


def send_reasoning(messages: Iterable[Wire], wanted: bool | str) -> None:
    """Send the reasoning of earlier answers under the name that is wanted, or not at all.

    Args:
        messages: The conversation in the API's form, with reasoning as `reasoning_content`.
        wanted: Whether it goes along, or the name to send it under.
    """
    if wanted is True:
        return
    for sent in messages:
        if "reasoning_content" in sent:
            text = sent.pop("reasoning_content")
            if wanted:
                sent[str(wanted)] = text
