"""Which API is asked, and what of an answer goes back: over HTTP, on chat completions, responses and messages."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    ChatMessage,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.prompts import PromptTemplate
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.storage.chat_store.simple_chat_store import chat_message_serialization
from pydantic import BaseModel

from inference_do import ConfigError, models
from inference_do.emulator import Emulator, Quirks
from inference_do.models import register_model
from llamaindex_do._citations import read_citations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llama_index.core.base.llms.types import ChatResponse

    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),  # workflows look at every attribute
    pytest.mark.usefixtures("hosted_thinker"),
]

OPENAI, HOSTED, CLAUDE = "openai-gpt-5.4", "hosted-thinker", "anthropic-claude-haiku-4.5"
PATHS = {"chat_completions": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
THINKING: dict[str, dict[str, Any]] = {
    "chat_completions": {},
    "responses": {"reasoning_effort": "low"},
    "messages": {"reasoning": {"max_tokens": 1024}, "max_tokens": 3000},
}
CASES = [(HOSTED, "chat_completions"), (OPENAI, "responses"), (HOSTED, "responses"), (CLAUDE, "messages")]
OPAQUE = [case for case in CASES if case != CASES[0]]
HELLO = [ChatMessage(content="Hello")]
BOTH = "What is the weather in Paris and London?"
SEARCH = {"type": "web_search", "name": "web_search"}
WEATHER = {
    "name": "get_weather",
    "description": "Weather.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4 one page"


def get_weather(place: str) -> str:
    """Weather."""
    return f"rain in {place}"


class Where(BaseModel):
    place: str


@pytest.fixture
def hosted_thinker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_REGISTERED", {})
    register_model(HOSTED, kind="chat", provider="Moonshot AI", reasoning=True, endpoints=list(PATHS.values()))


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(quirks=Quirks(redacted_thinking=True)) as emulator:
        yield emulator


async def every_way(llm: DigitalOcean, messages: list[ChatMessage], **kwargs: Any) -> list[ChatResponse]:
    return [
        llm.chat(messages, **kwargs),
        list(llm.stream_chat(messages, **kwargs))[-1],
        await llm.achat(messages, **kwargs),
        [response async for response in await llm.astream_chat(messages, **kwargs)][-1],
    ]


# --- which API ---


@pytest.mark.parametrize(("model", "api"), CASES)
async def test_the_api_is_asked_and_named(make: Make, emu: Emulator, model: str, api: str) -> None:
    for llm, kwargs in ((make(model, api=api), {}), (make(model), {"api": api})):
        for response in await every_way(llm, HELLO, **kwargs):
            assert response.message.content == "You said: Hello"
            assert (response.additional_kwargs["api"], response.additional_kwargs["attempts"]) == (api, 1)
    assert {request.path for request in emu.requests} == {PATHS[api]}


@pytest.mark.parametrize(
    ("settings", "kwargs", "path"),
    [
        ({"use_responses_api": True}, {}, "responses"),
        ({}, {"use_responses_api": True}, "responses"),
        ({"api": "messages"}, {"use_responses_api": True}, "responses"),
        ({"use_responses_api": True}, {"api": "messages"}, "messages"),
        ({"use_responses_api": True}, {"api": "auto"}, "chat_completions"),
        ({"additional_kwargs": {"api": "messages"}}, {}, "messages"),
        ({"api": "messages"}, {"api": None}, "messages"),
        ({"use_responses_api": False}, {"use_responses_api": False}, "chat_completions"),
    ],
    ids=str,
)
def test_the_latest_says_which(make: Make, emu: Emulator, settings: Any, kwargs: Any, path: str) -> None:
    make(HOSTED, **settings).chat(HELLO, **kwargs)
    assert emu.requests[-1].path == PATHS[path]


def test_what_is_no_api_is_refused(make: Make, emu: Emulator) -> None:
    with pytest.raises(ConfigError, match="api: Input should be 'auto'"):
        make(api="completions")
    with pytest.raises(ConfigError, match="api must be"):
        make().chat(HELLO, api="completions")
    with pytest.raises(ConfigError, match="another name of api='responses'"):
        make(api="messages", use_responses_api=True)
    with pytest.raises(ConfigError, match="another name of api='responses'"):
        make().chat(HELLO, api="messages", use_responses_api=True)
    assert emu.posts == 0


def test_it_is_stored(make: Make, emu: Emulator) -> None:
    stored = make(HOSTED, use_responses_api=True).to_dict()
    assert stored["api"] == "responses"
    type(make()).from_dict(stored, api_key=emu.api_key, base_url=emu.base_url).chat(HELLO)
    assert emu.requests[-1].path == PATHS["responses"]


@pytest.mark.parametrize("model", ["openai-gpt-5.4", "openai-gpt-5.5", "openai-gpt-6-astra"])
async def test_models_of_responses_only_answer(make: Make, emu: Emulator, model: str) -> None:
    llm = make(model)
    assert llm.metadata.is_function_calling_model
    assert llm.metadata.is_chat_model
    assert llm.metadata.context_window >= 32_768
    for response in await every_way(llm, HELLO):
        assert response.additional_kwargs["api"] == "responses"
    assert llm.complete("Hello").additional_kwargs["api"] == "responses"


@pytest.mark.parametrize(
    "block",
    [
        ImageBlock(image=PNG),
        ImageBlock(url="https://x.test/a.png"),
        DocumentBlock(data=PDF, title="a.pdf"),
        DocumentBlock(url="https://x.test/a.pdf", title="a.pdf"),
        DocumentBlock(url="https://x.test/a.pdf"),
    ],
    ids=["image", "image by URL", "PDF", "titled PDF by URL", "PDF by URL"],
)
@pytest.mark.parametrize(("model", "api"), [(OPENAI, "responses"), (CLAUDE, "messages")])
async def test_images_and_files(make: Make, emu: Emulator, model: str, api: str, block: Any) -> None:
    messages = [ChatMessage(blocks=[TextBlock(text="What is it?"), block])]
    for response in await every_way(make(model), messages):
        assert response.additional_kwargs["api"] == api
        assert response.message.content
    assert make(model).chat(HELLO).additional_kwargs["api"] == ("responses" if model == OPENAI else "chat_completions")


def test_urls_of_documents_are_none_of_chat_completions(make: Make, emu: Emulator) -> None:
    message = ChatMessage(blocks=[DocumentBlock(url="https://x.test/a.pdf")])
    for llm in (make(), make(CLAUDE, api="chat_completions"), make("router:mine"), make("nobody/knows")):
        with pytest.raises(ConfigError, match="chat completions take no URL here"):
            llm.chat([message])
    assert emu.posts == 0


@pytest.mark.parametrize(("model", "api"), [(OPENAI, "responses"), (CLAUDE, "messages"), (HOSTED, "chat_completions")])
def test_results_with_images(make: Make, emu: Emulator, model: str, api: str) -> None:
    register_model(HOSTED, vision=True)
    llm = make(model)
    asked = [ChatMessage(content="What is the weather in Paris?")]
    answer = llm.chat(asked, tools=[WEATHER]).message
    id_ = answer.additional_kwargs["tool_calls"][0]["id"]
    result = ChatMessage(
        role="tool", blocks=[TextBlock(text="rain"), ImageBlock(image=PNG)], additional_kwargs={"tool_call_id": id_}
    )
    response = llm.chat([*asked, answer, result], tools=[WEATHER])
    assert response.additional_kwargs["api"] == api
    sent = emu.requests[-1].json
    match api:
        case "responses":
            kinds = [part["type"] for part in sent["input"][-1]["output"]]
            assert kinds == ["input_text", "input_image"]
        case "messages":
            (block,) = sent["messages"][-1]["content"]
            assert [part["type"] for part in block["content"]] == ["text", "image"]
        case _:
            assert [message["role"] for message in sent["messages"][-2:]] == ["tool", "user"]


def test_cache_points_stand_on_images_too(make: Make, emu: Emulator) -> None:
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    make(CLAUDE).chat([ChatMessage(blocks=[TextBlock(text="a"), ImageBlock(image=PNG), point])])
    text, image = emu.requests[-1].json["messages"][0]["content"]
    assert "cache_control" not in text
    assert image["cache_control"] == {"type": "ephemeral", "ttl": "5m"}


# --- what goes back ---


def opaque_of(sent: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what stands of an answer's own in a request, in its order: thoughts, and the kinds of what follows."""
    if "input" in sent:
        return [item for item in sent["input"] if item["type"] != "function_call_output" and item.get("role") != "user"]
    return [block for turn in sent["messages"] if turn["role"] == "assistant" for block in turn["content"]]


def through_memory(message: ChatMessage) -> ChatMessage:
    """Return a message as JSON and the stores of LlamaIndex keep it.

    The store's own `model_dump` fails on every message with pydantic 2.14 (llama-index-core 0.14.25), so that what it
    does to a message is done here.
    """
    message = ChatMessage.model_validate(json.loads(message.model_dump_json()))
    kept = chat_message_serialization(message, lambda given, _: given.model_dump(), None)
    form = json.dumps({"store": {"a": [kept]}})
    buffer = ChatMemoryBuffer.from_defaults(token_limit=100_000, chat_store=SimpleChatStore.model_validate_json(form))
    buffer.chat_store_key = "a"
    (message,) = buffer.get()
    return message


@pytest.mark.parametrize(("model", "api"), OPAQUE)
async def test_thoughts_go_back_unchanged_before_their_calls(make: Make, emu: Emulator, model: str, api: str) -> None:
    llm = make(model, api=api, **THINKING[api])
    asked = [ChatMessage(content=BOTH)]
    for answer in await every_way(llm, asked, tools=[WEATHER]):
        message = answer.message
        thoughts = [block for block in message.blocks if isinstance(block, ThinkingBlock)]
        assert thoughts[0].content
        details = message.additional_kwargs["reasoning_details"]
        assert {entry["model"] for entry in details} == {model}
        if model == CLAUDE:
            assert thoughts[0].additional_information["signature"] == details[-1]["signature"]
        kept = through_memory(message)
        assert kept == message
        ids = [call["id"] for call in message.additional_kwargs["tool_calls"]]
        results = [ChatMessage(role="tool", content="rain", additional_kwargs={"tool_call_id": id_}) for id_ in ids]
        second = llm.chat([*asked, kept, *results], tools=[WEATHER])
        assert second.message.content == "The answer is: rain; rain"
        sent = opaque_of(emu.requests[-1].json)
        kinds = [item["type"] for item in sent]
        if api == "responses":
            assert kinds == ["reasoning", "function_call", "function_call"]
            encrypted = [entry["data"] for entry in details if entry["type"] == "reasoning.encrypted"]
            assert sent[0].get("encrypted_content") == (encrypted[0] if encrypted else None)
        else:
            assert kinds == ["redacted_thinking", "thinking", "tool_use", "tool_use"]
            assert (sent[0]["data"], sent[1]["signature"]) == (details[0]["data"], details[1]["signature"])
        make(model, api=api).chat([*asked, kept, *results], tools=[WEATHER], send_reasoning=False)
        left = opaque_of(emu.requests[-1].json)
        assert left == [item for item in sent if item["type"] not in {"reasoning", "redacted_thinking", "thinking"}]


@pytest.mark.usefixtures("unclosed_memory")
async def test_memory_keeps_them(make: Make, emu: Emulator) -> None:
    message = make(CLAUDE, api="messages", **THINKING["messages"]).chat([ChatMessage(content="Hello")]).message
    memory = Memory.from_defaults(token_limit=100_000)
    await memory.aput(message)
    (kept,) = await memory.aget_all()
    assert kept.additional_kwargs["reasoning_details"] == message.additional_kwargs["reasoning_details"]
    assert kept.blocks == message.blocks


@pytest.mark.parametrize(("first", "api"), CASES)
@pytest.mark.parametrize(("second", "other"), CASES)
def test_a_conversation_changes_model_and_api(
    make: Make, emu: Emulator, first: str, api: str, second: str, other: str
) -> None:
    asked = [ChatMessage(content=BOTH)]
    for answer in (
        make(first, api=api, **THINKING[api]).chat(asked, tools=[WEATHER]),
        list(make(first, api=api, **THINKING[api]).stream_chat(asked, tools=[WEATHER]))[-1],
    ):
        ids = [call["id"] for call in answer.message.additional_kwargs["tool_calls"]]
        results = [ChatMessage(role="tool", content="rain", additional_kwargs={"tool_call_id": id_}) for id_ in ids]
        history = [*asked, answer.message, *results]
        more = {} if other == "messages" else THINKING[other]
        response = make(second, api=other, **more).chat(history, tools=[WEATHER])
        assert response.message.content == "The answer is: rain; rain"


@pytest.mark.parametrize(("model", "api"), [(OPENAI, "responses"), (CLAUDE, "messages")])
async def test_searches_and_what_they_found(make: Make, emu: Emulator, model: str, api: str) -> None:
    search = {"type": "web_search"} if api == "responses" else SEARCH
    llm = make(model, api=api, extra_body={"tools": [search]})
    asked = [ChatMessage(content="Search the web for cats")]
    for answer in await every_way(llm, asked):
        message = answer.message
        cited = [block for block in message.blocks if isinstance(block, CitationBlock)]
        assert cited[0].source.startswith("https://example.com/")
        assert cited[0].title
        calls = message.additional_kwargs["server_tool_calls"]
        assert {call["format"] for call in calls} == {api}
        kept = through_memory(message)
        assert kept == message
        assert llm.chat([*asked, kept, ChatMessage(content="Thanks")]).message.content
        sent = opaque_of(emu.requests[-1].json)
        expected = "web_search_call" if api == "responses" else "server_tool_use"
        assert expected in {item["type"] for item in sent}
        assert message.content in json.dumps(sent, ensure_ascii=False)
        assert "cited from" not in json.dumps(sent)


def test_what_a_memory_made_of_them_is_left_out(make: Make, emu: Emulator) -> None:
    odd = {"reasoning_details": "[{'type': 'reasoning.text'}]", "server_tool_calls": ["x", None]}
    history = [*HELLO, ChatMessage(role="assistant", content="b", additional_kwargs=odd), *HELLO]
    for model, api in CASES:
        make(model, api=api).chat(history)
        assert "reasoning_details" not in json.dumps(emu.requests[-1].json)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (
            {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 2, "end_index": 5}},
            ("llo", "u", "t", {"start_index": 2, "end_index": 5}),
        ),
        ({"type": "url_citation", "url_citation": {"url": "u", "title": None, "cited_text": "c"}}, ("c", "u", "u", {})),
        ({"type": "url_citation", "url": "u"}, ("", "u", "u", {})),
        (
            {"type": "char_location", "cited_text": "c", "document_index": 1, "document_title": "d", "end": True},
            ("c", "d", "d", {"document_index": 1}),
        ),
        ({"type": "file_citation", "file_id": "f", "filename": "n", "index": 3}, ("", "f", "n", {})),
    ],
    ids=str,
)
def test_citations(annotation: Any, expected: tuple[Any, ...]) -> None:
    ((block,), others) = read_citations([annotation], "Hello")
    found = (block.cited_content.text, block.source, block.title, block.additional_location_info)
    assert (found, others) == (expected, [])


def test_odd_citations_are_kept_as_they_are(make: Make, emu: Emulator) -> None:
    odd = [{"type": "knowledge_base", "url_citation": None}, "x", 3]
    assert read_citations(odd, "") == ([], odd)
    assert read_citations(None, "") == ([], [])
    emu.reply(message={"content": "Hello", "annotations": odd[:1]})
    assert make().chat(HELLO).message.additional_kwargs == {"annotations": odd[:1]}


# --- programs, agents, engines ---


@pytest.mark.parametrize(("model", "api"), CASES)
@pytest.mark.parametrize("native", [True, False])
async def test_objects(make: Make, emu: Emulator, model: str, api: str, native: bool) -> None:
    register_model(model, structured_output=native)
    llm = make(model, api=api)
    prompt = PromptTemplate("I am in {city}")
    assert llm.structured_predict(Where, prompt, city="Paris") == Where(place="Paris")
    assert await llm.astructured_predict(Where, prompt, city="Paris") == Where(place="Paris")
    assert list(llm.stream_structured_predict(Where, prompt, city="Paris"))[-1] == Where(place="Paris")
    streamed = [part async for part in await llm.astream_structured_predict(Where, prompt, city="Paris")]
    assert streamed[-1] == Where(place="Paris")
    assert llm.as_structured_llm(Where).chat([ChatMessage(content="I am in Paris")]).raw == Where(place="Paris")
    assert {request.path for request in emu.requests} == {PATHS[api]}


@pytest.mark.parametrize(("model", "api"), CASES)
@pytest.mark.parametrize("streaming", [True, False])
async def test_agents(make: Make, emu: Emulator, model: str, api: str, streaming: bool) -> None:
    llm = make(model, api=api, **THINKING[api])
    memory = ChatMemoryBuffer.from_defaults(token_limit=100_000)
    agent = FunctionAgent(name="a", description="a", tools=[get_weather], llm=llm, streaming=streaming)
    assert str(await agent.run(BOTH, memory=memory)) == "The answer is: rain in Paris; rain in London"
    memory = ChatMemoryBuffer.from_defaults([*map(through_memory, memory.get_all())], token_limit=100_000)
    assert str(await agent.run("Thanks", memory=memory)) == "You said: Thanks"
    workflow = AgentWorkflow(agents=[agent], root_agent="a")
    assert str(await workflow.run(BOTH)) == "The answer is: rain in Paris; rain in London"
    assert {request.path for request in emu.requests} == {PATHS[api]}
    await llm.aclose()


@pytest.mark.parametrize(("model", "api"), CASES)
async def test_chat_engines(make: Make, emu: Emulator, model: str, api: str) -> None:
    engine = SimpleChatEngine.from_defaults(llm=make(model, api=api, **THINKING[api]), system_prompt="Be brief.")
    assert str(engine.chat("Hello")) == "You said: Hello"
    assert "".join(engine.stream_chat("And now").response_gen) == "You said: And now"
    assert str(await engine.achat("Again")) == "You said: Again"
    streamed = await engine.astream_chat("The end")
    assert "".join([token async for token in streamed.async_response_gen()]) == "You said: The end"
    assert {request.path for request in emu.requests} == {PATHS[api]}
