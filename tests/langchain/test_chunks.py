"""Chunks that are copied are what LangChain's constructors make, and where they are not, nothing is copied."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as some
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr, model_validator

from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean, _chunks

Make = Callable[..., ChatDigitalOcean]
COPIED = _chunks.copier()

TEXTS = some.text() | some.text(alphabet='{}[]":,\\ \n\t\ufeff\xa0\u2028abtruefalsn0-1.\ud83d')
JSON = some.dictionaries(some.text(max_size=3), some.text(max_size=3) | some.integers() | some.none(), max_size=2)
NAMES = some.none() | some.text(max_size=5)
CALLS = some.builds(
    lambda name, args, id_, index: {"name": name, "args": args, "id": id_, "index": index, "type": "tool_call_chunk"},
    NAMES,
    TEXTS,
    NAMES,
    some.integers(0, 5),
)


@pytest.fixture(autouse=True)
def _looked_at_anew() -> Iterator[None]:
    _chunks.chunk_factory.cache_clear()
    yield
    _chunks.chunk_factory.cache_clear()


def state(made: Any) -> list[Any]:
    """Return all that can be seen of a chunk."""
    seen = [type(made.text), made.message.text, type(made.message.text)]
    for each in (made, made.message):
        seen += [type(each), list(vars(each).items()), each.__getstate__(), each.model_dump(exclude_unset=True)]
    return [*seen, repr(list(vars(made.message).items())), made.message.content_blocks]


@given(TEXTS, JSON, some.lists(CALLS, max_size=3), JSON, some.none() | JSON)
def test_a_copy_is_what_the_constructors_make(text, kwargs, calls, metadata, info):
    given_here = text, kwargs, calls, metadata, info
    copied, expected = COPIED(*deepcopy(given_here)), _chunks.constructed(*deepcopy(given_here))
    assert state(copied) == state(expected)
    assert state(pickle.loads(pickle.dumps(copied))) == state(expected)
    assert state(copied + copied) == state(expected + expected)


@pytest.mark.parametrize(
    "arguments", ["", " ", "{", ' {"a', "\n{}", "\ufeff{", "x{", '"{', "[{", "}", "null", "{" * 999]
)
def test_a_fragment_is_read_as_core_reads_it(arguments):
    call = {"name": "f", "args": arguments, "id": "1", "index": 0, "type": "tool_call_chunk"}
    made, expected = COPIED("", {}, [dict(call)], {}, None), _chunks.constructed("", {}, [dict(call)], {}, None)
    assert state(made) == state(expected)
    assert made.message.tool_calls or made.message.invalid_tool_calls


def test_the_langchain_core_of_these_tests_has_its_chunks_copied():
    assert _chunks.chunk_factory() is not _chunks.constructed


def test_what_is_done_to_one_chunk_does_not_show_in_the_next():
    first = COPIED("a", {}, [], {}, None)
    before = state(COPIED("a", {}, [], {}, None))
    message = first.message
    message.id, first.generation_info = "1", {"a": 1}
    for kept in (message.tool_calls, message.invalid_tool_calls, message.tool_call_chunks):
        kept.append({})
    for kept in (message.additional_kwargs, message.response_metadata):
        kept["a"] = 1
    message.further = 1
    assert state(COPIED("a", {}, [], {}, None)) == before


# --- another langchain-core ---


class Validating(AIMessageChunk):
    @model_validator(mode="after")
    def _change(self) -> Self:
        self.name = str(self.content)
        return self


class Keeping(AIMessageChunk):
    notes: list[str] = []  # noqa: RUF012  pydantic gives each object its own


class Secretive(AIMessageChunk):
    _seen: int = PrivateAttr(default=0)


class Reordered(AIMessageChunk):
    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "made": id(self)}


class Told(ChatGenerationChunk):
    @model_validator(mode="after")
    def _tell(self) -> Self:
        self.text = self.message.text.upper()
        return self


OTHERS = {
    "validates": ("AIMessageChunk", Validating),
    "keeps a list": ("AIMessageChunk", Keeping),
    "has something private": ("AIMessageChunk", Secretive),
    "has another state": ("AIMessageChunk", Reordered),
    "has a text of its own": ("ChatGenerationChunk", Told),
    "has other slots": ("SLOTS", ("__dict__", "__gone__")),
    "has no such argument": ("AIMessageChunk", lambda content: content),
}


@pytest.mark.parametrize("other", ["validates", "keeps a list", "has something private", "has another state"])
def test_another_core_has_its_chunks_constructed(other, monkeypatch):
    monkeypatch.setattr(_chunks, *OTHERS[other])
    assert _chunks.chunk_factory() is _chunks.constructed


@pytest.mark.parametrize("other", ["has a text of its own", "has other slots", "has no such argument"])
def test_a_core_that_cannot_be_copied_has_its_chunks_constructed(other, monkeypatch):
    monkeypatch.setattr(_chunks, *OTHERS[other])
    assert _chunks.chunk_factory() is _chunks.constructed


def test_both_ways_give_the_same_stream(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def streamed() -> list[AIMessageChunk]:
        _chunks.chunk_factory.cache_clear()
        emu.reply("I add.", reasoning="hm", tool_calls=[("add", {"a": {"b": " the"}}), ("add", {})])
        return [chunk.model_copy(update={"id": None}) for chunk in make().stream("add")]

    copied = streamed()
    calls: list[Any] = []
    monkeypatch.setattr(_chunks, "SLOTS", ())
    monkeypatch.setattr(
        _chunks, "constructed", lambda *given, made=_chunks.constructed: calls.append(1) or made(*given)
    )
    constructed = streamed()
    assert calls
    assert copied[:-1] == constructed[:-1]
    assert [vars(chunk) for chunk in copied[:-1]] == [vars(chunk) for chunk in constructed[:-1]]
