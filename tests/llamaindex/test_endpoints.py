"""Routers, agents, knowledge bases, caching and cost through the LLM, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    ChatMessage,
    ChatResponse,
    ImageBlock,
    MessageRole,
    TextBlock,
)
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index_instrumentation import get_dispatcher

from inference_do import ConfigError, EmptyAnswerWarning, InferenceError, Ledger, NotFoundError
from inference_do.emulator import Emulator
from llamaindex_do import (
    DigitalOcean,
    DigitalOceanKnowledgeBaseRetriever,
    UsageHandler,
    source_nodes,
)

Make = Callable[..., DigitalOcean]
TEXTS = ["A droplet is a virtual machine.", "A droplet has a region.", "Spaces keep objects."]
LONG = "The droplet is a virtual machine. " * 200
SHOW = {"include_retrieval_info": True, "include_guardrails_info": True, "include_functions_info": True, "k": 1}
CODE = [ChatMessage(content="Refactor this function")]
HELLO = [ChatMessage(content="Hello")]


@pytest.fixture
def emu() -> Iterator[Emulator]:
    documents = [{"text_content": text, "metadata": {"page": page}} for page, text in enumerate(TEXTS)]
    with Emulator(knowledge={"kb-1": documents}) as emulator:
        yield emulator


async def every_way(llm: DigitalOcean, messages: list[ChatMessage]) -> list[ChatResponse]:
    return [
        llm.chat(messages),
        list(llm.stream_chat(messages))[-1],
        await llm.achat(messages),
        [response async for response in await llm.astream_chat(messages)][-1],
    ]


@pytest.mark.parametrize(
    ("model", "blocks", "detail"),
    [
        ("openai-gpt-5.4", [TextBlock(text="hi")], "is not on /v1/chat/completions, only on /v1/responses"),
        ("anthropic-claude-opus-4.6", [ImageBlock(image=b"aGk=", image_mimetype="image/png")], "takes images on"),
    ],
    ids=["endpoint", "image"],
)
async def test_what_cannot_work_is_refused_before_the_request(
    make: Make, emu: Emulator, model: str, blocks: Any, detail: str
) -> None:
    messages = [ChatMessage(blocks=blocks)]
    with pytest.raises(ConfigError, match=detail):
        make(model, api="chat_completions").chat(messages)
    with pytest.raises(ConfigError, match=detail):
        list(make(model).stream_chat(messages, api="chat_completions"))
    with pytest.raises(ConfigError, match=detail):
        await make(model, additional_kwargs={"api": "chat_completions"}).achat(messages)
    assert emu.posts == 0


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"model": "kimi-k3", "top_p": 0.5}, "known to refuse top_p"),
        ({"model": "openai-o1", "temperature": 0.2}, "known to refuse temperature"),
        ({"model": "glm-5.2", "reasoning_effort": "low"}, "takes reasoning_effort of medium, high, xhigh"),
        ({"model": "claude-sonnet-4.6"}, "closest: anthropic-claude-4.6-sonnet"),
    ],
    ids=["kimi", "o1", "glm", "near miss"],
)
def test_what_is_refused_is_explained(make: Make, settings: Any, detail: str) -> None:
    with pytest.raises(InferenceError, match=detail):
        make(**settings).chat(HELLO)


@pytest.mark.parametrize(
    ("model", "window"), [("kimi-k3", 158_411), ("nvidia-nemotron-3-super-120b", 263_000), ("glm-5.2", 262_144)]
)
def test_windows_are_what_was_measured_where_that_is_less(make: Make, model: str, window: int) -> None:
    assert make(model).metadata.context_window == window


async def test_a_router_names_model_and_route(make: Make) -> None:
    for response in await every_way(make("router:mine"), CODE):
        assert response.raw["model"] == "qwen3-coder-flash"
        assert response.additional_kwargs["route"] == "code-generation"
    assert "route" not in make().chat(HELLO).additional_kwargs
    kept = make("router:mine", model_affinity="chat-1")
    assert [kept.chat(detail).raw["model"] for detail in (HELLO, CODE)] == ["llama3.3-70b-instruct"] * 2


async def test_what_an_agent_tells_is_in_the_response_and_as_nodes(make: Make, emu: Emulator) -> None:
    llm = make("n/a", api_key=emu.agent_key, base_url=emu.agent_url, default_query={"agent": "true"}, extra_body=SHOW)
    for response in await every_way(llm, [ChatMessage(content="What is a virtual machine?")]):
        assert "virtual machine" in (response.message.content or "")
        assert response.additional_kwargs["guardrails"] == {"triggered_guardrails": []}
        assert response.additional_kwargs["functions"] == {"called_functions": []}
        [node] = source_nodes(response)
        assert (node.node.node_id, node.text) == ("doc-0", TEXTS[0])
        assert node.metadata["page"] == 0
        assert (node.score or 0) > 0.5
    assert source_nodes(make().chat(HELLO)) == []
    odd = {"retrieval": {"retrieved_data": [{"index": 0, "score": None}, "odd"]}}
    [bare] = source_nodes(ChatResponse(message=ChatMessage(content="x"), additional_kwargs=odd))
    assert (bare.text, bare.score, bare.metadata) == ("", None, {"index": 0})


async def test_a_dedicated_endpoint_with_a_certificate_of_its_own(
    make: Make, private: Emulator, certificate: Any
) -> None:
    llm = make("mistral/mistral-7b-instruct-v3", base_url=private.base_url, ca=certificate[0])
    assert [response.message.content for response in await every_way(llm, HELLO)] == ["You said: Hello"] * 4


# --- knowledge bases ---


def retriever(emu: Emulator, id_: str = "kb-1", **options: Any) -> DigitalOceanKnowledgeBaseRetriever:
    return DigitalOceanKnowledgeBaseRetriever(id_, api_key=emu.api_key, base_url=emu.base_url, **options)


async def test_it_retrieves(emu: Emulator) -> None:
    only = {"must_not": [{"field": "page", "operator": "eq", "value": 1}]}
    one = retriever(emu, similarity_top_k=2, alpha=0.3, filters=only)
    found = one.retrieve("What kind of machine is a droplet?")
    assert [node.text for node in found] == [TEXTS[0], TEXTS[2]]
    assert (found[0].metadata, found[0].score) == ({"page": 0}, None)
    again = await one.aretrieve("What kind of machine is a droplet?")
    assert [node.text for node in again] == [node.text for node in found]
    assert emu.requests[0].json == emu.requests[1].json
    assert (emu.requests[0].json["num_results"], emu.requests[0].json["alpha"]) == (2, 0.3)
    one.close()
    await one.aclose()


def test_it_feeds_a_query_engine_and_the_handler_counts(emu: Emulator, make: Make) -> None:
    engine = RetrieverQueryEngine.from_args(retriever(emu, similarity_top_k=1), llm=make())
    with UsageHandler() as spending:
        answer = engine.query("What kind of machine is a droplet?")
    assert "virtual machine" in str(answer)
    assert [node.text for node in answer.source_nodes] == [TEXTS[0]]
    assert spending.ledger.total.calls == 1


def test_its_failures_are_the_clients_own(emu: Emulator) -> None:
    with pytest.raises(NotFoundError):
        retriever(emu, "kb-2", max_retries=0).retrieve("x")


# --- caching, thinking, cost ---


async def test_cached_tokens_are_among_the_input_for_every_family(make: Make) -> None:
    point = CachePoint(cache_control=CacheControl(type="ephemeral", ttl="5m"))
    rules = ChatMessage(role=MessageRole.SYSTEM, blocks=[TextBlock(text=LONG), point])
    messages = [rules, ChatMessage(content="What is a droplet?")]
    claude = make("anthropic-claude-opus-4.6")
    first = claude.chat(messages)
    created = first.additional_kwargs["cache_created_tokens"]
    assert 1024 < created < first.additional_kwargs["prompt_tokens"]
    for response in await every_way(claude, messages):
        facts = response.additional_kwargs
        assert facts["cached_tokens"] == created
        assert (
            facts["prompt_tokens"] == first.additional_kwargs["prompt_tokens"] == response.raw["usage"]["prompt_tokens"]
        )
        assert facts["total_tokens"] == facts["prompt_tokens"] + facts["completion_tokens"]
    gpt = make("openai-gpt-4.1")
    one, two = (gpt.chat(messages).additional_kwargs for _ in range(2))
    assert one["prompt_tokens"] == two["prompt_tokens"] >= two["cached_tokens"] > 1024


def test_llamaindexs_own_counter_sees_all_of_the_input(make: Make) -> None:
    counter = TokenCountingHandler(tokenizer=str.split)
    llm = make("anthropic-claude-opus-4.6", callback_manager=CallbackManager([counter]))
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    llm.chat([ChatMessage(blocks=[TextBlock(text=LONG), point, TextBlock(text="What is a droplet?")])])
    assert counter.prompt_llm_token_count > 1024


def test_an_answer_that_was_all_thinking_has_a_warning(make: Make) -> None:
    llm = make("kimi-k3", max_tokens=5)
    with pytest.warns(EmptyAnswerWarning, match="Raise max_completion_tokens"):
        response = llm.chat(HELLO)
    assert (response.message.content, response.additional_kwargs["finish_reason"]) == ("", "length")
    assert response.additional_kwargs["reasoning_tokens"] == 5
    with pytest.warns(EmptyAnswerWarning):
        assert list(llm.stream_chat(HELLO))[-1].additional_kwargs["finish_reason"] == "length"


def test_template_switches_reach_the_model(make: Make) -> None:
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    kinds = [
        {block.block_type for block in llm.chat(HELLO).message.blocks}
        for llm in (make("kimi-k2.5"), make("kimi-k2.5", extra_body=off), make("kimi-k2.5", **off))
    ]
    assert kinds == [{"thinking", "text"}, {"text"}, {"text"}]


async def test_a_handler_adds_up_tokens_and_cost_by_model(make: Make) -> None:
    with UsageHandler() as spending:
        responses = await every_way(make(), HELLO)
        completion = make().complete("Hello")
        routed = make("router:mine").chat(CODE)
        streamed = list(make().stream_complete("Hello"))[-1]
    make().chat(HELLO)  # nobody is listening any more
    by_model = spending.ledger.by_model
    assert {name: spent.calls for name, spent in by_model.items()} == {"gemma-4-31B-it": 6, "qwen3-coder-flash": 1}
    everything = [*responses, completion, routed, streamed]
    assert spending.ledger.total.tokens.total == sum(one.additional_kwargs["total_tokens"] for one in everything)
    assert spending.ledger.total.cost > 0
    assert spending.class_name() == "DigitalOcean_UsageHandler"


class Other(BaseEventHandler):
    def handle(self, event: Any, **_: Any) -> None:
        pass


def test_it_takes_away_only_itself(make: Make) -> None:
    dispatcher, other = get_dispatcher(), Other()
    before = list(dispatcher.event_handlers)
    shared = Ledger()
    with UsageHandler(ledger=shared), UsageHandler(ledger=shared):
        dispatcher.add_event_handler(other)
        make().chat(HELLO)
    assert shared.total.calls == 2
    assert dispatcher.event_handlers == [*before, other]
    dispatcher.event_handlers.remove(other)
