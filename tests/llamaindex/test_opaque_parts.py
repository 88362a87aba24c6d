"""What of an answer goes back with the next request, through LlamaIndex's memories; and what it cites."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitationBlock,
    ThinkingBlock,
)
from llama_index.core.memory import Memory
from three_apis import (
    BOTH,
    CASES,
    CLAUDE,
    HELLO,
    HOSTED,
    OPENAI,
    PATHS,
    THINKING,
    WEATHER,
    details_of,
    every_way,
    through_memory,
)

from inference_do import BadRequestError, models
from inference_do.emulator import Emulator, Quirks
from inference_do.models import register_model
from llamaindex_do._citations import read_citations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),  # workflows look at every attribute
    pytest.mark.usefixtures("hosted_thinker"),
]

OPAQUE = [case for case in CASES if case != CASES[0]]
SEARCH = {"type": "web_search", "name": "web_search"}


@pytest.fixture
def hosted_thinker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_REGISTERED", {})
    register_model(HOSTED, kind="chat", provider="Moonshot AI", reasoning=True, endpoints=list(PATHS.values()))


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(quirks=Quirks(redacted_thinking=True)) as emulator:
        yield emulator


# --- what goes back ---


def opaque_of(sent: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what stands of an answer's own in a request, in its order: thoughts, and the kinds of what follows."""
    if "input" in sent:
        return [item for item in sent["input"] if item["type"] != "function_call_output" and item.get("role") != "user"]
    return [block for turn in sent["messages"] if turn["role"] == "assistant" for block in turn["content"]]


@pytest.mark.parametrize(("model", "api"), OPAQUE)
async def test_thoughts_go_back_unchanged_before_their_calls(make: Make, emu: Emulator, model: str, api: str) -> None:
    llm = make(model, api=api, **THINKING[api])
    asked = [ChatMessage(content=BOTH)]
    for answer in await every_way(llm, asked, tools=[WEATHER]):
        message = answer.message
        thoughts = [block for block in message.blocks if isinstance(block, ThinkingBlock)]
        assert thoughts[0].content
        details = details_of(message)
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
    assert details_of(kept) == details_of(message)
    assert kept.blocks == message.blocks


@pytest.mark.usefixtures("unclosed_memory")
@pytest.mark.parametrize(("model", "api"), OPAQUE)
async def test_memory_does_not_take_them_for_text(make: Make, emu: Emulator, model: str, api: str) -> None:
    llm = make(model, api=api, **THINKING[api])
    for answer in await every_way(llm, HELLO):
        message = through_memory(answer.message)
        assert len(str(details_of(message))) > 100
        assert Memory.from_defaults()._estimate_token_count(message) < 20


async def test_thoughts_that_nobody_can_read_have_a_block_too(make: Make, emu: Emulator) -> None:
    hidden = [{"type": "reasoning.encrypted", "data": "c2VjcmV0", "format": "responses", "index": 0, "model": OPENAI}]
    llm = make(OPENAI)
    for _ in range(4):
        emu.reply(message={"content": "Hello", "reasoning_details": hidden})
    for answer in await every_way(make(), HELLO):
        thought, text = answer.message.blocks
        assert (thought.content, text.text) == (None, "Hello")
        assert details_of(answer.message) == hidden
        with pytest.raises(BadRequestError, match="encrypted content"):  # it is sent, and nobody's
            llm.chat([*HELLO, through_memory(answer.message), *HELLO])
        assert "c2VjcmV0" in emu.requests[-1].body.decode()


def test_histories_that_kept_them_elsewhere_go_on(make: Make, emu: Emulator) -> None:
    llm = make(CLAUDE, api="messages", **THINKING["messages"])
    message = llm.chat(HELLO).message
    details = details_of(message)
    old = ChatMessage(role="assistant", content="Hi", additional_kwargs={"reasoning_details": details})
    llm.chat([*HELLO, old, *HELLO])
    assert details[-1]["signature"] in emu.requests[-1].body.decode()


@pytest.mark.parametrize(("first", "api"), CASES)
@pytest.mark.parametrize(("second", "other"), CASES)
def test_a_conversation_changes_model_and_api(make: Make, first: str, api: str, second: str, other: str) -> None:
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
        (
            {"type": "knowledge_base", "knowledge_base": {"title": "T", "text": "c", "page": 4}},
            ("c", "T", "T", {"page": 4}),
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
