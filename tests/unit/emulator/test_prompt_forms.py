"""Prompt forms: LlamaIndex's own templates, filled in, asked over HTTP of an emulator that was given their forms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_kit import Asker, tool

from inference_do.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


pytest.importorskip("llama_index.core")

from prompt_forms import PROMPT_FORMS

FACTS = "Ada wrote the first program in 1843.\nThe engine was designed by Babbage.\nThe loom was made by Jacquard."
CHOICES = "(1) Summaries of Uber financial reports\n\n(2) Facts on gardening and tomatoes\n\n(3) Weather data\n"


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(prompt_forms=PROMPT_FORMS) as emulator:
        yield emulator


def test_selectors(ask: Asker) -> None:
    from llama_index.core.output_parsers import SelectionOutputParser
    from llama_index.core.selectors import prompts as p

    parser = SelectionOutputParser()
    values = {"num_choices": 3, "max_outputs": 2, "context_list": CHOICES, "query_str": "How do tomatoes grow?"}
    for template in (p.DEFAULT_SINGLE_SELECT_PROMPT_TMPL, p.DEFAULT_MULTI_SELECT_PROMPT_TMPL):
        parsed = parser.parse(ask.says(parser.format(template.format(**values)))).parsed_output
        assert [answer.choice for answer in parsed] == [2]


def test_tree_selection_and_keywords(ask: Asker) -> None:
    from llama_index.core.prompts import default_prompts as p

    tree = p.DEFAULT_QUERY_PROMPT.format(num_chunks=3, context_list=CHOICES, query_str="What is the weather data?")
    assert ask.says(tree).startswith("ANSWER: 3")
    keywords = p.DEFAULT_QUERY_KEYWORD_EXTRACT_TEMPLATE.format(max_keywords=3, question="Who designed the engine?")
    assert ask.says(keywords) == "KEYWORDS: designed, engine"
    summary = p.DEFAULT_SUMMARY_PROMPT.format(context_str=FACTS)
    assert ask.says(summary).startswith("Ada wrote")


def test_sub_questions(ask: Asker) -> None:
    from llama_index.core import PromptTemplate
    from llama_index.core.question_gen.llm_generators import SubQuestionOutputParser
    from llama_index.core.question_gen.prompts import DEFAULT_SUB_QUESTION_PROMPT_TMPL as TEMPLATE
    from llama_index.core.question_gen.prompts import build_tools_text
    from llama_index.core.tools.types import ToolMetadata

    tools = [
        ToolMetadata(name="uber", description="Uber reports"),
        ToolMetadata(name="lyft", description="Lyft reports"),
    ]
    prompt = PromptTemplate(TEMPLATE).format(tools_str=build_tools_text(tools), query_str="Compare Uber and Lyft")
    questions = SubQuestionOutputParser().parse(ask.says(prompt)).parsed_output
    assert [question.tool_name for question in questions] == ["uber", "lyft"]
    assert all("Compare Uber and Lyft" in question.sub_question for question in questions)


def test_rerank(ask: Asker) -> None:
    from llama_index.core.indices.utils import default_parse_choice_select_answer_fn as parse
    from llama_index.core.prompts.default_prompts import DEFAULT_CHOICE_SELECT_PROMPT

    context = "\n\n".join(f"Document {i}:\n{fact}" for i, fact in enumerate(FACTS.splitlines(), 1))
    text = ask.says(DEFAULT_CHOICE_SELECT_PROMPT.format(context_str=context, query_str="Who designed the engine?"))
    numbers, relevances = parse(text, 3)
    assert numbers[0] == 2
    assert relevances is not None
    assert relevances[0] == 9
    assert "None" in ask.says(DEFAULT_CHOICE_SELECT_PROMPT.format(context_str=context, query_str="tomatoes"))


def test_evaluators(ask: Asker) -> None:
    from llama_index.core.evaluation import correctness, faithfulness, relevancy

    def grade(template: Any, said: str, **more: str) -> str:
        return ask.says(template.format(query_str=said, **more))

    for known, verdict in (("The engine was designed by Babbage.", "YES"), ("Tomatoes grow on Mars.", "NO")):
        assert grade(faithfulness.DEFAULT_EVAL_TEMPLATE, known, context_str=FACTS) == verdict
        said = f"Question: Who?\nResponse: {known}"
        assert grade(relevancy.DEFAULT_EVAL_TEMPLATE, said, context_str=FACTS) == verdict
        for template, words in (
            (faithfulness.DEFAULT_REFINE_TEMPLATE, known),
            (relevancy.DEFAULT_REFINE_TEMPLATE, said),
        ):
            assert grade(template, words, existing_answer="NO", context_msg=FACTS) == verdict
            assert grade(template, words, existing_answer="YES", context_msg="Nothing.") == "YES"
    for answer, low, high in (("Babbage designed the engine", 4.5, 5), ("Tomatoes", 1, 1.5)):
        messages = correctness.DEFAULT_EVAL_TEMPLATE.format_messages(
            query="Who?", reference_answer="The engine was designed by Babbage", generated_answer=answer
        )
        text = ask.says([{"role": m.role.value, "content": m.content} for m in messages])
        score, reason = correctness.default_parser(text)
        assert score is not None
        assert low <= score <= high
        assert reason


def test_titles_and_queries(ask: Asker) -> None:
    from llama_index.core.extractors.metadata_extractors import (
        DEFAULT_TITLE_COMBINE_TEMPLATE,
        DEFAULT_TITLE_NODE_TEMPLATE,
    )
    from llama_index.core.retrievers.fusion_retriever import QUERY_GEN_PROMPT

    assert "Babbage" in ask.says(DEFAULT_TITLE_NODE_TEMPLATE.format(context_str=FACTS))
    assert "Ada" in ask.says(DEFAULT_TITLE_COMBINE_TEMPLATE.format(context_str="Ada, Engine"))
    queries = ask.says(QUERY_GEN_PROMPT.format(num_queries=3, query="Who designed the engine?")).splitlines()
    assert len(set(queries)) == 3


def test_react(ask: Asker) -> None:
    from llama_index.core.agent.react.formatter import ReActChatFormatter
    from llama_index.core.agent.react.output_parser import ReActOutputParser
    from llama_index.core.agent.react.types import ObservationReasoningStep
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    formatter, parser, steps = ReActChatFormatter.from_defaults(), ReActOutputParser(), list[Any]()
    for _ in range(2):
        sent = formatter.format(
            [FunctionTool.from_defaults(add)], [ChatMessage("What is 20 + 22?")], current_reasoning=steps
        )
        steps.append(parser.parse(ask.says([{"role": m.role.value, "content": m.content} for m in sent])))
        if steps[-1].is_done:
            break
        assert (steps[-1].action, steps[-1].action_input) == ("add", {"a": 20, "b": 22})
        steps.append(ObservationReasoningStep(observation="42"))
    assert steps[-1].response == "The answer is: 42"
    assert json.dumps([type(step).__name__ for step in steps]).count("Step") == 3


def test_scoring_evaluators(ask: Asker) -> None:
    from llama_index.core.evaluation import answer_relevancy, context_relevancy

    def score(template: Any, parse: Any, **values: str) -> float:
        return parse(ask.says(template.format(**values)))[0]

    query = "Who designed the engine?"
    answers = answer_relevancy.DEFAULT_EVAL_TEMPLATE, answer_relevancy._default_parser_function
    assert score(*answers, query=query, response="The engine was designed by Babbage.") == 2
    assert score(*answers, query=query, response="Whales sing.") == 0
    contexts = context_relevancy.DEFAULT_EVAL_TEMPLATE, context_relevancy._default_parser_function
    assert score(*contexts, query_str=query, context_str=FACTS) == 4
    assert score(*contexts, query_str=query, context_str="Whales sing.") == 0
    refine = context_relevancy.DEFAULT_REFINE_TEMPLATE
    poor, good = "Hm.\n[RESULT] 0.0", "Well.\n[RESULT] 4.0"
    for existing, context, expected in ((poor, FACTS, "4.0"), (good, "Cats.", "4.0"), (poor, "Cats.", "0.0")):
        prompt = refine.format(query_str=query, existing_answer=existing, context_msg=context)
        assert ask.says(prompt).endswith(f"[RESULT] {expected}")


def test_the_first_form_that_knows_a_prompt_wins() -> None:
    asked = []

    def unknown(request: Any, ask: Any) -> str | None:
        asked.append(request["messages"][-1]["content"])
        return None

    def loud(request: Any, ask: Any) -> str | None:
        return ask(request).text.upper()

    with Emulator(prompt_forms=[unknown, loud, unknown]) as emu:
        asker = Asker(emu)
        assert asker.says("hello") == "YOU SAID: HELLO"
        add = tool("add", "Add two numbers.", a={"type": "integer"}, b={"type": "integer"})
        assert asker.calls("Add 2 and 3", [add]) == [("add", {"a": 2, "b": 3})]  # tool calls come first
        asker.http.close()
    assert asked == ["hello"]
