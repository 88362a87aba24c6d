"""A JSON value from a schema and a prompt: what the prompt offers where it fits, a plain value where it does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .choices import chosen_numbers, named_choices
from .context import best_first
from .effort import Unanswerable, spend
from .prompt_values import PromptValues

Schema = Mapping[str, Any]
DEEPEST = 8
"""Levels of values that are not required."""
NESTED = 64
"""Levels of values in all."""
STEPS = 3_000_000
"""About so many steps a search for a pattern may take."""
LONGEST = 120
WHOLE_TEXT = frozenset(
    {"query", "question", "text", "input", "prompt", "message", "content", "task", "request", "reason"}
)
FORMATS: Mapping[str, tuple[str, str]] = {
    "date": (r"\d{4}-\d\d-\d\d", "2026-01-01"),
    "date-time": (r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)", "2026-01-01T00:00:00Z"),
    "time": (r"\d\d:\d\d:\d\d", "12:00:00Z"),
    "email": (r"[\w.+-]+@[\w-]+\.[\w.-]*\w", "someone@example.com"),
    "uri": (r"https?://[^\s'\"<>)]+", "https://example.com/"),
    "uuid": (r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "00000000-0000-4000-8000-000000000000"),
}


@dataclass(frozen=True, slots=True)
class Made:
    """A value, and whether the prompt offered it."""

    value: Any
    found: bool


def value_for(schema: Schema, prompt: str) -> Any:
    """Make a value that is valid against the schema, from the prompt where it offers one.

    Covers objects, arrays, scalars, enums, constants, `$ref`, `allOf`, `anyOf`, `oneOf`, and the usual bounds;
    `pattern` is obeyed only as far as the prompt holds a match.
    """
    try:
        return _Maker(schema, PromptValues(_essence(prompt)), prompt).make(schema, "", 0).value
    except Unanswerable:
        raise
    except Exception as error:  # nobody has checked whether it is a schema
        msg = f"the schema cannot be followed: {type(error).__name__}: {error}"
        raise Unanswerable(msg) from error


def _essence(prompt: str) -> str:
    """Reduce a prompt to what its values come from: the chosen number, or the context, best sentence first."""
    numbers = chosen_numbers(prompt)
    if numbers:
        return "The choices are: " + " ".join(map(str, numbers))
    return best_first(prompt)


class _Maker:
    def __init__(self, root: Schema, values: PromptValues, prompt: str) -> None:
        self._root = root
        self._values = values
        self._prompt = prompt

    def make(self, schema: Schema, name: str, depth: int) -> Made:  # noqa: C901, PLR0911 - one case a type
        spend()
        if depth > NESTED:
            msg = f"the schema asks for values nested more than {NESTED} levels deep; a recursion has to end somewhere"
            raise Unanswerable(msg)
        schema = self._resolved(schema)
        if "const" in schema:
            return Made(schema["const"], found=False)
        if "enum" in schema:
            return self._one_of(schema["enum"], schema)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._any_of(schema, schema[key], name, depth)
        kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else "string")
        if isinstance(kind, list):
            return self._any_of(schema, [{**schema, "type": item} for item in kind], name, depth)
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer" | "number":
                return self._number(schema, name, whole=kind == "integer")
            case "boolean":
                return self._boolean(schema, name)
            case "null":
                return Made(None, found=False)
            case _:
                return self._string(schema, name)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(DEEPEST):
            spend()
            if "$ref" in schema:
                target: Any = self._root
                for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
                    target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else target
                schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
            elif "allOf" in schema:
                merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
                for part in map(self._resolved, schema["allOf"]):
                    earlier = merged.get("properties", {})
                    joined = {"properties": {**earlier, **part.get("properties", {}), **earlier}}
                    needed = {"required": [*part.get("required", ()), *merged.get("required", ())]}
                    merged = {**part, **merged, **joined, **needed} if "properties" in part else {**part, **merged}
                schema = merged
            else:
                break
        return schema

    def _one_of(self, values: list[Any], schema: Schema) -> Made:
        for value in values:
            if isinstance(value, str) and value and self._values.mentions(value):
                return Made(value, found=True)
        return Made(schema.get("default", values[0]), found=False)

    def _any_of(self, schema: Schema, options: list[Schema], name: str, depth: int) -> Made:
        resolved = [self._resolved(option) for option in options]
        nullable = any(option.get("type") == "null" for option in resolved)
        real = [option for option in resolved if option.get("type") != "null"]
        if nullable and (depth >= DEEPEST or not real):
            return Made(None, found=False)
        first: Made | None = None
        for option in real:
            made = self.make(option, name, depth + 1)
            if made.found:
                return made
            first = first or made
        if "default" in schema or nullable or first is None:
            return Made(schema.get("default"), found=False)
        return first

    def _object(self, schema: Schema, depth: int) -> Made:
        required = set(schema.get("required", ()))
        made = {
            key: self.make(item, key, depth + 1)
            for key, item in schema.get("properties", {}).items()
            if key in required or depth < DEEPEST
        }
        kept = {key: item.value for key, item in made.items() if key in required or item.found}
        return Made(kept, found=any(item.found for item in made.values()))

    def _array(self, schema: Schema, name: str, depth: int) -> Made:
        least, most = _count(schema, "minItems", 0), _count(schema, "maxItems", MOST_ITEMS)
        spend(least)
        prefix = schema.get("prefixItems", [])
        values = [self.make(item, name, depth + 1).value for item in prefix]
        if depth >= DEEPEST or most <= len(values) or (prefix and schema.get("items", False) is False):
            return Made(values, found=False)
        item = self._resolved(schema.get("items") or {"type": "string"})
        if objects := self._objects_of_choices(item):
            return Made(objects, found=True)
        found: list[Any] = []
        if item.get("type") == "string" and "enum" not in item and (listed := self._values.listed()):
            found = [self._fitted(text, item) for text in listed]
        else:
            while (
                len(found) < min(most, MOST_ITEMS)
                and (made := self.make(item, name, depth + 1)).found
                and made.value not in found
            ):
                found.append(made.value)
        values = (values + found)[:most]
        while len(values) < max(least, 1):
            values.append(self.make(item, name, depth + 1).value)
        return Made(values, found=bool(found))

    def _objects_of_choices(self, item: Schema) -> list[dict[str, str]]:
        """Make an object for each choice that fits the question, where objects have a name and texts of a question."""
        properties = {key: self._resolved(value) for key, value in item.get("properties", {}).items()}
        names = [key for key in properties if key.endswith("_name")]
        texts = [key for key in properties if key.endswith("question")]
        listed = named_choices(self._prompt) if names and {*names, *texts} == {*properties} else None
        if listed is None:
            return []
        question, choices = listed
        return [
            {**dict.fromkeys(texts, f"{question} ({description})"), **dict.fromkeys(names, name)}
            for name, description in choices.items()
        ]

    def _number(self, schema: Schema, name: str, *, whole: bool) -> Made:
        def fits(value: float) -> bool:
            return (not whole or value == int(value)) and _in_bounds(value, schema)

        value = self._values.number_after(name, fits) if name else None
        value = self._values.number(fits) if value is None else value
        if value is not None:
            return Made(int(value) if whole else value, found=True)
        if "default" in schema:
            return Made(schema["default"], found=False)
        return Made(_plain_number(schema, whole=whole), found=False)

    def _boolean(self, schema: Schema, name: str) -> Made:
        spelled = name.replace("_", " ")
        if re.search(
            rf"\b(?:no|not|without|isn't|never)\s+(?:\w+\s+)?{re.escape(spelled)}\b", self._values.text, re.IGNORECASE
        ):
            return Made(value=False, found=True)
        if spelled and self._values.mentions(spelled):
            return Made(
                re.search(rf"{re.escape(spelled)}\W+(?:is\s+)?false", self._values.text, re.IGNORECASE) is None,
                found=True,
            )
        return Made(schema.get("default", False), found=False)

    def _string(self, schema: Schema, name: str) -> Made:
        text = self._values.text
        pattern, plain = FORMATS.get(schema.get("format", ""), (schema.get("pattern", "").strip("^$"), ""))
        if pattern:
            match = _search(pattern, text)
            return Made(match[0] if match else schema.get("default", plain or name), found=match is not None)
        found = (self._values.after(name) if name else None) or self._values.quotation()
        if not found and name in WHOLE_TEXT:
            found = self._values.whole()
        found = found or self._values.name() or self._values.word()
        if found and len(found) >= _count(schema, "minLength", 0):
            return Made(self._fitted(found, schema), found=True)
        if "default" in schema:
            return Made(schema["default"], found=False)
        label = str(schema.get("description") or name or "value")
        return Made(self._fitted(f"{label}: {' '.join(text.split())}"[:LONGEST], schema), found=False)

    @staticmethod
    def _fitted(text: str, schema: Schema) -> str:
        least = _count(schema, "minLength", 0)
        spend(max(least, len(text)))
        return text[: _count(schema, "maxLength", len(text))].ljust(least, ".")


MOST_ITEMS = 1_000
"""Items of an array that a prompt may give."""


def _count(schema: Schema, name: str, default: int) -> int:
    value = schema.get(name, default)
    return int(value) if isinstance(value, int | float) and 0 <= value < 10**18 else default


def _search(pattern: str, text: str) -> re.Match[str] | None:
    """Look for a user's pattern where that takes a bounded time: Python's search cannot be stopped.

    A pattern with so many quantifiers or alternatives takes at most the text's length to their number and one more; if
    a group is repeated as a whole, it may take any time.
    """
    bare = re.sub(r"\\.|\[[^\]]*\]", "x", pattern)
    choices = len(re.findall(r"[*+?|]|\{\d*,", bare))
    if len(pattern) > LONGEST or re.search(r"\)[*+?{]", bare):
        return None
    try:
        return re.search(pattern, text[: int(STEPS ** (1 / (choices + 1)))])
    except (re.error, OverflowError, RecursionError):
        return None


def _in_bounds(value: float, schema: Schema) -> bool:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    return (
        (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
        and (not step or value % step == 0)
    )


def _plain_number(schema: Schema, *, whole: bool) -> float | int:
    step = schema.get("multipleOf") or 1
    low, high = (
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
    )
    near = [value for value in (low, high) if value is not None]
    candidates: list[float | int] = [1, 0, step]
    for value in near:
        candidates += [value, value + step, value - step, value // step * step, (value // step + 1) * step]
    if len(near) == 2:
        candidates.append(sum(near) / 2)
    fitting = [value for value in candidates if _in_bounds(value, schema) and (not whole or value == int(value))]
    chosen = fitting[0] if fitting else 0
    return int(chosen) if whole else chosen
