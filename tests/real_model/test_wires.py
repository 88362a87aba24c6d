"""Three APIs of a real gateway (LiteLLM) before a real model: the protocol is tested, not the wit of a tiny model.

The same conversation must come to the same number of tokens by each API: what a wire loses on the way, the model has
not read. That a stream and a whole answer agree is asked of the shape, not of the words, which may differ by a tie.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from functools import reduce
from operator import add
from types import SimpleNamespace
from typing import Any

import pytest
from client_kit import achat, chat
from client_modes import EVERY_CALL
from interfaces import ClientInterface, LangChainInterface, LlamaIndexInterface, Outcome
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage, message_chunk_to_message
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from inference_do import AuthenticationError, BadRequestError, Client, ContextLengthError, InferenceError
from inference_do.models import register_model
from langchain_do import ChatDigitalOcean
from llamaindex_do import DigitalOcean

GATEWAY = SimpleNamespace(
    api_key=os.environ.get("EXAMPLE_GATEWAY_KEY"), base_url=os.environ.get("EXAMPLE_GATEWAY_BASE_URL")
)
MODEL = os.environ.get("EXAMPLE_MODEL", "")
APIS = ("chat_completions", "responses", "messages")
ON_EACH = pytest.mark.parametrize("api", APIS)
FRANCE = "What is the capital of France? Answer in one word."
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Lisbon"}'},
}
LONG = "What is the capital of France? " * 1000
"""More tokens than the server has room for: 4096 a conversation."""
LIMITED = {"max_tokens": 24, "temperature": 0}
ROOM = {"max_tokens": 200, "temperature": 0}


class City(BaseModel):
    """A city."""

    name: str
    country: str


CITY = {
    "type": "json_schema",
    "json_schema": {
        "name": "City",
        "schema": {**City.model_json_schema(), "additionalProperties": False},
    },
}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def total_of(outcome: Outcome) -> int:
    assert outcome.usage is not None
    read, written, total = outcome.usage
    assert read > 0
    assert written > 0
    assert total == read + written
    return read


# --- the client ---


CONVERSATIONS = {
    "a question": [user(FRANCE)],
    "a system message": [{"role": "system", "content": "You are a parrot."}, user(FRANCE)],
    "turns": [user(FRANCE), {"role": "assistant", "content": "Paris."}, user("And Spain?")],
    "parts": [user([{"type": "text", "text": "What is the capital"}, {"type": "text", "text": "of France?"}])],
    "a tool's result": [
        user("What is the weather in Lisbon?"),
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
    ],
}


@EVERY_CALL
@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_the_same_conversation_is_as_long_by_each_api(ask, messages):
    counted = {}
    for api in APIS:
        answer = ask(GATEWAY, model=MODEL, messages=messages, api=api, **LIMITED)
        assert not isinstance(answer, InferenceError), answer
        assert answer.text
        assert answer.response_info.api == api
        assert answer.choices[0].finish_reason in {"stop", "length"}
        counted[api] = total_of(ClientInterface.outcome_of(answer))
    assert len(set(counted.values())) == 1, counted


@EVERY_CALL
@ON_EACH
def test_an_answer_ends_at_its_limit(ask, api):
    answer = ask(GATEWAY, model=MODEL, messages=[user("Tell me a long story.")], api=api, max_tokens=7, temperature=0)
    assert (answer.choices[0].finish_reason, answer.usage.output_tokens) == ("length", 7)


@EVERY_CALL
@ON_EACH
def test_an_answer_ends_at_a_stop_word(ask, api):
    answer = ask(GATEWAY, model=MODEL, messages=[user(FRANCE)], api=api, stop=[" "], **LIMITED)
    assert not isinstance(answer, InferenceError), answer
    assert answer.choices[0].finish_reason == "stop"
    assert " " not in answer.text


@EVERY_CALL
@ON_EACH
def test_a_forced_call(ask, api):
    request = {"model": MODEL, "messages": [user("What is the weather in Lisbon?")], "tools": [WEATHER]}
    answer = ask(GATEWAY, **request, tool_choice="required", api=api, **ROOM)
    assert not isinstance(answer, InferenceError), answer
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    for call in message.tool_calls:
        assert call.id
        assert call.function.name == "get_weather"
        assert set(json.loads(call.function.arguments)) == {"city"}
    results = [{"role": "tool", "tool_call_id": call.id, "content": "Sunny."} for call in message.tool_calls]
    request["messages"] += [message, *results]
    final = ask(GATEWAY, **request, tool_choice="none", api=api, **LIMITED)
    assert not isinstance(final, InferenceError), final
    assert final.text
    assert final.usage.input_tokens > answer.usage.input_tokens


@EVERY_CALL
@ON_EACH
def test_a_schema_is_kept(ask, api):
    answer = ask(GATEWAY, model=MODEL, messages=[user("Where is Skagen?")], response_format=CITY, api=api, **ROOM)
    assert not isinstance(answer, InferenceError), answer
    City.model_validate_json(answer.text)
    assert answer.choices[0].finish_reason == "stop"
    assert not answer.choices[0].message.tool_calls


@EVERY_CALL
@ON_EACH
def test_refused_requests(ask, api):
    unknown = ask(GATEWAY, model="no-such-model", messages=[user(FRANCE)], api=api)
    assert type(unknown) is BadRequestError
    assert "no-such-model" in unknown.message
    wrong = SimpleNamespace(api_key="wrong", base_url=GATEWAY.base_url)
    refused = ask(wrong, model=MODEL, messages=[user(FRANCE)], api=api)
    assert type(refused) is AuthenticationError
    assert refused.attempts == 1


@pytest.mark.parametrize("ask", [chat, achat])  # of a stream's error behind it the gateway makes an empty answer
@ON_EACH
def test_a_context_that_is_too_long(ask, api):
    error = ask(GATEWAY, model=MODEL, messages=[user(LONG)], api=api, **LIMITED)
    assert type(error) is ContextLengthError
    assert error.attempts == 1


@pytest.mark.parametrize(
    ("model", "options", "api"),
    [
        (MODEL, {}, "chat_completions"),
        ("openai-gpt-5.4", {}, "responses"),
        ("anthropic-claude-haiku-4.5", {}, "chat_completions"),
        ("anthropic-claude-haiku-4.5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "messages"),
    ],
)
def test_the_api_is_chosen_by_the_model_and_the_request(model, options, api):
    with Client(GATEWAY.api_key, base_url=GATEWAY.base_url) as client:
        answer = client.chat(model=model, messages=[user(FRANCE)], max_tokens=24, **options)
    assert answer.response_info.api == api
    assert answer.text


# --- LangChain ---


def streamed(model: Any, messages: Any, /, **options: Any) -> AIMessage:
    return message_chunk_to_message(reduce(add, model.stream(messages, **options)))


async def astreamed(model: Any, messages: Any, /, **options: Any) -> AIMessage:
    chunks = [chunk async for chunk in model.astream(messages, **options)]
    return message_chunk_to_message(reduce(add, chunks))


def awaited(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: asyncio.run(call(*args, **options))


LANGCHAIN_CALLS: dict[str, Callable[..., AIMessage]] = {
    "invoke": lambda model, messages, /, **options: model.invoke(messages, **options),
    "ainvoke": awaited(lambda model, messages, /, **options: model.ainvoke(messages, **options)),
    "stream": streamed,
    "astream": awaited(astreamed),
}
BY_LANGCHAIN = pytest.mark.parametrize("call", LANGCHAIN_CALLS.values(), ids=LANGCHAIN_CALLS)


def chat_model(api: str, **options: Any) -> ChatDigitalOcean:
    return ChatDigitalOcean(
        model=MODEL, api=api, base_url=GATEWAY.base_url, **{"api_key": GATEWAY.api_key, **LIMITED, **options}
    )


@BY_LANGCHAIN
def test_langchain_answers_and_counts(call):
    counted = set()
    for api in APIS:
        message = call(chat_model(api), [SystemMessage("You are a parrot."), HumanMessage(FRANCE)])
        assert message.text
        assert message.response_metadata["api"] == api
        assert message.response_metadata["finish_reason"] in {"stop", "length"}
        counted.add(total_of(LangChainInterface.outcome_of(message)))
    assert len(counted) == 1


@BY_LANGCHAIN
@ON_EACH
def test_langchain_calls_a_tool_and_takes_its_result(call, api):
    model = chat_model(api, **ROOM)
    question = HumanMessage("What is the weather in Lisbon?")
    message = call(model.bind_tools([WEATHER], tool_choice="any"), [question])
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert not message.invalid_tool_calls
    assert {made["name"] for made in message.tool_calls} == {"get_weather"}
    assert all(set(made["args"]) == {"city"} and made["id"] for made in message.tool_calls)
    results = [ToolMessage("Sunny.", tool_call_id=made["id"]) for made in message.tool_calls]
    final = call(model.bind_tools([WEATHER], tool_choice="none"), [question, message, *results])
    assert final.text
    assert final.usage_metadata["input_tokens"] > message.usage_metadata["input_tokens"]


@ON_EACH
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_langchain_structured_output(api, method):
    asked = chat_model(api, **ROOM).with_structured_output(City, method=method, include_raw=True)
    words = "Where is Skagen? Answer with a JSON object with name and country."
    for found in (asked.invoke(words), asyncio.run(asked.ainvoke(words)), list(asked.stream(words))[-1]):
        if method == "json_mode":  # which keys it has is the model's choice
            assert found.get("parsed") or found["parsing_error"]
            continue
        assert isinstance(found.get("parsed"), City)


@BY_LANGCHAIN
@ON_EACH
def test_langchain_refused_requests(call, api):
    with pytest.raises(BadRequestError, match="no-such-model"):
        call(chat_model(api), FRANCE, model="no-such-model")
    with pytest.raises(AuthenticationError):
        call(chat_model(api, api_key="wrong"), FRANCE)


# --- LlamaIndex ---


async def last(stream: Any) -> Any:
    return [response async for response in await stream][-1]


LLAMAINDEX_CALLS: dict[str, Callable[..., Any]] = {
    "chat": lambda llm, messages, /, **options: llm.chat(messages, **options),
    "achat": awaited(lambda llm, messages, /, **options: llm.achat(messages, **options)),
    "stream_chat": lambda llm, messages, /, **options: list(llm.stream_chat(messages, **options))[-1],
    "astream_chat": awaited(lambda llm, messages, /, **options: last(llm.astream_chat(messages, **options))),
}
BY_LLAMAINDEX = pytest.mark.parametrize("call", LLAMAINDEX_CALLS.values(), ids=LLAMAINDEX_CALLS)


def language_model(api: str, **options: Any) -> DigitalOcean:
    return DigitalOcean(
        model=MODEL,
        api=api,
        base_url=GATEWAY.base_url,
        context_window=4096,
        **{"api_key": GATEWAY.api_key, **LIMITED, **options},
    )


@BY_LLAMAINDEX
def test_llamaindex_answers_and_counts(call):
    counted = set()
    for api in APIS:
        messages = [ChatMessage(role="system", content="You are a parrot."), ChatMessage(content=FRANCE)]
        response = call(language_model(api), messages)
        assert response.message.content
        assert response.additional_kwargs["api"] == api
        assert response.additional_kwargs["finish_reason"] in {"stop", "length"}
        counted.add(total_of(LlamaIndexInterface.outcome_of(response)))
    assert len(counted) == 1


@BY_LLAMAINDEX
@ON_EACH
def test_llamaindex_calls_a_tool_and_takes_its_result(call, api):
    llm = language_model(api, **ROOM)
    question = ChatMessage(content="What is the weather in Lisbon?")
    response = call(llm, [question], tools=[WEATHER], tool_choice="required")
    assert response.additional_kwargs["finish_reason"] == "tool_calls"
    calls = llm.get_tool_calls_from_response(response)
    assert {made.tool_name for made in calls} == {"get_weather"}
    assert all(set(made.tool_kwargs) == {"city"} and made.tool_id for made in calls)
    results = [
        ChatMessage(role="tool", content="Sunny.", additional_kwargs={"tool_call_id": made.tool_id}) for made in calls
    ]
    final = call(llm, [question, response.message, *results], tools=[WEATHER], tool_choice="none")
    assert final.message.content
    assert final.additional_kwargs["prompt_tokens"] > response.additional_kwargs["prompt_tokens"]


@ON_EACH
@pytest.mark.parametrize("structured_output", [True, False], ids=["json_schema", "function_calling"])
def test_llamaindex_structured_output(api, structured_output):
    register_model("smollm2", structured_output=structured_output, tools=True)
    llm, prompt = language_model(api, **ROOM), PromptTemplate("Where is {place}?")
    assert isinstance(llm.structured_predict(City, prompt, place="Skagen"), City)
    assert isinstance(asyncio.run(llm.astructured_predict(City, prompt, place="Skagen")), City)
    assert isinstance(list(llm.stream_structured_predict(City, prompt, place="Skagen"))[-1], City)


@ON_EACH
def test_llamaindex_predicts_and_calls(api):
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """Get the current weather in a city."""
        asked.append(city)
        return "Sunny."

    llm = language_model(api, **ROOM)
    tool = FunctionTool.from_defaults(get_weather)
    response = llm.predict_and_call([tool], "What is the weather in Lisbon?", tool_required=True)
    assert asked
    assert "Sunny." in response.response


@BY_LLAMAINDEX
@ON_EACH
def test_llamaindex_refused_requests(call, api):
    messages = [ChatMessage(content=FRANCE)]
    with pytest.raises(BadRequestError, match="no-such-model"):
        call(language_model(api), messages, model="no-such-model")
    with pytest.raises(AuthenticationError):
        call(language_model(api, api_key="wrong"), messages)
