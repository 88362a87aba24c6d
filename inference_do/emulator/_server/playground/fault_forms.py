"""The faults as forms: which there are and what each takes, as JSON for a page; and a fault from a filled form.

The form of a fault is read from its dataclass; here stand only what a form begins with and how far numbers may go.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import MISSING, Field, fields
from typing import Any

from inference_do.emulator import faults as f
from inference_do.emulator._faults.delivery import Delivery, apply
from inference_do.emulator._faults.steps import steps
from inference_do.emulator._http import Refusal, json_response

SAMPLES: tuple[f.Fault, ...] = (
    f.Status(503),
    f.RateLimited(2.0),
    f.DelayHead(2.0),
    f.DelayEvents(0.2),
    f.Drop(after_events=2),
    f.Reset(after_events=2),
    f.Stall(after_events=2),
    f.Truncate(2),
    f.ErrorEvent(after_events=2),
    f.Corrupt(1, b"data: {broken\n\n"),
    f.NoTerminator(),
    f.Heartbeats(after_events=0, every=1.0),
    f.CloseAfter(0.0),
    f.DelayBytes(0.01, every=8),
    f.SplitBytes(7),
    f.Redirect(307, "/v1/chat/completions"),
    f.RawBody(b"<html>Bad gateway</html>", content_type="text/html", status=200),
    f.RawStream([b"data: {}\n\n", b"data: [DONE]\n\n"]),
    f.Raw(b"this is no HTTP\r\n\r\n"),
    f.GzipBomb(10_000_000),
)
"""One of each, as its form begins; those that users meet most come first."""

CLASSES: dict[str, type] = {type(sample).__name__: type(sample) for sample in SAMPLES}

KINDS = {
    "int": "whole",
    "int | None": "whole",
    "float": "number",
    "float | None": "number",
    "bool": "switch",
    "str": "text",
    "str | None": "text",
    "bytes": "lines",
    "Sequence[bytes]": "json",
    "Headers": "json",
    "Content": "content",
    "Mapping[str, Any] | str | None": "content",
}
"""How a field is filled in, by its annotation. `lines` is text of several lines, `content` is JSON or else text."""

LONGEST = 20_000
"""Characters of a text."""
BOUNDS: dict[tuple[str, str], tuple[float, float]] = {
    ("Status", "status"): (200, 599),
    ("RawBody", "status"): (200, 599),
    ("RawStream", "status"): (200, 599),
    ("Redirect", "status"): (300, 399),
    ("Heartbeats", "every"): (0.01, 3600),
    ("DelayBytes", "every"): (1, 1_000_000),
    ("SplitBytes", "size"): (1, 1_000_000),
    ("GzipBomb", "size"): (1, 256 * 1024 * 1024),
}
"""From and to; all other whole numbers are up to a thousand million, all others up to an hour."""


def catalogue() -> list[dict[str, Any]]:
    """Return the faults with their fields."""
    return [
        {
            "name": name,
            "summary": (type(sample).__doc__ or "").strip().split("\n")[0],
            "fields": [_form(name, field, getattr(sample, field.name)) for field in fields(sample)],
        }
        for name, sample in zip(CLASSES, SAMPLES, strict=True)
    ]


def fault_of(name: object, values: object) -> f.Fault:
    """Make a fault of a filled form.

    Raises:
        Refusal: 400: there is no such fault, or it does not take these values.
    """
    if not isinstance(name, str) or name not in CLASSES:
        raise Refusal(400, f"there is no fault {name!r}; there are {', '.join(CLASSES)}")
    cls = CLASSES[name]
    known = {field.name: field for field in fields(cls)}
    if not isinstance(values, dict) or not values.keys() <= known.keys():
        raise Refusal(400, f"fields must be an object with {', '.join(known) or 'nothing'}, not {values!r:.200}")
    given = {key: _value(name, known[key], value) for key, value in values.items()}
    try:
        fault: f.Fault = cls(**given)
    except TypeError as error:
        raise Refusal(400, f"{name}: {error}") from None
    _try(fault)
    return fault


def code_of(fault: f.Fault) -> str:
    """Return a fault as a test would write it."""
    given = []
    for field in fields(fault):
        value, default = getattr(fault, field.name), _default(field)
        if default is MISSING or value != default:
            given.append(f"{field.name}={value!r}")
    text = f"{type(fault).__name__}({', '.join(given)})"
    return text if len(text) <= 300 else f"{text[:300]}…"


def _form(name: str, field: Field[Any], value: Any) -> dict[str, Any]:
    kind = KINDS[str(field.type)]
    low, high = _bounds(name, field)
    match value:
        case bytes():
            value = value.decode()
        case list() | dict():
            value = json.dumps([item.decode() for item in value] if isinstance(value, list) else value)
    bounds = {"from": low, "to": high} if kind in {"whole", "number"} else {}
    is_optional = "None" in str(field.type) or str(field.type) == "Content"
    return {"name": field.name, "kind": kind, "value": value, "is_optional": is_optional, **bounds}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _bounds(name: str, field: Field[Any]) -> tuple[float, float]:
    usual = (0, 1_000_000_000) if str(field.type).startswith("int") else (0, 3600)
    return BOUNDS.get((name, field.name), usual)


def _value(name: str, field: Field[Any], value: Any) -> Any:  # noqa: PLR0911 - one case a kind
    annotation = str(field.type)
    kind = KINDS[annotation]
    low, high = _bounds(name, field)
    match kind, value:
        case _, None if "None" in annotation or annotation == "Content":
            return None
        case "whole", int() if not isinstance(value, bool) and low <= value <= high:
            return value
        case "number", int() | float() if not isinstance(value, bool) and math.isfinite(value) and low <= value <= high:
            return float(value)
        case "switch", bool():
            return value
        case (("text" | "lines" | "content"), str()) if len(value) <= LONGEST:
            return value.encode(errors="replace") if kind == "lines" else value
        case "content", dict():
            return value
        case "json", list() if annotation.endswith("[bytes]") and all(isinstance(item, str) for item in value):
            return [item.encode(errors="replace") for item in value]
        case "json", dict() if annotation == "Headers" and all(isinstance(item, str) for item in value.values()):
            return value
    bounds = f" from {low} to {high}" if kind in {"whole", "number"} else ""
    wanted = {"switch": "true or false", "json": "a list or an object of texts", "whole": "a whole number"}
    raise Refusal(400, f"{name}: {field.name} takes {wanted.get(kind, f'a {kind}')}{bounds}, not {value!r:.200}")


def _try(fault: f.Fault) -> None:
    """Refuse a fault that cannot be sent, before a request meets it.

    Raises:
        Refusal: 400.
    """
    for text in _heads(fault):
        if not text.isprintable() or not text.isascii():
            raise Refusal(400, f"{type(fault).__name__}: a header takes plain ASCII, not {text!r:.200}")
    try:
        whole = json_response({"object": "chat.completion"})
        response, delivery = apply(whole, Delivery(), (fault,))
        for _ in itertools.islice(steps(response, delivery, close=False), 10):
            pass
    except (TypeError, ValueError, UnicodeError, RecursionError) as error:
        raise Refusal(400, f"{type(fault).__name__} cannot be sent: {error}") from None


def _heads(fault: f.Fault) -> list[str]:
    """Return the texts that go into a response's head."""
    match fault:
        case f.Redirect(location=location):
            return [location]
        case f.Status() | f.RawBody() | f.RawStream():
            named = dict(fault.headers)
            return [*named, *named.values(), *([fault.content_type] if fault.content_type else [])]
        case _:
            return []
