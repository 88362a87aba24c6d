"""`predict_and_call`: calls of no tool are answered, answers without calls keep their text, mistakes are named."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.tools import FunctionTool

from inference_do import ConfigError
from inference_do.emulator import Emulator
from llamaindex_do import DigitalOcean


def delete_rows(table: str = "all") -> str:
    """Delete rows."""
    return f"deleted {table}"


TOOL = FunctionTool.from_defaults(delete_rows)


async def ask(llm: DigitalOcean, tools: Any, how: str, **options: Any) -> Any:
    answer: Any = getattr(llm, how)(tools, "Delete", **options)
    return await answer if inspect.isawaitable(answer) else answer


ways = pytest.mark.parametrize("how", ["predict_and_call", "apredict_and_call"])


@ways
@pytest.mark.parametrize("parallel", [True, False])
async def test_a_call_of_no_tool_is_answered(llm: DigitalOcean, emu: Emulator, how: str, *, parallel: bool) -> None:
    for _ in range(2):
        emu.reply(tool_calls=[("drop_all", {"sure": True}), ("delete_rows", {"table": "a"})])
    answer = await ask(llm, [TOOL], how, allow_parallel_tool_calls=parallel)
    texts = ["There is no tool 'drop_all'. The tools are: delete_rows.", "deleted a"][: 1 + parallel]
    assert answer.response == "\n\n".join(texts)
    assert [source.is_error for source in answer.sources] == [True, False][: 1 + parallel]
    with pytest.raises(ValueError, match="no tool 'drop_all'"):
        await ask(llm, [TOOL], how, error_on_tool_error=True)
    assert [tool["function"]["name"] for tool in emu.requests[-1].json["tools"]] == ["delete_rows"]


@ways
@pytest.mark.parametrize("parallel", [True, False])
async def test_an_answer_without_calls_keeps_its_text(
    llm: DigitalOcean, emu: Emulator, how: str, *, parallel: bool
) -> None:
    emu.reply("Which rows?")
    answer = await ask(llm, [TOOL], how, allow_parallel_tool_calls=parallel, error_on_no_tool_call=False)
    assert (answer.response, answer.sources) == ("Which rows?", [])


@ways
@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([delete_rows], r"tools\[0\] must be a tool .* make a FunctionTool"),
        ([TOOL, {"type": "web_search"}], r"tools\[1\] must be a tool"),
        (None, "must be a list of tools, not None"),
        ("delete_rows", "must be a list of tools, not 'delete_rows'"),
        (TOOL, "must be a list of tools"),
    ],
)
async def test_what_is_no_tool_is_named(
    make: Callable[..., DigitalOcean], emu: Emulator, how: str, tools: Any, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        await ask(make(), tools, how)
    assert emu.posts == 0
