"""Which of the three APIs is asked, and that all of LlamaIndex works on each, over HTTP."""

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
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel
from three_apis import BOTH, CASES, CLAUDE, HELLO, HOSTED, OPENAI, PATHS, THINKING, WEATHER, every_way, through_memory

from inference_do import ConfigError, models
from inference_do.emulator import Emulator, Quirks, Status
from inference_do.models import register_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),  # workflows look at every attribute
    pytest.mark.usefixtures("hosted_thinker"),
]

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


# --- which API ---


@pytest.mark.parametrize(("model", "api"), CASES)
async def test_the_api_is_asked_and_named(make: Make, emu: Emulator, model: str, api: str) -> None:
    for llm, kwargs in ((make(model, api=api), {}), (make(model), {"api": api})):
        for response in await every_way(llm, HELLO, **kwargs):
            assert response.message.content == "You said: Hello"
            assert (response.additional_kwargs["api"], response.additional_kwargs["attempts"]) == (api, 1)
    assert {request.path for request in emu.requests} == {PATHS[api]}


async def test_the_attempts_are_told(make: Make, emu: Emulator) -> None:
    llm = make(CASES[0][0], max_retries=1)
    emu.script(Status(503))
    assert llm.chat(HELLO).additional_kwargs["attempts"] == 2
    emu.script(Status(503))
    assert list(llm.stream_chat(HELLO))[-1].additional_kwargs["attempts"] == 2
    emu.script(Status(503))
    assert (await llm.achat(HELLO)).additional_kwargs["attempts"] == 2
    emu.script(Status(503))
    assert [part async for part in await llm.astream_chat(HELLO)][-1].additional_kwargs["attempts"] == 2


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
        ({"use_responses_api": True}, {"use_responses_api": False}, "chat_completions"),
        ({"additional_kwargs": {"use_responses_api": True}}, {"use_responses_api": False}, "chat_completions"),
        ({"api": "messages"}, {"use_responses_api": False}, "messages"),
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


@pytest.mark.parametrize("value", ["false", "true", 1])
def test_the_other_name_is_on_or_off(make: Make, emu: Emulator, value: Any) -> None:
    for settings in ({"use_responses_api": value}, {"additional_kwargs": {"use_responses_api": value}}):
        with pytest.raises(ConfigError, match="use_responses_api: Input should be a valid bool"):
            make(**settings)
    with pytest.raises(ConfigError, match="use_responses_api must be True or False"):
        make().chat(HELLO, use_responses_api=value)
    assert emu.posts == 0


@pytest.mark.parametrize("choice", [{"api": "responses"}, {"use_responses_api": True}], ids=str)
def test_where_no_api_can_be_chosen_it_is_refused(make: Make, emu: Emulator, choice: Any) -> None:
    with pytest.raises(ConfigError, match=r"extra_body: '\w+' says which API is asked"):
        make(extra_body=choice)
    with pytest.raises(ConfigError, match=r"extra_body: '\w+' says which API is asked"):
        make().chat(HELLO, extra_body=choice)
    with pytest.raises(ConfigError, match="'additional_kwargs': its fields are given under their own names"):
        make().chat(HELLO, additional_kwargs=choice)
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


@pytest.mark.parametrize(
    ("model", "settings", "kind"),
    [(OPENAI, {}, "input_file"), (HOSTED, {"api": "responses"}, "input_file"), (CLAUDE, {}, "document")],
)
def test_results_with_files(make: Make, emu: Emulator, model: str, settings: Any, kind: str) -> None:
    call = ToolCallBlock(tool_call_id="call_1", tool_name="read", tool_kwargs={})
    blocks = [TextBlock(text="see"), DocumentBlock(data=PDF, title="a.pdf")]
    result = ChatMessage(role="tool", blocks=blocks, additional_kwargs={"tool_call_id": "call_1"})
    make(model, **settings).chat([ChatMessage(content="Read"), ChatMessage(role="assistant", blocks=[call]), result])
    sent = emu.requests[-1].json
    last = sent["input"][-1]["output"] if "input" in sent else sent["messages"][-1]["content"][0]["content"]
    assert last[-1]["type"] == kind


def test_cache_points_stand_on_images_too(make: Make, emu: Emulator) -> None:
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    make(CLAUDE).chat([ChatMessage(blocks=[TextBlock(text="a"), ImageBlock(image=PNG), point])])
    text, image = emu.requests[-1].json["messages"][0]["content"]
    assert "cache_control" not in text
    assert image["cache_control"] == {"type": "ephemeral", "ttl": "5m"}


def marks_in(body: dict[str, Any]) -> list[str]:
    """Return the texts that are marked."""
    turns = [*body["messages"], {"content": body.get("system", [])}]
    parts = [part for turn in turns if isinstance(turn["content"], list) for part in turn["content"]]
    assert all(part["cache_control"] == {"type": "ephemeral"} for part in parts if "cache_control" in part)
    return [part["text"] for part in parts if "cache_control" in part]


@pytest.mark.parametrize("api", ["chat_completions", "messages"])
def test_the_ends_are_marked_for_the_cache(make: Make, emu: Emulator, api: str) -> None:
    mark = {"type": "ephemeral"}
    messages = [ChatMessage(role="system", content="Be brief."), *HELLO]
    for llm, kwargs in (
        (make(CLAUDE, api=api, cache_control=mark), {}),
        (make(CLAUDE, api=api), {"cache_control": mark}),
        (make(CLAUDE, api=api, additional_kwargs={"cache_control": mark}), {}),
    ):
        llm.chat(messages, **kwargs)
        assert sorted(marks_in(emu.requests[-1].json)) == ["Be brief.", "Hello"]
    make(HOSTED, api=api, cache_control=mark).chat(messages)
    assert "cache_control" not in json.dumps(emu.requests[-1].json)
    with pytest.raises(ConfigError, match="cache_control"):
        make(CLAUDE).chat(HELLO, cache_control="ephemeral")


# --- programs, agents, engines ---


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("thinking", [True, False])
async def test_objects(make: Make, emu: Emulator, case: Any, native: bool, thinking: bool) -> None:
    model, api = case
    register_model(model, structured_output=native)
    llm = make(model, api=api, **(THINKING[api] if thinking else {}))
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
async def test_an_agents_answer_of_a_class(make: Make, emu: Emulator, model: str, api: str) -> None:
    llm = make(model, api=api, **THINKING[api])
    agent = FunctionAgent(tools=[get_weather], llm=llm, output_cls=Where)
    response = await agent.run("What is the weather in Paris?")
    assert response.get_pydantic_model(Where) is not None
    assert str(response) == "The answer is: rain in Paris"
    assert {request.path for request in emu.requests} == {PATHS[api]}
    await llm.aclose()


@pytest.mark.parametrize("first", CASES, ids=str)
@pytest.mark.parametrize("second", CASES, ids=str)
async def test_agents_on_different_apis_hand_over(make: Make, emu: Emulator, first: Any, second: Any) -> None:
    one, two = (make(model, api=api, **THINKING[api]) for model, api in (first, second))
    greeter = FunctionAgent(name="greeter", description="Greets.", llm=one, can_handoff_to=["forecaster"])
    forecaster = FunctionAgent(name="forecaster", description="Knows the weather.", tools=[get_weather], llm=two)
    workflow = AgentWorkflow(agents=[greeter, forecaster], root_agent="greeter")
    emu.reply(tool_calls=[("handoff", {"to_agent": "forecaster", "reason": "Weather."})], reasoning="Not mine.")
    emu.reply(tool_calls=[("get_weather", {"place": "Paris"})], reasoning="Paris, then.")
    memory = ChatMemoryBuffer.from_defaults(token_limit=100_000)
    assert "rain in Paris" in str(await workflow.run(BOTH, memory=memory))
    assert [request.path for request in emu.requests[:2]] == [PATHS[api] for _, api in (first, second)]
    memory = ChatMemoryBuffer.from_defaults([*map(through_memory, memory.get_all())], token_limit=100_000)
    assert str(await workflow.run("Thanks", memory=memory))
    await one.aclose()
    await two.aclose()


@pytest.mark.parametrize(("model", "api"), CASES)
async def test_chat_engines(make: Make, emu: Emulator, model: str, api: str) -> None:
    engine = SimpleChatEngine.from_defaults(llm=make(model, api=api, **THINKING[api]), system_prompt="Be brief.")
    assert str(engine.chat("Hello")) == "You said: Hello"
    assert "".join(engine.stream_chat("And now").response_gen) == "You said: And now"
    assert str(await engine.achat("Again")) == "You said: Again"
    streamed = await engine.astream_chat("The end")
    assert "".join([token async for token in streamed.async_response_gen()]) == "You said: The end"
    assert {request.path for request in emu.requests} == {PATHS[api]}
