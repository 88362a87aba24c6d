"""Routers, agents, knowledge bases, caching and cost through the chat model, over HTTP."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests

from inference_do import EmptyAnswerWarning, InferenceError, estimate_cost
from inference_do.emulator import Emulator
from langchain_do import (
    ChatDigitalOcean,
    DigitalOceanKnowledgeBaseRetriever,
    UsageCallback,
    retrieved_documents,
)
from langchain_do.usage import tokens_of

Make = Callable[..., ChatDigitalOcean]
TEXTS = ["A droplet is a virtual machine.", "A droplet has a region.", "Spaces keep objects."]
LONG = "The droplet is a virtual machine. " * 200
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
SHOW = {"include_retrieval_info": True, "include_guardrails_info": True, "include_functions_info": True, "k": 1}


@pytest.fixture
def emu() -> Iterator[Emulator]:
    documents = [{"text_content": text, "metadata": {"page": page}} for page, text in enumerate(TEXTS)]
    with Emulator(knowledge={"kb-1": documents}) as emulator:
        yield emulator


def gathered(model: ChatDigitalOcean, prompt: Any) -> AIMessage:
    whole: Any = None
    for chunk in model.stream(prompt):
        whole = chunk if whole is None else whole + chunk
    return whole


async def agathered(model: ChatDigitalOcean, prompt: Any) -> AIMessage:
    whole: Any = None
    async for chunk in model.astream(prompt):
        whole = chunk if whole is None else whole + chunk
    return whole


async def every_way(model: ChatDigitalOcean, prompt: Any) -> list[AIMessage]:
    return [
        model.invoke(prompt),
        gathered(model, prompt),
        await model.ainvoke(prompt),
        await agathered(model, prompt),
    ]


# --- what models refuse ---


@pytest.mark.parametrize(
    ("settings", "prompt", "detail"),
    [
        ({"model": "openai-gpt-5.4"}, "hi", "is not on /v1/chat/completions, only on /v1/responses"),
        ({"model": "anthropic-claude-opus-4.6"}, [IMAGE], "takes images on /v1/messages only"),
    ],
    ids=["endpoint", "image"],
)
async def test_what_cannot_work_is_refused_before_the_request(
    make: Make, emu: Emulator, settings: Any, prompt: Any, detail: str
) -> None:
    content = prompt if isinstance(prompt, str) else [HumanMessage(prompt)]
    model = make(api="chat_completions", **settings)
    for ask in (model.invoke, lambda content: gathered(model, content)):
        with pytest.raises(ModelInvalidRequestError, match=detail):
            ask(content)
    with pytest.raises(ModelInvalidRequestError, match=detail):
        await model.ainvoke(content)
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
        make(**settings).invoke("hi")


# --- routers ---


async def test_a_router_names_model_and_route(make: Make) -> None:
    model = make(model="router:mine")
    for answer in await every_way(model, "Refactor this function"):
        assert answer.response_metadata["model_name"] == "qwen3-coder-flash"
        assert answer.response_metadata["route"] == "code-generation"
    plain = make().invoke("hi")
    assert "route" not in plain.response_metadata


def test_affinity_keeps_a_router_on_one_model(make: Make) -> None:
    model = make(model="router:mine", model_affinity="chat-1")
    names = [model.invoke(text).response_metadata["model_name"] for text in ("Hello", "Refactor this function")]
    assert names == ["llama3.3-70b-instruct"] * 2


# --- agents ---


async def test_what_an_agent_tells_is_in_the_metadata_and_as_documents(emu: Emulator) -> None:
    model = ChatDigitalOcean(
        model="n/a",
        api_key=emu.agent_key,
        base_url=emu.agent_url,
        default_query={"agent": "true"},
        extra_body=SHOW,
    )
    for answer in await every_way(model, "What is a virtual machine?"):
        assert "virtual machine" in answer.text
        assert answer.response_metadata["guardrails"] == {"triggered_guardrails": []}
        assert answer.response_metadata["functions"] == {"called_functions": []}
        [document] = retrieved_documents(answer)
        assert (document.id, document.page_content) == ("doc-0", TEXTS[0])
        assert document.metadata["page"] == 0
        assert document.metadata["score"] > 0.5
    assert emu.requests[0].json["include_retrieval_info"] is True


def test_answers_without_documents_have_none() -> None:
    assert retrieved_documents(AIMessage("x")) == []
    reported = {"retrieval": {"retrieved_data": [{"id": 7, "index": 0, "score": 0.5}, "odd"]}}
    [bare] = retrieved_documents(AIMessage("x", response_metadata=reported))
    assert bare == Document(id="7", page_content="", metadata={"id": 7, "index": 0, "score": 0.5})


async def test_a_dedicated_endpoint_with_a_certificate_of_its_own(private: Emulator, certificate: Any) -> None:
    model = ChatDigitalOcean(
        model="mistral/mistral-7b-instruct-v3",
        api_key=private.api_key,
        base_url=private.base_url,
        ca=certificate[0],
    )
    assert [answer.text for answer in await every_way(model, "Hello")] == ["You said: Hello"] * 4


# --- knowledge bases ---


def retriever(emu: Emulator, **options: Any) -> DigitalOceanKnowledgeBaseRetriever:
    settings = {"knowledge_base_id": "kb-1", "api_key": emu.api_key, "base_url": emu.base_url, **options}
    return DigitalOceanKnowledgeBaseRetriever(**settings)


class TestTheStandardSuite(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _place(self, emu: Emulator) -> None:
        self._emu = emu

    @property
    def retriever_constructor(self) -> Any:
        return DigitalOceanKnowledgeBaseRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"knowledge_base_id": "kb-1", "api_key": self._emu.api_key, "base_url": self._emu.base_url}

    @property
    def retriever_query_example(self) -> str:
        return "droplet"


async def test_it_retrieves_and_a_call_may_differ(emu: Emulator) -> None:
    one = retriever(emu, num_results=2, alpha=0.3)
    found = one.invoke("What kind of machine is a droplet?")
    assert [document.page_content for document in found] == TEXTS[:2]
    assert found == await one.ainvoke("What kind of machine is a droplet?")
    assert found[0].metadata == {"page": 0}
    assert emu.requests[0].json == emu.requests[1].json
    assert emu.requests[0].json["alpha"] == 0.3
    only = {"must": [{"field": "page", "operator": "eq", "value": 2}]}
    assert [document.page_content for document in one.invoke("droplet", filters=only)] == TEXTS[2:]
    assert len(one.invoke("droplet", k=3)) == 3
    one.close()
    await one.aclose()


def test_further_fields_go_along(emu: Emulator) -> None:
    with pytest.raises(InferenceError, match="unknown field 'rerank'"):
        retriever(emu, model_kwargs={"rerank": True}).invoke("droplet")
    assert emu.requests[-1].json["rerank"] is True


def test_it_stands_in_a_chain(emu: Emulator, make: Make) -> None:
    chain = {"context": retriever(emu, k=1), "question": RunnablePassthrough()} | RunnablePassthrough.assign(
        answer=lambda given: make().invoke(f"{given['context'][0].page_content}\n{given['question']}").text
    )
    assert "virtual machine" in chain.invoke("What kind of machine is a droplet?")["answer"]


def test_its_failures_are_of_both_families(emu: Emulator) -> None:
    with pytest.raises(InferenceError) as caught:
        retriever(emu, knowledge_base_id="kb-2", max_retries=0).invoke("x")
    assert type(caught.value).__module__ == "langchain_do"
    with pytest.raises(InferenceError, match="num_results must be a whole number above 0"):
        retriever(emu).invoke("x", k=0)


def test_it_is_pickled_without_its_key(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(retriever(emu))
    assert emu.api_key.encode() not in data
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", emu.api_key)
    assert pickle.loads(data).invoke("droplet")
    assert emu.api_key not in repr(retriever(emu))


# --- caching, thinking, cost ---


async def test_cached_tokens_are_among_the_input_for_every_family(make: Make) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    prompt = [SystemMessage([{"type": "text", "text": LONG, **mark}]), HumanMessage("What is a droplet?")]
    claude = make(model="anthropic-claude-opus-4.6")
    first = claude.invoke(prompt).usage_metadata
    assert first
    created = first["input_token_details"]["cache_creation"]
    assert 1024 < created < first["input_tokens"]
    for answer in await every_way(claude, prompt):
        usage = answer.usage_metadata
        assert usage
        assert usage["input_tokens"] == first["input_tokens"]
        assert usage["input_token_details"] == {"cache_read": created}
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    gpt = make(model="openai-gpt-4.1")
    one, two = (gpt.invoke(prompt).usage_metadata for _ in range(2))
    assert one
    assert two
    assert one["input_tokens"] == two["input_tokens"] >= two["input_token_details"]["cache_read"] > 1024


def test_an_answer_that_was_all_thinking_has_a_warning(make: Make) -> None:
    with pytest.warns(EmptyAnswerWarning, match="Raise max_completion_tokens"):
        answer = make(model="kimi-k3", max_tokens=5).invoke("Why?")
    assert (answer.text, answer.response_metadata["finish_reason"]) == ("", "length")
    assert answer.usage_metadata
    assert answer.usage_metadata["output_token_details"]["reasoning"] == 5
    with pytest.warns(EmptyAnswerWarning):
        assert gathered(make(model="kimi-k3", max_tokens=5), "Why?").response_metadata["finish_reason"] == "length"


def test_template_switches_reach_the_model(make: Make, emu: Emulator) -> None:
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    assert "reasoning_content" in make(model="kimi-k2.5").invoke("Why?").additional_kwargs
    assert "reasoning_content" not in make(model="kimi-k2.5", extra_body=off).invoke("Why?").additional_kwargs
    assert "reasoning_content" not in make(model="kimi-k2.5", **off).invoke("Why?").additional_kwargs
    assert "reasoning_content" not in make(model="kimi-k2.5").invoke("Why?", **off).additional_kwargs
    assert emu.requests[-1].json["chat_template_kwargs"] == {"enable_thinking": False}


async def test_a_callback_adds_up_tokens_and_cost_by_model(make: Make) -> None:
    spending = UsageCallback()
    model = make(callbacks=[spending])
    answers = await every_way(model, "Hello")
    answers += [make(model="router:mine", callbacks=[spending]).invoke("Refactor this function")]
    by_model = spending.ledger.by_model
    assert {name: spent.calls for name, spent in by_model.items()} == {
        "llama3.3-70b-instruct": 4,
        "qwen3-coder-flash": 1,
    }
    total = spending.ledger.total
    assert total.tokens.total == sum(answer.usage_metadata["total_tokens"] for answer in answers)  # type: ignore[index]
    costs = [
        estimate_cost(answer.response_metadata["model_name"], tokens_of(answer.usage_metadata)).total  # type: ignore[arg-type]
        for answer in answers
    ]
    assert total.cost == pytest.approx(sum(cost or 0 for cost in costs))
    assert total.cost > 0
    assert "UsageCallback(Ledger(5 calls" in repr(spending)


def test_what_costs_nothing_is_not_counted(make: Make) -> None:
    spending = UsageCallback()
    model = make(cache=InMemoryCache(), callbacks=[spending])
    for _ in range(3):
        model.invoke("Hello")
    FakeListChatModel(responses=["x"]).invoke("Hello", config={"callbacks": [spending]})
    assert spending.ledger.total.calls == 1


def test_several_answers_are_one_call(make: Make) -> None:
    spending = UsageCallback()
    result = make(n=3, callbacks=[spending]).generate([[HumanMessage("Hello")]])
    assert len(result.generations[0]) == 3
    assert spending.ledger.total.calls == 1


def test_usage_counts_for_limits_of_the_users(make: Make) -> None:
    """A ledger of one's own may be shared between callbacks."""
    mine = UsageCallback().ledger
    make(callbacks=[UsageCallback(mine)]).invoke("Hello")
    make(callbacks=[UsageCallback(mine)]).invoke("Hello")
    assert mine.total.calls == 2
