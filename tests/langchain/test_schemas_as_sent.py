"""Schemas say what the user's type says: values that fit the type fit the schema as it was sent, others do not."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from schema_cases import BARE, CASES, DICTS, fits, in_place

from inference_do import ConfigError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean

NOT_SAID = frozenset({"decimal"})
"""Pydantic's own schema of a Decimal takes any text."""
NOT_STRICT = frozenset(
    {
        "bare mapping",
        "dataclass and TypedDict",
        "mapping",
        "nested optional",
        "root of a mapping",
        "strict and closed",
        "tuple",
    }
)
"""They have an object whose keys are free, or a tuple."""
ALL = {**CASES, **{f"bare {name}": case for name, case in BARE.items()}, **{f"dict: {n}": c for n, c in DICTS.items()}}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def ask(emu: Emulator, model: ChatDigitalOcean, kind: Any, method: str, value: Any, **options: Any) -> Any:
    structured = model.with_structured_output(kind, method=method, **options)
    name = structured.steps[-1].asked.name
    text = json.dumps(value)
    emu.reply(tool_calls=[(re.sub(r"[^\w-]", "_", name), text)]) if method == "function_calling" else emu.reply(text)
    return structured.invoke("?")


def sent(emu: Emulator) -> dict[str, Any]:
    body = emu.requests[-1].json
    form = body["tools"][0]["function"] if "tools" in body else body["response_format"]["json_schema"]
    assert NAME.fullmatch(form["name"])
    schema: dict[str, Any] = form.get("parameters") or form["schema"]
    assert schema["type"] == "object"
    return schema


def schema_of(emu: Emulator, model: ChatDigitalOcean, kind: Any, method: str, **options: Any) -> dict[str, Any]:
    with pytest.raises(Exception, match=r"."):  # no answer that fits is known yet
        ask(emu, model, kind, method, {"no": "answer"}, **options)
        ask(emu, model, kind, method, [None], **options)
    return sent(emu)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_the_schema_says_what_the_type_says(emu: Emulator, model: ChatDigitalOcean, method: str, name: str) -> None:
    kind, valid, invalid = ALL[name]
    schema = schema_of(emu, model, kind, method)
    for value in valid:
        answer = in_place(schema, value, kind)
        assert fits(schema, answer), value
        ask(emu, model, kind, method, answer)
    for value in invalid:
        answer = in_place(schema, value, kind)
        assert not fits(schema, answer) or name in NOT_SAID, value
        with pytest.raises(ValueError, match=r"."):
            ask(emu, model, kind, method, answer)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_a_strict_schema_says_it_too_or_is_refused(
    emu: Emulator, model: ChatDigitalOcean, method: str, name: str
) -> None:
    kind, valid, invalid = ALL[name]
    try:
        model.with_structured_output(kind, method=method, strict=True)
    except ConfigError as error:
        assert "cannot be strict" in str(error)  # noqa: PT017  either is right
        assert name in NOT_STRICT
        return
    assert name not in NOT_STRICT
    schema = schema_of(emu, model, kind, method, strict=True)
    assert not {"maxLength", "default", "prefixItems", "title"} & set(re.findall(r'"(\w+)": ', json.dumps(schema)))
    for value in valid:
        answer = in_place(schema, value, kind)
        assert fits(schema, answer), value
        ask(emu, model, kind, method, answer, strict=True)
    for value in invalid:  # what it cannot say is judged afterwards
        with pytest.raises(ValueError, match=r"."):
            ask(emu, model, kind, method, in_place(schema, value, kind), strict=True)


@pytest.mark.parametrize("name", ALL)
def test_without_a_schema_answers_are_judged_all_the_same(emu: Emulator, model: ChatDigitalOcean, name: str) -> None:
    kind, valid, invalid = ALL[name]
    for value in valid:
        ask(emu, model, kind, "json_mode", value)
    for value in invalid:
        with pytest.raises(ValueError, match=r"."):
            ask(emu, model, kind, "json_mode", value)
