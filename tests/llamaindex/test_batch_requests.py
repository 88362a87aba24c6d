"""Requests of a batch from LlamaIndex's LLMs, and their responses back."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from batch_kit import CLAUDE, GPT, GPT_RESPONSES, asked, emulator, run_batch
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.mock import MockLLM
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from inference_do import BadRequestError, BatchResult, ConfigError, InferenceError
from llamaindex_do import DigitalOcean, batch_requests, batch_response

APIS = {GPT: "chat_completions", GPT_RESPONSES: "responses", CLAUDE: "messages"}


class Place(BaseModel):
    """A place."""

    city: str


def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


WEATHER = FunctionTool.from_defaults(get_weather, name="get weather")  # a name that the API does not take


@pytest.fixture
def placed():
    with emulator() as (emu, clock):
        yield emu, clock


@pytest.fixture
def emu(placed):
    return placed[0]


@pytest.fixture
def clock(placed):
    return placed[1]


@pytest.fixture
def make(emu):
    made = []

    def build(model: str = GPT, **settings: Any) -> DigitalOcean:
        made.append(DigitalOcean(model=model, api_key=emu.api_key, base_url=emu.base_url, **settings))
        return made[-1]

    yield build
    for llm in made:
        llm.close()


@pytest.fixture
def run(emu, clock):
    """Make a batch of requests and return its results by id."""
    return partial(run_batch, emu, clock)


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def test_a_request_is_what_the_llm_would_send(make, emu):
    llm = make(temperature=0.5, max_tokens=50, stop=["END"], model_affinity="a")
    llm.chat([user("Hello")], seed=7)
    [request] = batch_requests(llm, [[user("Hello")]], seed=7)
    assert request.pop("custom_id") == "request-0"
    assert request == asked(emu)


def test_inputs_are_conversations_messages_or_prompts(make):
    llm = make()
    requests = list(batch_requests(llm, ["One", user("Two"), [ChatMessage(role="system", content="S"), user("Three")]]))
    assert [[message["content"] for message in request["messages"]] for request in requests] == [
        ["One"],
        ["Two"],
        ["S", "Three"],
    ]
    with pytest.raises(ConfigError, match="messages"):
        list(batch_requests(llm, [[7]]))


def test_tools_are_as_the_llm_would_send_them(make, emu):
    llm = make()
    llm.chat([user("What is the weather in Paris?")], tools=[WEATHER], tool_choice="required")
    [request] = batch_requests(
        llm, ["What is the weather in Paris?"], custom_ids=["a"], tools=[WEATHER], tool_choice="required"
    )
    assert request.pop("custom_id") == "a"
    assert request == asked(emu)


@pytest.mark.parametrize("model", [GPT, GPT_RESPONSES, CLAUDE])
def test_answers_come_back_as_responses(make, run, model):
    llm = make(model)
    found = run(batch_requests(llm, ["One", [user("Two")]], custom_ids=["a", "b"]))
    for custom_id, text in (("a", "One"), ("b", "Two")):
        response, single = batch_response(found[custom_id]), llm.chat([user(text)])
        assert isinstance(response, ChatResponse)
        assert response.message.content == single.message.content == f"You said: {text}"
        assert response.additional_kwargs["total_tokens"] == single.additional_kwargs["total_tokens"] > 0
        assert response.additional_kwargs["finish_reason"] == "stop"
        assert response.additional_kwargs["api"] == APIS[model]
        assert response.raw["model"] == model


@pytest.mark.parametrize("model", [GPT, GPT_RESPONSES, CLAUDE])
def test_tool_calls_come_back_with_the_tools_own_names(make, run, model):
    llm = make(model)
    found = run(batch_requests(llm, ["What is the weather in Paris?"], tools=[WEATHER]))
    response = batch_response(found["request-0"], llm, tools=[WEATHER])
    [call] = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    assert (call.tool_name, call.tool_kwargs) == ("get weather", {"city": "Paris"})
    [selection] = llm.get_tool_calls_from_response(response)
    assert selection.tool_kwargs == {"city": "Paris"}


@pytest.mark.parametrize("model", [GPT, GPT_RESPONSES, CLAUDE])
def test_structured_answers_come_back_as_objects(make, run, model):
    llm = make(model, system_prompt="Be exact.").as_structured_llm(Place)
    requests = list(batch_requests(llm, ["Where? Paris"]))
    assert requests[0]["messages"][0] == {"role": "system", "content": "Be exact."}
    response = batch_response(run(requests)["request-0"], llm)
    assert isinstance(response.raw, Place)
    assert response.message.content == response.raw.model_dump_json()
    assert response.additional_kwargs["total_tokens"] > 0


def test_an_object_that_is_none_is_an_error(make, run, emu):
    llm = make().as_structured_llm(Place)
    emu.reply('{"town": 7}')
    with pytest.raises(ValueError, match="city"):
        batch_response(run(batch_requests(llm, ["Where?"]))["request-0"], llm)


def test_another_llm_is_refused():
    with pytest.raises(ConfigError, match=r"batches are made of a llamaindex_do.DigitalOcean, not of a MockLLM"):
        batch_requests(MockLLM(), ["a"])


def test_objects_that_llamaindex_asks_for_in_words_are_refused(make):
    llm = make(pydantic_program_mode="llm").as_structured_llm(Place)
    with pytest.raises(ConfigError, match="is asked for objects in words"):
        batch_requests(llm, ["a"])


def test_an_error_is_raised(make, run):
    found = run(batch_requests(make(extra_body={"temperature": 9}), ["a"]))
    with pytest.raises(BadRequestError, match="400 Bad Request"):
        batch_response(found["request-0"])
    with pytest.raises(InferenceError, match="neither an answer nor an error"):
        batch_response(BatchResult(custom_id="a"))
