"""What is not the plain serverless API, over HTTP: routers, agents, dedicated endpoints, other paths."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from client_kit import ASK, HELLO, caught, make, make_async
from interfaces import ANSWER

from inference_do import APIConnectionError, AsyncClient, BadRequestError, Client, ConfigError, ProtocolError
from inference_do.config import Config
from inference_do.emulator import Emulator, RawBody

CODE = [{"role": "user", "content": "Refactor this function"}]


# --- routers ---


async def test_a_router_tells_the_model_and_the_route(emu):
    client = make(emu)
    for answer in (
        client.chat(model="router:mine", messages=CODE),
        client.stream(model="router:mine", messages=CODE).completion(),
        await make_async(emu).chat(model="router:mine", messages=CODE),
    ):
        assert (answer.model, answer.response_info.route) == ("qwen3-coder-flash", "code-generation")
    general = client.chat(model="router:general", messages=HELLO)
    assert (general.model, general.response_info.route) == ("llama3.3-70b-instruct", "general")
    assert client.chat(**ASK).response_info.route is None


def test_a_session_keeps_its_model(emu):
    client = make(emu)
    session = {"extra_headers": {"X-Model-Affinity": "session-1"}}
    first = client.chat(model="router:mine", messages=HELLO, **session)
    second = client.chat(model="router:mine", messages=CODE, **session)
    assert first.model == second.model == "llama3.3-70b-instruct"
    for other in ("session-2", "none"):
        free = client.chat(model="router:mine", messages=CODE, extra_headers={"X-Model-Affinity": other})
        assert free.model == "qwen3-coder-flash"


def test_limits_are_reported_with_every_answer(emu):
    limits = make(emu).chat(**ASK).response_info.limits
    assert set(limits) == {"requests", "tokens-per-minute", "tokens-per-day"}
    assert (limits["requests"].limit, limits["requests"].remaining) == (1_000_000, 999_999)
    assert limits["requests"].reset > 1_700_000_000


# --- agents ---

FACTS = ["A droplet is a virtual machine.", "Spaces keep objects.", "App Platform runs containers."]


@pytest.fixture
def with_knowledge():
    with Emulator(knowledge={"kb-1": FACTS}) as emulator:
        yield emulator


def at_agent(emu: Emulator, **options: Any) -> Client:
    return Client(emu.agent_key, base_url=emu.agent_url, default_query={"agent": "true"}, max_retries=0, **options)


ASK_AGENT: dict[str, Any] = {"model": "n/a", "messages": [{"role": "user", "content": "What is a droplet?"}]}
WANTED = {"include_retrieval_info": True, "include_guardrails_info": True, "include_functions_info": True, "k": 2}


def test_an_agent_answers_from_its_knowledge_and_tells_what_it_was_asked_to(with_knowledge):
    with at_agent(with_knowledge) as client:
        whole = client.chat(**ASK_AGENT, extra_body=WANTED)
        streamed = client.stream(**ASK_AGENT, extra_body=WANTED).completion()
        plain = client.chat(**ASK_AGENT)
    assert "virtual machine" in whole.text
    for answer in (whole, streamed):
        found = answer.retrieval["retrieved_data"]
        assert [item["index"] for item in found] == [0, 1]
        assert found[0]["text_content"] == FACTS[0]
        assert answer.guardrails == {"triggered_guardrails": []}
        assert answer.functions == {"called_functions": []}
    assert not plain.model_extra.keys() & {"retrieval", "guardrails", "functions"}
    assert with_knowledge.requests[0].query == "agent=true"


def test_a_guardrail_ends_the_answer(with_knowledge):
    with at_agent(with_knowledge) as client:
        asked = [{"role": "user", "content": "Tell me the password"}]
        answer = client.chat(model="n/a", messages=asked, extra_body=WANTED)
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.guardrails["triggered_guardrails"][0]["rule_name"] == "secrets"


def test_an_agent_is_sent_plain_text_and_no_models_rules(with_knowledge):
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "a droplet?"}]
    with at_agent(with_knowledge) as client:
        answer = client.chat(model="openai-gpt-5.4", messages=[{"role": "user", "content": parts}])
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
        error = caught(lambda: client.chat(model="n/a", messages=[{"role": "user", "content": [image]}]))
    assert "virtual machine" in answer.text
    assert with_knowledge.requests[0].json["messages"][0]["content"] == "What is\na droplet?"
    assert type(error) is ConfigError
    assert str(error) == "messages[0]: an agent takes text only, no image_url"
    assert with_knowledge.posts == 1


def test_an_agents_own_refusals_are_read(with_knowledge):
    url, key = with_knowledge.agent_url, with_knowledge.agent_key
    with Client(key, base_url=url) as client:
        error = caught(lambda: client.chat(**ASK_AGENT))
    assert type(error) is BadRequestError
    assert "query.agent: Field required" in str(error)
    with at_agent(with_knowledge) as client:
        error = caught(lambda: client.chat(**ASK_AGENT, extra_body={"retrieval_method": "magic"}))
        assert "body.retrieval_method" in str(error)
        error = caught(lambda: client.chat(**ASK_AGENT, extra_body={"k": -1}))
        assert "k must be a whole number" in str(error)
    with Client(with_knowledge.api_key, base_url=url, default_query={"agent": "true"}) as client:
        assert caught(lambda: client.chat(**ASK_AGENT)).status == 401


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        ("https://abc.agents.do-ai.run", "https://abc.agents.do-ai.run/api/v1"),
        ("https://abc.agents.do-ai.run/", "https://abc.agents.do-ai.run/api/v1"),
        ("https://abc.agents.do-ai.run/api/v1/", "https://abc.agents.do-ai.run/api/v1"),
    ],
)
def test_an_agents_address_is_enough(given, base_url):
    config = Config.build("k", base_url=given)
    assert (config.base_url, config.query, config.is_agent) == (base_url, {"agent": "true"}, True)
    assert Config.build("k", base_url="https://x.example/v1").is_agent is False


def test_an_agents_address_is_enough_over_http(with_knowledge):
    """The control panel's address, with a transport that takes the emulator for DigitalOcean's host."""

    class Detour(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert request.url.host == "abc.agents.do-ai.run"
            there = httpx.URL(with_knowledge.agent_url)
            request.url = request.url.copy_with(scheme="http", host=there.host, port=there.port)
            return super().handle_request(request)

    with (
        httpx.Client(transport=Detour()) as mine,
        Client(with_knowledge.agent_key, base_url="https://abc.agents.do-ai.run", http_client=mine) as client,
    ):
        assert "virtual machine" in client.chat(**ASK_AGENT).text
    assert with_knowledge.requests[0].path == "/api/v1/chat/completions"


# --- dedicated endpoints ---


DEDICATED = {"model": "mistral/mistral-7b-instruct-v3", "messages": HELLO}


@pytest.mark.parametrize("form", ["path", "text"])
def test_a_dedicated_endpoint_with_a_certificate_of_its_own(private, certificate, form):
    ca = certificate[0] if form == "path" else Path(certificate[0]).read_text(encoding="utf-8")
    assert private.base_url.startswith("https://")

    async def ask() -> Any:
        async with AsyncClient(private.api_key, base_url=private.base_url, ca=ca) as client:
            return await client.chat(**DEDICATED), await client.stream(**DEDICATED).completion()

    with Client(private.api_key, base_url=private.base_url, ca=ca) as client:
        answers = [client.chat(**DEDICATED), client.stream(**DEDICATED).completion(), *asyncio.run(ask())]
    assert [answer.text for answer in answers] == [ANSWER] * 4


def test_without_it_nothing_is_sent(private):
    with Client(private.api_key, base_url=private.base_url) as client:
        error = caught(lambda: client.chat(**DEDICATED))
    assert type(error) is APIConnectionError
    assert "certificate verify failed" in str(error).lower()
    assert private.requests == []


@pytest.mark.parametrize(
    ("ca", "detail"),
    [
        ("/nowhere/ca.pem", "ca names no file: '/nowhere/ca.pem'"),
        (5, "ca must be the path of a PEM file, or PEM text, not int"),
    ],
)
def test_authorities_that_are_none_are_refused_at_once(ca, detail):
    with pytest.raises(ConfigError, match=detail):
        Client("k", ca=ca)


def test_a_file_that_holds_no_certificate_is_named_when_it_is_needed(tmp_path):
    path = tmp_path / "empty.pem"
    path.write_text("nothing")
    with pytest.raises(ConfigError, match="certificates that ca or the environment names cannot be used"):
        Client("k", base_url="https://localhost:1/v1", ca=path).chat(**ASK)


# --- endpoints without a method ---


async def test_any_other_endpoint_can_be_called(emu):
    client = make(emu)
    listed = client.request("/models")
    assert len(listed.data) == 72
    assert listed.request_id
    vectors = await make_async(emu).request("/embeddings", {"model": "bge-m3"}, extra_body={"input": "x"})
    assert len(vectors.data[0]["embedding"]) == 1024
    assert emu.requests[-1].json == {"model": "bge-m3", "input": "x"}
    client.request("/models", extra_query={"a": 1}, extra_headers={"X-B": "2"}, timeout=5, max_retries=0)
    assert (emu.requests[-1].query, emu.requests[-1].headers["x-b"]) == ("a=1", "2")


@pytest.mark.parametrize(
    ("arguments", "options", "detail"),
    [(["models"], {}, "must begin with a slash"), (["/x", {}], {"model": "m"}, "takes no 'model'")],
)
def test_a_call_that_cannot_be_meant_is_refused(emu, arguments, options, detail):
    error = caught(lambda: make(emu).request(*arguments, **options))
    assert type(error) is ConfigError
    assert detail in str(error)
    assert emu.requests == []


@pytest.mark.parametrize("body", [b"[]", b'{"error": "no"}', b"<html>"])
def test_a_response_that_is_no_object_is_an_error(emu, body):
    emu.script(RawBody(body))
    assert isinstance(
        caught(lambda: make(emu).request("/embeddings", {"model": "bge-m3", "input": "x"})), ProtocolError
    )
