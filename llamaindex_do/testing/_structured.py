"""Structured output: objects, sync, async and streamed, and failures that LlamaIndex's fallbacks catch."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from ._asking import run
from ._kit import LLMKit, needs

__all__ = ["StructuredTests"]


class City(BaseModel):
    """A city."""

    name: str
    people: int


PROMPT = PromptTemplate("Which city lies at {where}?")
PARIS = City(name="Paris", people=2_000_000)
JSON = '{"name": "Paris", "people": 2000000}'


def _answer(server: Any, text: str = JSON) -> None:
    """Let the server answer in both forms: LLMs that asked for JSON read the text, the others the call of a tool."""
    server.reply(text, tool_calls=[("City", text)])


class StructuredTests(LLMKit):
    """structured_predict in its four forms, and as_structured_llm."""

    @needs("has_structured_output")
    def test_objects_are_predicted(self, server: Any) -> None:
        """Sync and async."""
        llm = self.make_llm(server)
        _answer(server)
        assert llm.structured_predict(City, PROMPT, where="the Seine") == PARIS
        _answer(server)
        assert run(llm.astructured_predict(City, PROMPT, where="the Seine")) == PARIS

    @needs("has_structured_output")
    def test_objects_are_streamed(self, server: Any) -> None:
        """The last one is whole, and there is one at least."""
        llm = self.make_llm(server)
        _answer(server)
        *_, city = llm.stream_structured_predict(City, PROMPT, where="the Seine")
        assert city == PARIS
        _answer(server)

        async def work() -> list[Any]:
            return [item async for item in await llm.astream_structured_predict(City, PROMPT, where="the Seine")]

        assert run(work())[-1] == PARIS

    @needs("has_structured_output")
    def test_an_llm_of_objects(self, server: Any) -> None:
        """Query engines take as_structured_llm()."""
        llm = self.make_llm(server).as_structured_llm(City)
        _answer(server)
        assert llm.chat([ChatMessage(content="Which city?")]).raw == PARIS
        _answer(server)
        assert run(llm.achat([ChatMessage(content="Which {city}?")])).raw == PARIS

    @needs("over_http", "has_structured_output")
    def test_the_model_is_not_free_to_talk(self, server: Any) -> None:
        """It is given a schema, or a tool that it has to call; also when it is streamed."""
        llm = self.make_llm(server)
        for predict in (llm.structured_predict, llm.stream_structured_predict):
            _answer(server)
            predicted = predict(City, PROMPT, where="the Seine")
            if not isinstance(predicted, City):
                list(predicted)
            body = server.requests[-1].chat
            forced = body.get("response_format", {}).get("type") == "json_schema" or body.get("tool_choice") not in (
                None,
                "auto",
                "none",
            )
            assert forced, f"{predict.__name__}() asks with tool_choice {body.get('tool_choice')!r}"

    @needs("over_http", "has_structured_output")
    def test_the_system_prompt_is_kept(self, server: Any) -> None:
        """In async code as well."""
        llm = self.make_llm(server, system_prompt="Be brief.")
        _answer(server)
        llm.structured_predict(City, PROMPT, where="the Seine")
        _answer(server)
        run(llm.astructured_predict(City, PROMPT, where="the Seine"))
        for request in server.requests:
            message = request.chat["messages"][0]
            assert (message["role"], message["content"]) == ("system", "Be brief.")

    @needs("has_structured_output")
    def test_failures_are_errors_that_are_caught(self, server: Any) -> None:
        """Response synthesizers go on after a ValueError, which pydantic's is; other errors end the query."""
        llm = self.make_llm(server)
        for text in ('{"name": "Paris"}', '{"name": "Par'):
            _answer(server, text)
            with pytest.raises(ValueError):  # noqa: PT011  anything that is one
                llm.structured_predict(City, PROMPT, where="the Seine")
        server.reply("I would rather not say.")
        with pytest.raises(ValueError):  # noqa: PT011  as above
            llm.structured_predict(City, PROMPT, where="the Seine")

    @needs("has_structured_output")
    def test_arguments_that_are_given_stay_as_they_are(self, server: Any) -> None:
        """`llm_kwargs` belong to the caller."""
        llm = self.make_llm(server)
        given = {"temperature": 0.5, "tool_choice": "auto"}
        _answer(server)
        llm.structured_predict(City, PROMPT, llm_kwargs=given, where="the Seine")
        assert given == {"temperature": 0.5, "tool_choice": "auto"}
