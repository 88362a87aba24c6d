"""Prompts that the general rules answer, as LlamaIndex writes them: a context and a question, choices, a schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_kit import tool, user

if TYPE_CHECKING:
    from emulator_kit import Asker

pytest.importorskip("llama_index.core")

FACTS = "Ada wrote the first program in 1843.\nThe engine was designed by Babbage.\nThe loom was made by Jacquard."
CHOICES = "(1) Summaries of Uber financial reports\n\n(2) Facts on gardening and tomatoes\n\n(3) Weather data\n"


def test_questions_over_a_context(ask: Asker) -> None:
    from llama_index.core.prompts import default_prompts as p

    for template in (p.DEFAULT_TEXT_QA_PROMPT, p.DEFAULT_TREE_SUMMARIZE_PROMPT):
        prompt = template.format(context_str=FACTS, query_str="Who designed the engine?")
        assert ask.says(prompt) == "The engine was designed by Babbage."
    refine = p.DEFAULT_REFINE_PROMPT
    query = "Who designed the engine?"
    better = refine.format(query_str=query, existing_answer="The loom was made by Jacquard.", context_msg=FACTS)
    assert ask.says(better) == "The engine was designed by Babbage."
    same = refine.format(
        query_str=query, existing_answer="The engine was designed by Babbage.", context_msg="Cats sleep."
    )
    assert ask.says(same) == "The engine was designed by Babbage."


def test_chat_prompts_over_a_context(ask: Asker) -> None:
    from llama_index.core.prompts.chat_prompts import CHAT_REFINE_PROMPT, CHAT_TEXT_QA_PROMPT

    def messages(template: Any, **values: str) -> list[dict[str, Any]]:
        return [{"role": m.role.value, "content": m.content} for m in template.format_messages(**values)]

    asked = messages(CHAT_TEXT_QA_PROMPT, context_str=FACTS, query_str="When did Ada write a program?")
    assert ask.says(asked) == "Ada wrote the first program in 1843."
    refined = messages(CHAT_REFINE_PROMPT, context_msg=FACTS, query_str="Who made the loom?", existing_answer="Nobody.")
    assert "Jacquard" in ask.says(refined)


def test_chat_engines(ask: Asker) -> None:
    from llama_index.core.chat_engine import condense_plus_context, context

    for template in (context.DEFAULT_CONTEXT_TEMPLATE, condense_plus_context.DEFAULT_CONTEXT_PROMPT_TEMPLATE):
        system = {"role": "system", "content": template.format(context_str=FACTS)}
        assert ask.says([system, user("Who made the loom?")]) == "The loom was made by Jacquard."
        assert ask.says([system, user("Tell me about tomatoes")]).startswith("I don't know")


def test_follow_up_questions(ask: Asker) -> None:
    from llama_index.core.chat_engine import condense_plus_context, condense_question

    prompt = condense_question.DEFAULT_PROMPT.format(
        chat_history="user: Tell me of Ada\nassistant: Yes", question="When was she born?"
    )
    assert ask.says(prompt) == "When was she born? (after: Tell me of Ada)"
    prompt = condense_plus_context.DEFAULT_CONDENSE_PROMPT_TEMPLATE.format(
        chat_history="user: Of Ada", question="When?"
    )
    assert ask.says(prompt).startswith("When?")
    assert "Ada" in ask.says(prompt)
    assert ask.says("Human: Hello\nFollow-up question: Who wrote the first program?\nStandalone question:") == (
        "Who wrote the first program?"
    )
    assert ask.says("Is this a follow up question:") == "You said: Is this a follow up question:"


def test_structured_selectors(ask: Asker) -> None:
    from llama_index.core.selectors import prompts as p

    values = {"num_choices": 3, "max_outputs": 2, "context_list": CHOICES, "query_str": "How do tomatoes grow?"}
    single = tool("SingleSelection", "A single selection.", index={"type": "integer"}, reason={"type": "string"})
    schema = single["function"]["parameters"]
    several = tool("MultiSelection", "A multi-selection.", selections={"type": "array", "items": schema})
    for template in (p.DEFAULT_SINGLE_PYD_SELECT_PROMPT_TMPL, p.DEFAULT_MULTI_PYD_SELECT_PROMPT_TMPL):
        prompt = template.format(**values)
        ((_, one),) = ask.calls(prompt, [single], tool_choice="required", parallel_tool_calls=False)
        assert one["index"] == 2
        ((_, many),) = ask.calls(prompt, [several], tool_choice="required", parallel_tool_calls=False)
        assert [selection["index"] for selection in many["selections"]] == [2]


def test_a_division_among_tools_is_structured(ask: Asker) -> None:
    tools = json.dumps({"sea": "Facts on the ferry.", "land": "Facts on the bakery."}, indent=4)
    prompt = f"Divide it.\n{tools}\n\nQuestion: Which bakery?\n"
    item = {"type": "object", "properties": {"sub_question": {"type": "string"}, "tool_name": {"type": "string"}}}
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": item}}, "required": ["items"]}
    expected = {"items": [{"sub_question": "Which bakery? (Facts on the bakery.)", "tool_name": "land"}]}
    form = {"type": "json_schema", "json_schema": {"name": "Division", "schema": schema}}
    assert json.loads(ask.says(prompt, response_format=form)) == expected
    function = {"type": "function", "function": {"name": "Division", "parameters": schema}}
    forced = ask.calls(prompt, [function], tool_choice="required", parallel_tool_calls=False)
    assert forced == [("Division", expected)]


def test_a_schema_in_the_prompt(ask: Asker) -> None:
    from llama_index.core.output_parsers import PydanticOutputParser
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        people: int

    parser = PydanticOutputParser(City)
    for prompt in (parser.format("name: Paris, people: 2000000"), "name: Paris, people: 2000000\n" + _plainly(parser)):
        assert parser.parse(ask.says(prompt)) == City(name="Paris", people=2_000_000)
    assert ask.says("Is there a JSON schema to follow: {no}?").startswith("You said")


def _plainly(parser: Any) -> str:
    return parser.get_format_string(escape_json=False)
