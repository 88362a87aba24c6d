"""Schemas say what the user's class says: values that fit the class fit the schema as it was sent, others do not."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.prompts import PromptTemplate

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from schema_cases import CASES, fits, in_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

NATIVE, BY_CALL = "gemma-4-31B-it", "llama3.3-70b-instruct"
PROMPT = PromptTemplate("Which?")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NARROWED = {"constrained", "date", "decimal"}
"""What strict mode cannot say of them is judged afterwards; pydantic's own schema of a Decimal takes any text."""


def answer(emu: Emulator, model: str, value: Any, name: str) -> None:
    text = json.dumps(value)
    emu.reply(text) if model == NATIVE else emu.reply(tool_calls=[(name, text)])


def schema_of(emu: Emulator, llm: DigitalOcean, cls: Any) -> tuple[dict[str, Any], str, bool]:
    """Return the schema that is sent for a class, with its name and whether it is strict."""
    emu.reply("I would rather talk.")
    with pytest.raises(ValueError, match="there is no JSON"):
        llm.structured_predict(cls, PROMPT)
    body = emu.requests[-1].json
    form = body["tools"][0]["function"] if "tools" in body else body["response_format"]["json_schema"]
    assert NAME.fullmatch(form["name"])
    schema = form.get("parameters") or form["schema"]
    assert schema["type"] == "object"
    return schema, form["name"], bool(form.get("strict"))


@pytest.mark.parametrize("model", [NATIVE, BY_CALL])
@pytest.mark.parametrize("name", CASES)
async def test_the_schema_says_what_the_class_says(make: Make, emu: Emulator, name: str, model: str) -> None:
    llm = make(model)
    cls, valid, invalid = CASES[name]
    schema, sent_name, is_strict = schema_of(emu, llm, cls)
    for value in valid:
        placed = in_place(schema, value, cls)
        assert fits(schema, placed), value
        answer(emu, model, placed, sent_name)
        assert isinstance(llm.structured_predict(cls, PROMPT), cls)
        answer(emu, model, placed, sent_name)
        found = [item async for item in await llm.astream_structured_predict(cls, PROMPT)]
        assert isinstance(found[-1], cls)
    for value in invalid:
        placed = in_place(schema, value, cls)
        assert not fits(schema, placed) or (name in NARROWED and (is_strict or name == "decimal")), value
        answer(emu, model, placed, sent_name)
        with pytest.raises(ValueError, match=r"."):
            await llm.astructured_predict(cls, PROMPT)
        answer(emu, model, placed, sent_name)
        with pytest.raises(ValueError, match=r"."):
            list(llm.stream_structured_predict(cls, PROMPT))
    await llm.aclose()
