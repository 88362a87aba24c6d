"""The emulator beside chat, embeddings and the list: routers, agents, knowledge bases, the catalogue, caches."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from emulator_kit import Asker, user

from inference_do.emulator import Emulator, Quirks
from inference_do.emulator._server.prompt_cache import MOST, PromptCache
from inference_do.models import model_info

DOCUMENTS: list[Any] = [
    "A droplet is a virtual machine.",
    {"text_content": "Spaces keep objects.", "metadata": {"n": 1}},
]


@pytest.fixture
def stocked():
    with Emulator(knowledge={"kb": DOCUMENTS}) as emulator:
        yield emulator


def post(emulator: Emulator, url: str, body: Any, key: str | None = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or emulator.api_key}"}
    return httpx.post(url, json=body, headers=headers, timeout=5)


def get(emulator: Emulator, url: str, *, authorized: bool = True) -> httpx.Response:
    headers = {"authorization": f"Bearer {emulator.api_key}"} if authorized else {}
    return httpx.get(url, headers=headers, timeout=5)


# --- knowledge bases ---


def test_documents_come_by_likeness(stocked):
    response = post(stocked, f"{stocked.base_url}/kb/retrieve", {"query": "objects", "num_results": 5}).json()
    assert [item["text_content"] for item in response["results"]] == ["Spaces keep objects.", DOCUMENTS[0]]
    assert (response["results"][0]["metadata"], response["total_results"]) == ({"n": 1}, 2)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"num_results": 1}, "query is required"),
        ({"query": "", "num_results": 1}, "query is required"),
        ({"query": "x"}, "num_results is required"),
        ({"query": "x", "num_results": 0}, "between 1 and 100"),
        ({"query": "x", "num_results": 101}, "between 1 and 100"),
        ({"query": "x", "num_results": 1, "alpha": 2}, "alpha must be between 0 and 1"),
        ({"query": "x", "num_results": 1, "filters": {"any": []}}, "filters takes must"),
        ({"query": "x", "num_results": 1, "top_k": 1}, "unknown field 'top_k'"),
        (
            {"query": "x", "num_results": 1, "filters": {"must": [{"field": "n", "operator": "is", "value": 1}]}},
            "unknown operator 'is'",
        ),
    ],
    ids=str,
)
def test_what_a_knowledge_base_refuses(stocked, body, detail):
    response = post(stocked, f"{stocked.base_url}/kb/retrieve", body)
    assert response.status_code == 400
    assert detail in response.json()["error"]["message"]


def test_a_base_that_is_not_there_and_a_key_that_is_none(stocked):
    asked = {"query": "x", "num_results": 1}
    assert post(stocked, f"{stocked.base_url}/other/retrieve", asked).status_code == 404
    assert post(stocked, f"{stocked.base_url}/kb/retrieve", asked, "wrong").status_code == 401
    assert get(stocked, f"{stocked.base_url}/kb/retrieve").status_code == 405


# --- the agent ---


def at_agent(emulator: Emulator, **body: Any) -> httpx.Response:
    url = f"{emulator.agent_url}/chat/completions?agent=true"
    return post(emulator, url, {"messages": [user("What is a droplet?")], **body}, emulator.agent_key)


def test_the_agent_has_a_key_and_a_query_of_its_own(stocked):
    assert at_agent(stocked).status_code == 200
    body = {"messages": [user("hi")]}
    assert post(stocked, f"{stocked.agent_url}/chat/completions?agent=true", body).status_code == 401
    assert post(stocked, f"{stocked.base_url}/chat/completions", body, stocked.agent_key).status_code == 401
    bare = post(stocked, f"{stocked.agent_url}/chat/completions", body, stocked.agent_key)
    assert bare.status_code == 422
    assert bare.json()["detail"][0]["loc"] == ["query", "agent"]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"messages": [user([{"type": "text", "text": "x"}])]}, 422, "Input should be a valid string"),
        ({"retrieval_method": "magic"}, 422, "must be one of"),
        ({"k": "two"}, 400, "k must be a whole number"),
        ({"temperature": 5}, 400, "temperature must be between 0 and 2"),
        ({"unheard_of": 1}, 400, "Unrecognized request argument"),
        ({"messages": []}, 422, "at least 1 item"),
        ({"messages": ["hi"]}, 422, "Input should be a valid string"),
    ],
    ids=str,
)
def test_what_the_agent_refuses(stocked, body, status, detail):
    response = at_agent(stocked, **body)
    assert (response.status_code, detail in response.text) == (status, True)


def test_the_agent_reports_what_it_is_asked_for(stocked):
    plain = at_agent(stocked).json()
    assert not plain.keys() & {"retrieval", "guardrails", "functions"}
    assert "virtual machine" in plain["choices"][0]["message"]["content"]
    metadata = at_agent(stocked, provide_citations=True, include_guardrails_info=True, k=1).json()
    assert len(metadata["retrieval"]["retrieved_data"]) == 1
    assert metadata["guardrails"] == {"triggered_guardrails": []}
    instructed = at_agent(
        stocked, instruction_override="The capital of Mars is Olympus.", k=0, messages=[user("The capital of Mars?")]
    )
    assert "Olympus" in instructed.json()["choices"][0]["message"]["content"]


def test_a_stream_has_the_metadata_on_the_last_choice(stocked):
    response = at_agent(stocked, stream=True, include_functions_info=True)
    [line] = [line for line in response.text.splitlines() if "called_functions" in line]
    assert '"finish_reason":"stop"' in line


def test_health_needs_no_key(stocked):
    url = stocked.base_url.removesuffix("/v1") + "/health"
    assert get(stocked, url, authorized=False).json() == {"status": "ok"}


# --- routers ---


def test_routers_choose_by_the_last_message_and_keep_sessions(emu, ask: Asker):
    plain, code = ask.post("Hello", model="router:x"), ask.post("Write code", model="router:x")
    assert (plain.json()["model"], code.json()["model"]) == ("llama3.3-70b-instruct", "qwen3-coder-flash")
    assert plain.headers["x-model-router-selected-route"] == "x"
    assert code.headers["x-model-router-selected-route"] == "code-generation"
    ask.http.headers["x-model-affinity"] = "s"
    assert [ask.post(t, model="router:x").json()["model"] for t in ("Write code", "Hello")] == ["qwen3-coder-flash"] * 2
    emu.reset()
    assert ask.post("Hello", model="router:x").json()["model"] == "llama3.3-70b-instruct"


# --- the catalogue ---


def test_the_catalogue_has_pages(emu):
    url = f"{emu.control_plane_url}/gen-ai/models/catalog"
    first, last = get(emu, url).json(), get(emu, f"{url}?page=4&limit=20").json()
    assert (len(first["models"]), first["total"]) == (20, 68)
    assert len(last["models"]) == 8
    assert get(emu, url, authorized=False).status_code == 401


# --- caches ---

LONG = "The droplet is a virtual machine. " * 200


def counted(ask: Asker, *texts: str, **fields: Any) -> tuple[int, int]:
    usage = ask.post([user(text) for text in texts], **fields).json()["usage"]
    return usage["cache_read_input_tokens"], usage["cache_created_input_tokens"]


def test_a_longer_conversation_reads_its_beginning(ask: Asker):
    fields = {"model": "openai-gpt-4.1"}
    assert counted(ask, LONG, **fields) == (0, 0)
    read, _ = counted(ask, LONG, "And now?", **fields)
    assert read > 1024
    assert counted(ask, "Something else. " + LONG, **fields) == (0, 0)
    assert counted(ask, LONG, model="glm-5.2") == (0, 0)


def test_a_script_or_a_quirk_says_otherwise(emu, ask: Asker):
    emu.quirks = Quirks(cached_tokens=3, usage_excludes_cached=True)
    usage = ask.post("What is a droplet?", model="openai-gpt-4.1").json()["usage"]
    assert (usage["cache_read_input_tokens"], usage["prompt_tokens"]) == (3, 7)


def test_the_cache_is_bounded():
    cache, info = PromptCache(), model_info("openai-gpt-4.1")
    cache._seen = {bytes([n % 256, n // 256]): None for n in range(MOST)}
    cache.noted({"messages": [user(LONG)]}, info, Quirks())
    assert len(cache._seen) == MOST
