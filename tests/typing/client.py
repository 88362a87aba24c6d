"""What the methods of both clients take: mypy and pyright, both strict, must agree with every line.

A line with `type: ignore` is a mistake that both must see; without one they would call the comment needless. Nothing
here is run.
"""
# pyright: strict

from __future__ import annotations

from typing import Any, assert_type

import httpx
import httpx2

from inference_do import (
    AsyncClient,
    AsyncStream,
    Batch,
    BatchResult,
    CallOptions,
    CancelScope,
    ChatCompletion,
    ChatParams,
    Client,
    Cost,
    EmbeddingResponse,
    EmbedParams,
    Ledger,
    MessageParam,
    Model,
    Stream,
    Timeout,
    Usage,
    estimate_cost,
    model_info,
)
from inference_do.params import FunctionTool, SchemaFormat
from inference_do.types import Reply

PLAIN = [{"role": "user", "content": "Hello!"}]
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]
TYPED: list[MessageParam] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]
TOOL: FunctionTool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
FORMAT: SchemaFormat = {"type": "json_schema", "json_schema": {"name": "order", "schema": {"type": "object"}}}
EVERY: ChatParams = {
    "temperature": 0.5,
    "max_tokens": 10,
    "max_completion_tokens": None,
    "top_p": 1,
    "stop": ["a", "b"],
    "seed": 1,
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "logit_bias": {"50256": -100},
    "frequency_penalty": 0.1,
    "presence_penalty": -0.1,
    "reasoning_effort": "low",
    "reasoning": {"effort": "high", "max_tokens": 1000},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "user": "me",
    "service_tier": "auto",
    "prompt_cache_retention": "24h",
    "chat_template_kwargs": {"enable_thinking": False},
    "tools": [TOOL, {"type": "web_search", "max_uses": 2}],
    "tool_choice": "required",
    "stream_options": {"include_usage": False},
    "metadata": {"for": "me"},
    "k": 3,
    "retrieval_method": "rewrite",
    "kb_filters": [{"index": "i", "path": "p"}],
    "filter_kb_content_by_query_metadata": True,
    "instruction_override": "Be brief.",
    "include_functions_info": True,
    "include_retrieval_info": True,
    "include_guardrails_info": True,
    "provide_citations": True,
    "default_params": {"temperature": 0},
    "extra_headers": {"X-A": "1"},
    "extra_query": {"a": 1},
    "extra_body": {"not": "known"},
    "timeout": Timeout(idle=5),
    "max_retries": 0,
}
EMBED: EmbedParams = {"encoding_format": "base64", "user": "me", "timeout": 5, "max_retries": 1}
OPTIONS: CallOptions = {"extra_headers": {"X-A": "1"}, "extra_query": {}, "extra_body": {}, "timeout": 5.0}
OPEN: dict[str, Any] = {"anything": 1}


def in_threads(one: Client) -> None:
    """What is right, in threads."""
    assert_type(one.chat(model="m", messages=PLAIN), ChatCompletion)
    answer = one.chat(model="m", messages=TYPED, temperature=0.5, reasoning_effort="low", timeout=5, stop="a")
    one.chat(model="m", messages=[*TYPED, answer.choices[0].message, {"role": "tool", "content": ""}], **EVERY)
    one.chat(model="m", messages=IMAGE, **OPEN)
    one.chat(model="m", messages=(message for message in TYPED), tools=[TOOL], response_format=FORMAT)
    one.chat(model="m", messages=PLAIN, tool_choice={"type": "function", "function": {"name": "f"}}, tools=(TOOL,))
    for effort in model_info("m").reasoning_efforts or ():
        one.chat(model="m", messages=PLAIN, reasoning_effort=effort)
    assert_type(one.stream(model="m", messages=PLAIN, **EVERY), Stream)
    assert_type(one.embed(model="m", input=["a", "b"], **EMBED), EmbeddingResponse)
    one.embed(model="m", input="a", encoding_format="float", extra_body={"dimensions": 256})
    assert_type(one.models(timeout=5, max_retries=0), list[Model])
    assert_type(one.request("/rerank", {"model": "m"}, **OPTIONS), Reply)
    assert_type(one.request_as(ChatCompletion, "/other", {}, timeout=Timeout(total=9)), ChatCompletion)


def wrong_in_threads(one: Client) -> None:
    """What is wrong, in threads."""
    one.chat(model="m", messages="Hello!")  # type: ignore[arg-type]
    one.chat(model="m", messages=[1])  # type: ignore[list-item]
    one.chat(model=1, messages=PLAIN)  # type: ignore[arg-type]
    one.chat(model="m")  # type: ignore[call-arg]
    one.chat(model="m", messages=PLAIN, temperature="hot")  # type: ignore[arg-type]
    one.chat(model="m", messages=PLAIN, temprature=0.5)  # type: ignore[call-arg]
    one.chat(model="m", messages=PLAIN, max_tokens=1.5)  # type: ignore[arg-type]
    one.chat(model="m", messages=PLAIN, stream=True)  # type: ignore[call-arg]
    one.chat(model="m", messages=PLAIN, tool_choice="any")  # type: ignore[arg-type]
    one.chat(model="m", messages=PLAIN, prompt_cache_retention="1h")  # type: ignore[arg-type]
    one.chat(model="m", messages=PLAIN, reasoning={"tokens": 1})  # type: ignore[arg-type]
    one.chat(model="m", messages=PLAIN, timeout="5")  # type: ignore[arg-type]
    one.chat(model="m", messages=PLAIN, extra_headers={"X-A": 1})  # type: ignore[dict-item]
    one.stream(model="m", messages=PLAIN, n="2")  # type: ignore[arg-type]
    one.stream(model="m", messages=PLAIN, stream_options={"usage": True})  # type: ignore[arg-type]
    one.embed(model="m", input=[1])  # type: ignore[list-item]
    one.embed(model="m", input="a", encoding_format="int8")  # type: ignore[arg-type]
    one.embed(model="m", input="a", temperature=0.5)  # type: ignore[call-arg]
    one.models(max_retries="0")  # type: ignore[arg-type]
    one.request("/rerank", {}, model="m")  # type: ignore[call-arg]
    one.request_as(int, "/rerank", {})  # type: ignore[type-var]


async def in_event_loops(one: AsyncClient) -> None:
    """What is right, in event loops."""
    assert_type(await one.chat(model="m", messages=PLAIN), ChatCompletion)
    answer = await one.chat(model="m", messages=TYPED, temperature=0.5, reasoning_effort="low", timeout=5, stop="a")
    await one.chat(model="m", messages=[*TYPED, answer.choices[0].message, {"role": "tool", "content": ""}], **EVERY)
    await one.chat(model="m", messages=IMAGE, **OPEN)
    assert_type(one.stream(model="m", messages=PLAIN, **EVERY), AsyncStream)
    assert_type(await one.embed(model="m", input=["a", "b"], **EMBED), EmbeddingResponse)
    assert_type(await one.models(timeout=5, max_retries=0), list[Model])
    assert_type(await one.request("/rerank", {"model": "m"}, **OPTIONS), Reply)
    assert_type(await one.request_as(ChatCompletion, "/other", {}, timeout=Timeout(total=9)), ChatCompletion)


async def wrong_in_event_loops(one: AsyncClient) -> None:
    """What is wrong, in event loops."""
    await one.chat(model="m", messages="Hello!")  # type: ignore[arg-type]
    await one.chat(model="m", messages=PLAIN, temperature="hot")  # type: ignore[arg-type]
    await one.chat(model="m", messages=PLAIN, temprature=0.5)  # type: ignore[call-arg]
    one.stream(model="m", messages=PLAIN, n="2")  # type: ignore[arg-type]
    await one.embed(model="m", input=[1])  # type: ignore[list-item]
    await one.embed(model="m", input="a", encoding_format="int8")  # type: ignore[arg-type]
    await one.models(max_retries="0")  # type: ignore[arg-type]
    await one.request("/rerank", {}, model="m")  # type: ignore[call-arg]
    await one.request_as(int, "/rerank", {})  # type: ignore[type-var]


def wrong_params() -> None:
    """What is wrong in a dict of settings, and in a message."""
    params: ChatParams = {"temperature": 0.5}
    params["temperature"] = "hot"  # type: ignore[typeddict-item]
    params["temprature"] = 0.5  # type: ignore[typeddict-unknown-key]
    message: MessageParam = {"role": "friend", "content": "Hello!"}  # type: ignore[typeddict-item]
    print(message, params)


def http_clients() -> None:
    """Each client takes the HTTP clients of its kind."""
    Client("key", http_client=httpx.Client())
    Client("key", http_client=httpx2.Client())
    Client("key", http_client=None)
    Client("key", http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    Client("key", http_client=object())  # type: ignore[arg-type]
    AsyncClient("key", http_client=httpx.AsyncClient())
    AsyncClient("key", http_client=httpx2.AsyncClient())
    AsyncClient("key", http_client=httpx.Client())  # type: ignore[arg-type]
    AsyncClient("key", http_client="https://example.com")  # type: ignore[arg-type]


def costs() -> None:
    """The examples of costs, as the documentation has them: an answer may come without usage."""
    info = model_info("llama3.3-70b-instruct")
    with Client() as client:
        completion = client.chat(model=info.id, messages=[{"role": "user", "content": "Hello!"}])
    print(estimate_cost(info, completion.usage))
    ledger = Ledger()
    assert_type(completion.usage, Usage | None)
    assert_type(ledger.add(completion.model, completion.usage), Cost)
    cost = estimate_cost(completion.model, completion.usage)
    assert_type(cost.total, float | None)
    estimate_cost(info, 5)  # type: ignore[arg-type]
    estimate_cost(None, completion.usage)  # type: ignore[arg-type]


# --- batches ---


def batches(client: Client) -> None:
    rows = ({"custom_id": str(number), "model": "openai-gpt-4o", "messages": PLAIN} for number in range(3))
    made = client.batches.create(rows, provider="openai", metadata={"team": "a"}, request_id="nightly")
    assert_type(made, Batch)
    assert_type(client.batches.wait(made.id, progress=True, poll=5, timeout=3600), Batch)
    assert_type(client.batches.wait(made, progress=lambda batch: print(batch.status)), Batch)
    for result in client.batches.results(made.id, ledger=Ledger()):
        assert_type(result, BatchResult)
        assert_type(result.completion, ChatCompletion | None)
        assert_type(result.cost, Cost)
    for batch in client.batches.list(status="completed", limit=10):
        assert_type(batch, Batch)
    client.batches.create("rows")  # type: ignore[arg-type]
    client.batches.get(7)  # type: ignore[arg-type]


async def abatches(client: AsyncClient) -> None:
    made = await client.batches.create([{"custom_id": "a", "model": "openai-gpt-4o", "messages": PLAIN}])
    assert_type(made, Batch)
    assert_type(await client.batches.cancel(made), Batch)
    assert_type([result async for result in client.batches.results(made.id)], list[BatchResult])


def cancelling(client: Client) -> None:
    """What a scope runs keeps its types."""
    scope = CancelScope()
    assert_type(scope.run(client.chat, model="m", messages=[{"role": "user", "content": "Hello!"}]), ChatCompletion)
    assert_type(scope.run(len, "text"), int)
    scope.run(len, 5)  # type: ignore[arg-type]
    assert_type(scope.is_cancelled, bool)
    scope.cancel()
