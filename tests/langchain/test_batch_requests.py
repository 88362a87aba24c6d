"""Requests of a batch from LangChain's models and chains, and their answers back."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import pytest
from batch_kit import CLAUDE, GPT, GPT_RESPONSES, asked, emulator, run_batch
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from pydantic import BaseModel

from inference_do import BatchResult, InferenceError
from langchain_do import (
    BadRequestError,
    ChatDigitalOcean,
    ConfigError,
    batch_message,
    batch_output,
    batch_requests,
)

APIS = {GPT: "chat_completions", GPT_RESPONSES: "responses", CLAUDE: "messages"}


class Place(BaseModel):
    """A place."""

    city: str


@tool("get weather")  # a name that the API does not take
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


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
    def build(model: str = GPT, **settings: Any) -> ChatDigitalOcean:
        return ChatDigitalOcean(model=model, api_key=emu.api_key, base_url=emu.base_url, **settings)

    return build


@pytest.fixture
def run(emu, clock):
    """Make a batch of requests and return its results by id."""
    return partial(run_batch, emu, clock)


def test_a_request_is_what_the_model_would_send(make, emu):
    model = make(temperature=0.5, max_tokens=50, stop=["END"], model_affinity="a", timeout=9).bind(seed=7)
    model.invoke("Hello", user="u")
    [request] = batch_requests(model, ["Hello"], user="u")
    assert request.pop("custom_id") == "request-0"
    request["max_completion_tokens"] = request.pop("max_tokens", None) or request["max_completion_tokens"]
    assert request == asked(emu)


def test_tools_are_as_the_model_would_send_them(make, emu):
    model = make().bind_tools([get_weather], tool_choice="any")
    model.invoke("What is the weather in Paris?")
    [request] = batch_requests(model, ["What is the weather in Paris?"])
    sent = asked(emu)
    assert (request["tools"], request["tool_choice"]) == (sent["tools"], sent["tool_choice"])
    assert request["messages"] == sent["messages"]


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output_is_as_the_model_would_ask_for_it(make, emu, method):
    chain = make().with_structured_output(Place, method=method)
    emu.reply('{"city": "Paris"}')
    chain.invoke("Where, as JSON?")
    [request] = batch_requests(chain, ["Where, as JSON?"])
    assert {name: value for name, value in request.items() if name != "custom_id"} == asked(emu)


@pytest.mark.parametrize("model", [GPT, GPT_RESPONSES, CLAUDE])
def test_answers_come_back_as_messages(make, run, model):
    chat = make(model)
    prompts = [
        "One",
        [HumanMessage("Two")],
        [SystemMessage("Be brief."), HumanMessage("Three"), AIMessage("Yes?"), HumanMessage("Four")],
    ]
    found = run(batch_requests(chat, prompts, custom_ids=["a", "b", "c"]))
    for custom_id, prompt in zip("abc", prompts, strict=True):
        message, single = batch_message(found[custom_id]), chat.invoke(prompt)
        assert isinstance(message, AIMessage)
        assert message.text == single.text
        assert message.usage_metadata["total_tokens"] > 0
        assert message.response_metadata["model_name"] == model
        assert message.response_metadata["model_provider"] == single.response_metadata["model_provider"]
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.response_metadata["api"] == APIS[model]


@pytest.mark.parametrize("model", [GPT, GPT_RESPONSES, CLAUDE])
def test_tool_calls_come_back_with_the_tools_own_names(make, run, model):
    chat = make(model).bind_tools([get_weather])
    found = run(batch_requests(chat, ["What is the weather in Paris?"]))
    message = batch_message(found["request-0"], chat)
    [call] = message.tool_calls
    assert (call["name"], call["args"]) == ("get weather", {"city": "Paris"})
    assert batch_message(found["request-0"]).tool_calls[0]["name"] == "get_weather"
    history = [HumanMessage("What is the weather in Paris?"), message, ToolMessage("Sun", tool_call_id=call["id"])]
    again = run(batch_requests(chat, [history]))
    assert "Sun" in batch_message(again["request-0"]).text


@pytest.mark.parametrize("model", [GPT, GPT_RESPONSES, CLAUDE])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_answers_come_back_as_objects(make, run, model, method):
    chain = make(model).with_structured_output(Place, method=method)
    found = run(batch_requests(chain, ["Where? Paris"]))
    assert isinstance(batch_output(chain, found["request-0"]), Place)
    raw = make(model).with_structured_output(Place, method=method, include_raw=True)
    found = run(batch_requests(raw, ["Where? Paris"]))
    output = batch_output(raw, found["request-0"])
    assert isinstance(output["parsed"], Place)
    assert isinstance(output["raw"], AIMessage)
    assert output["parsing_error"] is None


def test_a_chains_prompt_is_run_here_and_its_parser_on_the_answer(make, run):
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "Say {word}")])
    chain = (prompt | make().bind(temperature=0) | StrOutputParser()).with_retry()
    requests = list(batch_requests(chain, ({"word": word} for word in ("this", "that"))))
    assert [request["messages"][1]["content"] for request in requests] == ["Say this", "Say that"]
    assert requests[0]["temperature"] == 0
    found = run(requests)
    assert (
        batch_output(chain, found["request-1"]) == make().invoke([("system", "Be brief."), ("user", "Say that")]).text
    )


def test_inputs_are_read_one_by_one(make):
    read = []

    def rows():
        for number in range(3):
            read.append(number)
            yield str(number)

    requests = batch_requests(make(), rows())
    assert read == []
    next(requests)
    assert read == [0]


@pytest.mark.parametrize(
    ("inputs", "ids", "message"),
    [
        (["a", "b"], ["x"], "custom_ids has 1 ids, and there are more inputs"),
        (["a"], ["x", "y"], "there are 1 inputs, and custom_ids has more ids"),
        ("a", None, "inputs and custom_ids must be lists"),
        (["a"], "x", "inputs and custom_ids must be lists"),
    ],
    ids=str,
)
def test_ids_and_inputs_must_be_as_many(make, inputs, ids, message):
    with pytest.raises(ConfigError, match=message):
        list(batch_requests(make(), inputs, custom_ids=ids))


def test_another_model_is_refused(make):
    with pytest.raises(ConfigError, match=r"batches are made of a ChatDigitalOcean, .* not of a FakeListChatModel"):
        batch_requests(FakeListChatModel(responses=["a"]), ["a"])
    with pytest.raises(ConfigError, match="not of a RunnableSequence"):
        batch_requests(FakeListChatModel(responses=["a"]) | StrOutputParser(), ["a"])


def test_a_secret_among_the_arguments_is_refused(make):
    with pytest.raises(ConfigError, match="may hold a secret"):
        list(batch_requests(make(), ["a"], token="sk-do-v1-abcdefgh"))


def test_an_error_is_raised_as_langchains_too(make, run):
    found = run(batch_requests(make(extra_body={"temperature": 9}), ["a"]))
    with pytest.raises(BadRequestError, match="400 Bad Request"):
        batch_message(found["request-0"])
    with pytest.raises(InferenceError, match="neither an answer nor an error"):
        batch_message(BatchResult(custom_id="a"))


def test_the_names_are_public():
    import langchain_do

    for function in (batch_requests, batch_message, batch_output):
        assert function.__name__ in langchain_do.__all__
        assert inspect.getdoc(function)
