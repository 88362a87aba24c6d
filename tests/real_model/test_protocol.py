"""The client and the LlamaIndex model on a real server: what is tested is the protocol, not the wit of a tiny model."""

import os

import pytest
from llama_index.core.llms import ChatMessage

from inference_do import AuthenticationError, Client
from llamaindex_do import DigitalOcean

MODEL = os.environ.get("EXAMPLE_MODEL", "")
FRANCE = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]


def test_a_stream_and_a_whole_answer_agree() -> None:
    with Client() as client:
        options = {"model": MODEL, "messages": FRANCE, "temperature": 0, "seed": 1, "extra_body": {"max_tokens": 16}}
        whole = client.chat(**options)
        with client.stream(**options) as stream:
            streamed = stream.completion()
    assert streamed.text == whole.text
    assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason
    assert streamed.usage.completion_tokens == whole.usage.completion_tokens > 0


def test_a_streamed_tool_call_is_whole() -> None:
    tool = {
        "name": "get_weather",
        "description": "Get the current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    with Client() as client:
        completion = client.stream(
            model=MODEL,
            messages=[{"role": "user", "content": "What is the weather in Paris?"}],
            temperature=0,
            tools=[{"type": "function", "function": tool}],
            tool_choice="required",
            extra_body={"max_tokens": 128},
        ).completion()
    [call] = completion.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert call.function.arguments.startswith("{")
    assert call.function.arguments.endswith("}")
    assert call.id


def test_a_wrong_key_is_an_authentication_error() -> None:
    with Client("wrong") as client, pytest.raises(AuthenticationError) as raised:
        client.chat(model=MODEL, messages=FRANCE)
    assert raised.value.status == 401
    assert raised.value.code == "401"


async def test_llamaindex_streams_and_counts() -> None:
    llm = DigitalOcean(model=MODEL, temperature=0, context_window=4096, extra_body={"max_tokens": 16})
    stream = await llm.astream_chat([ChatMessage(content=FRANCE[0]["content"])])
    responses = [response async for response in stream]
    assert "".join(response.delta or "" for response in responses) == responses[-1].message.content
    assert responses[-1].raw["usage"]["completion_tokens"] > 0
    assert responses[-1].message.content == llm.chat([ChatMessage(content=FRANCE[0]["content"])]).message.content
    await llm.aclose()
