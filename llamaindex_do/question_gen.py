"""`StructuredQuestionGenerator`: sub-questions as an object of the model, for LlamaIndex's `SubQuestionQueryEngine`.

LlamaIndex's own generators need the OpenAI packages, or parse JSON out of prose. This one asks for structured output,
whose schema has the tools' names as the only ones that may be chosen:

    SubQuestionQueryEngine.from_defaults(tools, question_gen=StructuredQuestionGenerator(llm), llm=llm)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.prompts.mixin import PromptDictType
from llama_index.core.question_gen.prompts import build_tools_text
from llama_index.core.question_gen.types import BaseQuestionGenerator, SubQuestion
from llama_index.core.schema import QueryBundle
from llama_index.core.settings import Settings
from llama_index.core.tools.types import ToolMetadata
from pydantic import BaseModel, Field, create_model

from inference_do.errors import ConfigError

__all__ = ["StructuredQuestionGenerator"]

PROMPT = """\
Divide a question into sub-questions that a set of tools can answer one by one.
Ask each tool only what its description covers, ask nothing twice, and leave out tools that cannot help.
A question that one tool can answer alone becomes one sub-question.

Tools, by name, with what each of them knows:
{tools_str}

Question: {query_str}
"""


class StructuredQuestionGenerator(BaseQuestionGenerator):
    """A question generator for any LLM that predicts structured objects.

    Args:
        llm: The LLM; by default `Settings.llm`.
        prompt: A template with `tools_str` and `query_str`.
    """

    def __init__(self, llm: LLM | None = None, prompt: BasePromptTemplate | None = None) -> None:
        self._llm = llm or Settings.llm
        self._prompt = prompt or PromptTemplate(PROMPT)

    def generate(self, tools: Sequence[ToolMetadata], query: QueryBundle) -> list[SubQuestion]:
        """Return the sub-questions of a question.

        Args:
            tools: What the tools are called and what they know.
            query: The question.

        Raises:
            ValueError: The model's answer is no list of sub-questions.
            ConfigError: There are no tools.
        """
        division = self._llm.structured_predict(_division_among(tools), self._prompt, **_arguments(tools, query))
        return _sub_questions(division)

    async def agenerate(self, tools: Sequence[ToolMetadata], query: QueryBundle) -> list[SubQuestion]:
        """Return the sub-questions of a question; see `generate`."""
        asked = self._llm.astructured_predict(_division_among(tools), self._prompt, **_arguments(tools, query))
        return _sub_questions(await asked)

    def _get_prompts(self) -> PromptDictType:
        return {"question_gen_prompt": self._prompt}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        self._prompt = prompts.get("question_gen_prompt", self._prompt)


def _division_among(tools: Sequence[ToolMetadata]) -> type[BaseModel]:
    """Return the class of a division of a question, in which only these tools can be named."""
    names = tuple(tool.get_name() for tool in tools)
    if not names:
        message = "a question cannot be divided among no tools: pass at least one"
        raise ConfigError(message)
    item = create_model(
        "SubQuestionForTool",
        sub_question=(str, Field(description="A question that the tool can answer alone.")),
        tool_name=(Literal[names], Field(description="The tool to ask.")),  # type: ignore[arg-type]  # known at run time
    )
    return create_model("SubQuestions", items=(list[item], Field(min_length=1)))  # type: ignore[valid-type]  # as above


def _arguments(tools: Sequence[ToolMetadata], query: QueryBundle) -> dict[str, Any]:
    return {"tools_str": build_tools_text(tools), "query_str": query.query_str}


def _sub_questions(division: Any) -> list[SubQuestion]:
    return [SubQuestion(sub_question=item.sub_question, tool_name=item.tool_name) for item in division.items]
