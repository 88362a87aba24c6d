"""Questions divided among tools: by structured output, with nothing of OpenAI's installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from llama_index.core import Settings
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import CustomQueryEngine, SubQuestionQueryEngine
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import QueryEngineTool, ToolMetadata

from inference_do import ConfigError
from llamaindex_do import DigitalOcean, StructuredQuestionGenerator

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference_do.emulator import Emulator

    Make = Callable[..., DigitalOcean]

TOOLS = [
    ToolMetadata(name="sea", description="Facts on the lighthouse and the ferry."),
    ToolMetadata(name="land", description="Facts on the bakery and the doctor."),
]
BOTH = QueryBundle("When does the ferry leave, and when does the bakery open?")
ONE = QueryBundle("When does the bakery open?")


@pytest.mark.parametrize("model", ["gemma-4-31B-it", "llama3.3-70b-instruct"], ids=["native", "function"])
async def test_tools_that_fit_are_asked(make: Make, emu: Emulator, model: str) -> None:
    llm = make(model)
    generator = StructuredQuestionGenerator(llm)
    assert [item.tool_name for item in generator.generate(TOOLS, BOTH)] == ["sea", "land"]
    (only,) = await generator.agenerate(TOOLS, ONE)
    assert only.tool_name == "land"
    assert "bakery" in only.sub_question
    assert emu.posts == 2
    await llm.aclose()


def test_no_other_tool_can_be_named(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply('{"items": [{"sub_question": "When?", "tool_name": "sky"}]}')
    with pytest.raises(ValueError, match="'sea' or 'land'"):
        StructuredQuestionGenerator(llm).generate(TOOLS, ONE)
    enum = emu.requests[0].json["response_format"]["json_schema"]["schema"]["$defs"]["SubQuestionForTool"]
    assert enum["properties"]["tool_name"]["enum"] == ["sea", "land"]


def test_no_questions_at_all_are_an_error(llm: DigitalOcean, emu: Emulator) -> None:
    emu.reply('{"items": []}')
    with pytest.raises(ValueError, match="at least 1 item"):
        StructuredQuestionGenerator(llm).generate(TOOLS, ONE)
    with pytest.raises(ConfigError, match="at least one"):
        StructuredQuestionGenerator(llm).generate([], ONE)


def test_the_prompt_can_be_changed_and_the_llm_be_the_settings(
    llm: DigitalOcean, emu: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "_llm", llm)
    generator = StructuredQuestionGenerator()
    generator.update_prompts({"question_gen_prompt": PromptTemplate("Tools:\n{tools_str}\n\nQuestion: {query_str}\n")})
    assert "question_gen_prompt" in generator.get_prompts()
    generator.generate(TOOLS, ONE)
    assert emu.requests[0].json["messages"][0]["content"].startswith("Tools:\n{")


@pytest.mark.parametrize("use_async", [False, True])
def test_the_engine(llm: DigitalOcean, emu: Emulator, use_async: bool) -> None:
    class Told(CustomQueryEngine):
        fact: str

        def custom_query(self, query_str: str) -> str:
            return self.fact

    assert find_spec("llama_index.question_gen") is None  # the engine's own default cannot be used here
    facts = ["The ferry leaves at seven.", "The bakery opens on Tuesdays."]
    tools = [
        QueryEngineTool.from_defaults(Told(fact=fact), name=tool.name, description=tool.description)
        for fact, tool in zip(facts, TOOLS, strict=True)
    ]
    engine = SubQuestionQueryEngine.from_defaults(
        tools, llm=llm, question_gen=StructuredQuestionGenerator(llm), use_async=use_async, verbose=False
    )
    response = engine.query("When does the ferry leave, and when does the bakery open?")
    assert "seven" in response.source_nodes[0].text
    assert "Tuesdays" in response.source_nodes[1].text
    assert emu.posts == 2
