"""A canonical request as the body of `/responses`.

Where the instructions go: system and developer messages that open a conversation become `instructions`, which both
families of models are known to take; later ones stay where they stand, as input items of their role. A caller's own
`instructions` are kept, and all messages are items then.

What an assistant's turn had beside its text and calls comes back from `reasoning_details` and `server_tool_calls`.
Their `index` is the order that they had among themselves, `after` says how many texts and calls stood before one.
Parts of another wire or model are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from inference_do._protocol.json import dump_json
from inference_do.errors import ConfigError

__all__ = ["BLANKS", "FORMAT", "ITEM", "PATH", "responses_body"]

PATH = "/responses"
FORMAT = "responses"
"""The `format` of opaque parts of this wire."""
ITEM = "responses.item"
"""The type of an opaque part that has an item's fields for which the canonical form has no place."""
BLANKS = " \t\n\r"
"""What JSON lets stand around a value."""
OWN_FIELDS = frozenset({"format", "model", "index", "after"})
"""What an opaque part has of ours."""

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "seed": (),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "functions": (),
    "function_call": (),
    "chat_template_kwargs": ({},),
}
"""Fields of a chat request that this wire has no name for, with the values that ask for nothing."""

log = logging.getLogger("inference_do")


def responses_body(
    request: Mapping[str, Any], defaults: AbstractSet[str] = frozenset(), *, encrypted: bool = True
) -> dict[str, Any]:
    """Return a canonical request as this wire's body; a field that is neither is sent as it is.

    Args:
        request: The canonical request.
        defaults: Names of fields that no caller asked for: what cannot be sent of them is left out.
        encrypted: Whether to ask for reasoning in a form that can be sent back, where nothing is stored.

    Raises:
        ConfigError: The caller asked for something that this wire cannot say.
    """
    body = dict(request)
    _leave_out(body, defaults)
    if isinstance(more := body.get("extra_body"), Mapping):
        body["extra_body"] = dict(more)
        _leave_out(body["extra_body"])
    stored = body.setdefault("store", False)
    messages = body.pop("messages")
    start = 0
    if "instructions" not in body:
        body["instructions"], start = _split_instructions(messages)
    turns = _Turns(str(body.get("model")), stored=bool(stored))
    rest = enumerate(messages[start:], start)
    body["input"] = [item for position, message in rest for item in turns.items(message, f"messages[{position}]")]
    _rename(body)
    _set_reasoning(body, defaults)
    _set_text(body)
    _set_tools(body)
    _set_include(body, encrypted=encrypted and not stored)
    return {name: value for name, value in body.items() if value is not None}


def _leave_out(fields: dict[str, Any], defaults: AbstractSet[str] = frozenset()) -> None:
    """Take out what this wire has no name for.

    Raises:
        ConfigError: The caller asked for something by it.
    """
    for name, neutral in NEUTRAL.items():
        if name in fields and (value := fields.pop(name)) is not None and value not in neutral and name not in defaults:
            raise _refusal(name)


def _refusal(what: str) -> ConfigError:
    message = f"{what} cannot be sent to {PATH}: leave it out, or set api='chat_completions' if the model answers there"
    return ConfigError(message)


# --- fields ---


def _rename(body: dict[str, Any]) -> None:
    if (limit := body.pop("max_completion_tokens", None)) is not None:
        body.setdefault("max_output_tokens", limit)
    if isinstance(options := body.pop("stream_options", None), Mapping):
        # Usage always comes; OpenAI's own form of this wire knows no such option.
        body["stream_options"] = {name: value for name, value in options.items() if name != "include_usage"} or None


def _set_reasoning(body: dict[str, Any], defaults: AbstractSet[str]) -> None:
    """Put both ways to ask for reasoning together; who asks for it gets a summary, unless they choose otherwise."""
    given, effort = body.pop("reasoning", None), body.pop("reasoning_effort", None)
    reasoning = dict(given) if isinstance(given, Mapping) else {}
    if reasoning.pop("max_tokens", None) is not None and "reasoning" not in defaults:
        message = f"reasoning['max_tokens'] cannot be sent to {PATH}: set reasoning_effort in its place"
        raise ConfigError(message)
    if effort is not None and reasoning.get("effort") is None:
        reasoning["effort"] = effort
    if reasoning.get("effort") not in {None, "none"}:
        reasoning.setdefault("summary", "auto")
    body["reasoning"] = {name: value for name, value in reasoning.items() if value is not None} or None


def _set_text(body: dict[str, Any]) -> None:
    """Move the answer's form, and how wordy it is, into `text`."""
    given = body.pop("text", None)
    text = dict(given) if isinstance(given, Mapping) else {}
    if (verbosity := body.pop("verbosity", None)) is not None:
        text.setdefault("verbosity", verbosity)
    wanted = body.pop("response_format", None)
    if isinstance(wanted, Mapping):
        schema = wanted.get("json_schema")
        text["format"] = {"type": wanted.get("type"), **schema} if isinstance(schema, Mapping) else dict(wanted)
        if text["format"].get("type") == "json_schema":
            text["format"].setdefault("schema", {})
    body["text"] = text or None


def _set_tools(body: dict[str, Any]) -> None:
    if (tools := body.get("tools")) is not None:
        body["tools"] = [_flat_tool(tool) for tool in tools] or None
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping):
        body["tool_choice"] = _flat_choice(choice)


def _flat_tool(tool: Any) -> Any:
    """Return a tool with its function's fields beside its type.

    Strict is off unless it is set, as on chat completions: left out, this wire would turn it on.
    """
    if not isinstance(tool, Mapping):
        return tool
    function = tool.get("function")
    if tool.get("type") == "function" and isinstance(function, Mapping):
        flat = {"type": "function", **{name: value for name, value in function.items() if value is not None}}
        flat.setdefault("parameters", {"type": "object", "properties": {}})
        flat.setdefault("strict", False)
        return flat
    if isinstance(nested := tool.get("tools"), Sequence) and not isinstance(nested, str):  # a namespace
        return {**tool, "tools": [_flat_tool(inner) for inner in nested]}
    return dict(tool)


def _flat_choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    function, allowed = choice.get("function"), choice.get("allowed_tools")
    if isinstance(function, Mapping):
        return {"type": "function", "name": function.get("name")}
    if isinstance(allowed, Mapping):
        tools = [_flat_choice(tool) for tool in allowed.get("tools") or ()]
        return {"type": "allowed_tools", "mode": allowed.get("mode", "auto"), "tools": tools}
    return dict(choice)


def _set_include(body: dict[str, Any], *, encrypted: bool) -> None:
    include = list(body.pop("include", None) or ())
    if encrypted and ENCRYPTED not in include:
        include.append(ENCRYPTED)
    if body.pop("logprobs", None) and LOGPROBS not in include:
        include.append(LOGPROBS)
    body["include"] = include or None


# --- messages ---


def _split_instructions(messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, int]:
    """Return the text of the messages that open a conversation as its instructions, and how many they are."""
    texts: list[str] = []
    for message in messages:
        text = _plain_text(message.get("content")) if message.get("role") in {"system", "developer"} else None
        if text is None:
            break
        texts.append(text)
    if len(texts) == len(messages):
        return None, 0  # an input cannot be empty
    return "\n\n".join(filter(None, texts)) or None, len(texts)


def _plain_text(content: Any) -> str | None:
    """Return content that is nothing but text, as one text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Iterable) or isinstance(content, Mapping):
        return None
    texts: list[str] = []
    for part in content:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, Mapping) else None
        is_text = isinstance(part, str) or (isinstance(part, Mapping) and part.get("type") in {"text", "input_text"})
        if not is_text or not isinstance(text, str):
            return None
        texts.append(text)
    return "\n".join(texts)


class _Turns:
    """Turns messages into input items."""

    def __init__(self, model: str, *, stored: bool) -> None:
        self._model = model
        self._stored = stored

    def items(self, message: Mapping[str, Any], where: str) -> Iterable[dict[str, Any]]:
        """Return the items that a message comes to."""
        match message.get("role"):
            case "user" | "system" | "developer" as role:
                return ({"type": "message", "role": role, "content": _input_parts(message.get("content"), where)},)
            case "assistant":
                return self._assistant(message, where)
            case "tool":
                return (_output(message, where),)
            case role:
                text = f"{where} has the role {role!r}: roles are system, developer, user, assistant and tool"
                raise ConfigError(text)

    def _assistant(self, message: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
        opaque, fields = self._opaque(message, where)
        floating = [*_answer(message, where), *map(_call, message.get("tool_calls") or ())]
        for item in floating:
            item.update(fields.get(item.get("call_id"), {}))
        items: list[dict[str, Any]] = []
        placed = 0
        for part in opaque:
            items += floating[placed : max(part.after, placed)]
            placed = max(part.after, placed)
            items.append(part.item)
        items += floating[placed:]
        while items and items[-1]["type"] == "reasoning":  # it is refused without the item that it led to
            items.pop()
            log.debug("%s: reasoning that led to nothing is left out", where)
        return items

    def _opaque(self, message: Mapping[str, Any], where: str) -> tuple[list[_OpaqueItem], dict[Any, dict[str, Any]]]:
        """Return what of a turn goes back as it came, in its order, and fields for its text (None) and calls."""
        entries = [entry for entry in message.get("reasoning_details") or () if self._is_own(entry, where)]
        calls = [item for item in message.get("server_tool_calls") or () if self._is_own(item, where)]
        fields: dict[Any, dict[str, Any]] = {}
        thoughts: list[Mapping[str, Any]] = []
        for entry in entries:
            item = entry.get("item")
            if entry.get("type") != ITEM:
                thoughts.append(entry)
            elif isinstance(item, Mapping):
                fields[item.get("call_id")] = {k: v for k, v in item.items() if k not in {"type", "call_id"}}
        opaque = [*_thoughts(thoughts, stored=self._stored), *map(_server_item, calls)]
        return sorted(opaque, key=lambda part: part.index), fields

    def _is_own(self, part: Any, where: str) -> bool:
        """Return whether an opaque part is of this wire and model."""
        if not isinstance(part, Mapping):
            return False
        is_own = part.get("format") == FORMAT and part.get("model", self._model) == self._model
        if not is_own:
            log.debug("%s: a %s of another wire or model is left out", where, part.get("type"))
        return is_own


@dataclass(slots=True)
class _OpaqueItem:
    """An item that goes back as it came."""

    index: int
    after: int
    item: dict[str, Any] = field(default_factory=dict)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _server_item(call: Mapping[str, Any]) -> _OpaqueItem:
    item = {name: value for name, value in call.items() if name not in OWN_FIELDS}
    return _OpaqueItem(_number(call.get("index")), _number(call.get("after")), item)


def _thoughts(entries: Iterable[Mapping[str, Any]], *, stored: bool) -> list[_OpaqueItem]:
    """Put entries of reasoning together into the items that they came as."""
    found: list[_OpaqueItem] = []
    last: Any = None
    for entry in sorted(entries, key=lambda entry: _number(entry.get("index"))):
        if not found or entry.get("id") != last or (last is None and "encrypted_content" in found[-1].item):
            last = entry.get("id")
            found.append(_OpaqueItem(_number(entry.get("index")), _number(entry.get("after"))))
            found[-1].item.update({"type": "reasoning", "summary": []} | ({"id": last} if last else {}))
        item = found[-1].item
        match entry:
            case {"type": "reasoning.summary", "summary": str(text)}:
                item["summary"].append({"type": "summary_text", "text": text})
            case {"type": "reasoning.text", "text": str(text)}:
                item.setdefault("content", []).append({"type": "reasoning_text", "text": text})
            case {"type": "reasoning.encrypted", "data": str(data)}:
                item["encrypted_content"] = data
    for part in found:
        if not stored and "encrypted_content" not in part.item:
            part.item.pop("id", None)  # nothing is found under it
    return [part for part in found if part.item.keys() - {"type", "summary"} or part.item["summary"]]


def _answer(message: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """Return an assistant's text as the item that it was, if there is any."""
    parts: list[dict[str, Any]] = []
    for part in _parts(message.get("content"), where):
        match part:
            case str(text) | {"type": "text" | "output_text", "text": str(text)}:
                parts.append({"type": "output_text", "text": text})
            case {"type": "refusal", "refusal": str(text)}:
                parts.append({"type": "refusal", "refusal": text})
            case _:
                raise _refusal(_kind(part, where))
    if isinstance(refusal := message.get("refusal"), str):
        parts.append({"type": "refusal", "refusal": refusal})
    if parts := [part for part in parts if part.get("text") or part.get("refusal")]:
        yield {"type": "message", "role": "assistant", "content": parts}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call as an item; it has no id of its own, which would bind it to an item that is not stored."""
    function = call.get("function") or {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = dump_json(arguments or {}).decode()
    arguments = arguments.strip(BLANKS) or "{}"
    return {"type": "function_call", "call_id": call.get("id"), "name": function.get("name"), "arguments": arguments}


def _output(message: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a tool's result as an item: text where it is nothing else, a list where it has images or files."""
    if not isinstance(call_id := message.get("tool_call_id"), str):
        complaint = f"{where} is a tool's result and needs the tool_call_id of the call that it answers"
        raise ConfigError(complaint)
    content = message.get("content") or ""
    text = _plain_text(content)
    output = _input_parts(content, where) if text is None else text
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def _parts(content: Any, where: str) -> Iterable[Any]:
    if content is None or isinstance(content, str):
        return (content or "",)
    if isinstance(content, Iterable) and not isinstance(content, Mapping | bytes):
        return content
    message = f"{where} has content that is neither text nor a list of parts: {type(content).__name__}"
    raise ConfigError(message)


def _input_parts(content: Any, where: str) -> list[dict[str, Any]]:
    return [_input_part(part, where) for part in _parts(content, where)]


def _input_part(part: Any, where: str) -> dict[str, Any]:
    match part:
        case str(text) | {"type": "text", "text": str(text)}:
            return {"type": "input_text", "text": text}
        case {"type": "image_url", "image_url": str(url)}:
            return {"type": "input_image", "image_url": url, "detail": "auto"}
        case {"type": "image_url", "image_url": {"url": str(url), **more}}:
            return {"type": "input_image", "image_url": url, "detail": more.get("detail") or "auto"}
        case {"type": "file", "file": Mapping() as file}:
            return _file(file)
        case {"type": "input_text" | "input_image" | "input_file" | "input_audio"}:
            return dict(part)
    raise _refusal(_kind(part, where))


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file by its id, its URL or its bytes; bytes need a name, which tells the API what they are."""
    fields = {name: value for name, value in file.items() if value is not None}
    data = fields.get("file_data")
    if isinstance(data, str) and data.startswith(("http://", "https://")):
        fields["file_url"] = fields.pop("file_data")
    elif isinstance(data, str):
        kind = data[:100].removeprefix("data:").partition(";")[0].rpartition("/")[2] if data[:5] == "data:" else ""
        fields.setdefault("filename", f"document.{kind if kind.isalnum() else 'pdf'}")
    return {"type": "input_file", **fields}


def _kind(part: Any, where: str) -> str:
    kind = repr(part.get("type")) if isinstance(part, Mapping) else type(part).__name__
    return f"a part of type {kind} in {where}"
