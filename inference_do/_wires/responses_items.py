"""Output items of `/responses` to what they add to a canonical message, piece by piece or whole.

An item is begun, its pieces are taken as they come, and it is finished with the item as it stands at its end; what no
piece brought is taken from there. So whole answers, streams, and streams that lack pieces come to the same message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from inference_do._protocol.json import dump_json

from .responses_request import BLANKS, FORMAT, ITEM

__all__ = ["CALL", "MESSAGE", "REASONING", "OutputItem", "OutputItems"]

MESSAGE, CALL, REASONING = "message", "function_call", "reasoning"
BREAK = "\n\n"
"""Between two messages of one answer, and two parts of a summary, where the canonical form has one text."""
SENT_BACK = {MESSAGE: ("phase",), CALL: ("namespace",)}
"""What goes back with an item, and has no place in the canonical form."""

Delta = dict[str, Any]


@dataclass(slots=True, eq=False)
class OutputItem:
    """An output item as far as it has come."""

    kind: str
    id: str | None
    after: int
    """How many texts and calls stand before it."""
    position: int = 0
    """Of a call: its place among the calls."""
    start: int = 0
    """Of a message: how many characters of text stand before it."""
    has_content: bool = False
    is_named: bool = False
    is_done: bool = False
    held: list[str] = field(default_factory=list)
    """Of a call: blanks that end what has come of its arguments."""
    parts: dict[tuple[str, int], int] = field(default_factory=dict)
    """Of reasoning: the indices of its parts."""


class OutputItems:
    """The items of one answer.

    Args:
        model: The model's id in the request, which opaque parts are marked with.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._begun: dict[str, list[OutputItem]] = {}
        self._characters = self._opaque = self._floating = 0
        self._has_reasoning = False

    @property
    def calls(self) -> int:
        """How many tool calls there are."""
        return len(self._begun.get(CALL, ()))

    def nth(self, kind: str, number: int) -> OutputItem | None:
        """Return the item of a kind that was begun as the given one, counted from 0."""
        begun = self._begun.get(kind, ())
        return begun[number] if number < len(begun) else None

    def begin(self, kind: str, item: Mapping[str, Any]) -> tuple[OutputItem, Delta | None]:
        """Begin an item; return it, and what its beginning adds."""
        begun = self._begun.setdefault(kind, [])
        new = OutputItem(kind, _id_of(item), self._floating, len(begun))
        begun.append(new)
        if kind == CALL or (kind == MESSAGE and len(begun) == 1):  # the canonical form has one text
            self._floating += 1
        return new, self._named(new, item) if kind == CALL else None

    # --- pieces ---

    def text(self, item: OutputItem, text: str) -> Delta:
        """Take a piece of a message's text."""
        if not item.has_content:
            item.has_content = True
            if self._characters:
                text = BREAK + text
                item.start = self._characters + len(BREAK)
        self._characters += len(text)
        return {"content": text}

    def refusal(self, item: OutputItem, text: str) -> Delta:
        """Take a piece of a refusal."""
        item.has_content = True
        return {"refusal": text}

    def reasoning(self, item: OutputItem, kind: str, part: int, text: str) -> Delta:
        """Take a piece of reasoning: of its `summary`, or its `text`."""
        index = item.parts.get((kind, part))
        if index is not None:
            entry = {"type": f"reasoning.{kind}", kind: text, "index": index}
            return {"reasoning_content": text, "reasoning_details": [entry]}
        marks = self._marks(item)
        item.parts[kind, part] = marks["index"]
        entry = {"type": f"reasoning.{kind}", kind: text, **marks}
        visible = BREAK + text if self._has_reasoning else text
        self._has_reasoning = True
        return {"reasoning_content": visible, "reasoning_details": [entry]}

    def arguments(self, item: OutputItem, text: str) -> Delta | None:
        """Take a piece of a call's arguments; hosted models send blanks around them, which are none of the JSON."""
        if not item.has_content:
            text = text.lstrip(BLANKS)
        kept = text.rstrip(BLANKS)
        held, rest = item.held, text[len(kept) :]
        if not kept:
            if rest:
                held.append(rest)
            return None
        item.has_content = True
        item.held = [rest] if rest else []
        piece = "".join([*held, kept]) if held else kept
        return {"tool_calls": [{"index": item.position, "function": {"arguments": piece}}]}

    # --- ends ---

    def finish(self, item: OutputItem, whole: Mapping[str, Any]) -> Iterator[Delta]:
        """Return what an item adds at its end.

        Args:
            item: The item as far as it has come.
            whole: The same item as the API gives it at its end.

        Raises:
            ValueError: Its text or arguments are none.
        """
        item.is_done = True
        if item.id is None:
            item.id = _id_of(whole)
        match item.kind:
            case "message":
                yield from self._finish_message(item, whole)
            case "function_call":
                yield from self._finish_call(item, whole)
            case "reasoning":
                yield from self._finish_reasoning(item, whole)
            case _:
                yield {"server_tool_calls": [{**whole, **self._marks(item)}]}
        if fields := {name: whole[name] for name in SENT_BACK.get(item.kind, ()) if whole.get(name) is not None}:
            named = {"call_id": whole.get("call_id")} if item.kind == CALL else {}
            yield {
                "reasoning_details": [
                    {"type": ITEM, "item": {"type": item.kind, **named, **fields}, **self._marks(item)}
                ]
            }

    def _finish_message(self, item: OutputItem, whole: Mapping[str, Any]) -> Iterator[Delta]:
        is_missing, start = not item.has_content, 0
        annotations: list[Delta] = []
        for part in _mappings(whole.get("content")):
            if part.get("type") == "refusal":
                if is_missing and (refusal := _checked(part.get("refusal"), "refusal")):
                    yield self.refusal(item, refusal)
                continue
            text = _checked(part.get("text"), "text")
            if is_missing and text:
                yield self.text(item, text)
            annotations += [_citation(each, item.start + start) for each in _mappings(part.get("annotations"))]
            start += len(text)
        if annotations:
            yield {"annotations": annotations}

    def _finish_call(self, item: OutputItem, whole: Mapping[str, Any]) -> Iterator[Delta]:
        if not item.is_named and (delta := self._named(item, whole)):
            yield delta
        if item.has_content:
            return
        arguments = whole.get("arguments")
        if isinstance(arguments, Mapping):
            arguments = dump_json(arguments).decode()
        if delta := self.arguments(item, _checked(arguments, "arguments")):
            yield delta

    def _finish_reasoning(self, item: OutputItem, whole: Mapping[str, Any]) -> Iterator[Delta]:
        if not item.parts:
            for kind, name in (("summary", "summary"), ("text", "content")):
                for number, part in enumerate(_mappings(whole.get(name))):
                    if text := _checked(part.get("text"), "reasoning"):
                        yield self.reasoning(item, kind, number, text)
        if isinstance(data := whole.get("encrypted_content"), str) and data:
            yield {"reasoning_details": [{"type": "reasoning.encrypted", "data": data, **self._marks(item)}]}

    def _named(self, item: OutputItem, whole: Mapping[str, Any]) -> Delta | None:
        """Return what names a call; None if nothing does so far."""
        call_id, name = whole.get("call_id") or whole.get("id"), whole.get("name")
        if not isinstance(name, str) or not name:
            return None
        item.is_named = True
        function = {"name": name, "arguments": ""}
        return {"tool_calls": [{"index": item.position, "id": call_id, "type": "function", "function": function}]}

    def _marks(self, item: OutputItem) -> Delta:
        """Return what an opaque part needs to find its way back."""
        marks: Delta = {"format": FORMAT, "model": self._model, "index": self._opaque}
        self._opaque += 1
        if item.after:
            marks["after"] = item.after
        if item.kind == REASONING and item.id:
            marks["id"] = item.id
        return marks


def _id_of(item: Mapping[str, Any]) -> str | None:
    return found if isinstance(found := item.get("id"), str) and found else None


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _checked(text: Any, what: str) -> str:
    if text is None:
        return ""
    if not isinstance(text, str):
        message = f"{what} that is no text but {type(text).__name__}"
        raise ValueError(message)  # noqa: TRY004  what a codec raises
    return text


def _citation(annotation: Mapping[str, Any], offset: int) -> Delta:
    """Return a citation in chat completions' form, its place counted from the start of the whole text."""
    fields = dict(annotation)
    for name in ("start_index", "end_index"):
        if isinstance(place := fields.get(name), int):
            fields[name] = place + offset
    if fields.get("type") != "url_citation" or "url_citation" in fields:
        return fields
    del fields["type"]
    return {"type": "url_citation", "url_citation": fields}
