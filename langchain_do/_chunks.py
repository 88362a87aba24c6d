"""The chunks of a stream, made as copies of a prototype.

LangChain's constructors check what is right here by the way it was made: that is most of what a delta costs, and they
read the arguments of each fragment of a tool call as if they were JSON. A copy gives the same object for a quarter.

1. `chunk_factory()` looks once, at the first chunk of the process, whether copies are what the constructors of the
   installed langchain-core make of samples.
2. If they are, chunks are copied; if not, they are constructed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from typing import Any, TypeVar

from langchain_core.messages import AIMessageChunk, InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import BaseModel

__all__ = ["ChunkFactory", "chunk_factory"]

ChunkFactory = Callable[
    [str, dict[str, Any], list[ToolCallChunk], dict[str, Any], dict[str, Any] | None],
    ChatGenerationChunk,
]
"""Makes a chunk of text, `additional_kwargs`, `tool_call_chunks`, `response_metadata` and `generation_info`."""

SLOTS = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
"""What pydantic keeps of an object."""

M = TypeVar("M", bound=BaseModel)

FRAGMENT: ToolCallChunk = {"name": None, "args": "", "id": None, "index": 0, "type": "tool_call_chunk"}
NAMED: ToolCallChunk = {**FRAGMENT, "name": "search", "id": "call_1"}
PROVIDED = {"model_provider": "provider"}

SAMPLES: Sequence[tuple[Any, ...]] = (
    ("a text", {}, [], {"model_name": "model", **PROVIDED}, None),
    ("", {"reasoning_content": "a thought"}, [], PROVIDED, None),
    ("a text", {}, [], PROVIDED, {"logprobs": {"content": [{"token": "a text", "logprob": -0.1}]}}),
    ("", {}, [NAMED], PROVIDED, None),
    ("a text", {}, [{**NAMED, "args": '{"a'}], PROVIDED, None),
    ("", {}, [{**FRAGMENT, "args": ' the "b": ['}], PROVIDED, None),
    ("", {}, [{**FRAGMENT, "args": '", "b": {"c": 1}'}], PROVIDED, None),
    ("", {}, [{**FRAGMENT, "args": "7"}, {**NAMED, "index": 1}], PROVIDED, None),
)


@cache
def chunk_factory() -> ChunkFactory:
    """Return how chunks are made with the langchain-core that is installed."""
    try:
        copied = copier()
        is_exact = all(_is_copied(copied, sample) for sample in SAMPLES)
    except Exception:  # noqa: BLE001  whatever is different in another version, its constructors are right
        return constructed
    return copied if is_exact else constructed


def constructed(
    text: str,
    kwargs: dict[str, Any],
    calls: list[ToolCallChunk],
    metadata: dict[str, Any],
    info: dict[str, Any] | None,
) -> ChatGenerationChunk:
    """Make a chunk by LangChain's constructors."""
    message = AIMessageChunk(content=text, additional_kwargs=kwargs, tool_call_chunks=calls, response_metadata=metadata)
    return ChatGenerationChunk(message=message, generation_info=info)


def copier() -> ChunkFactory:
    """Return a function that makes the same chunks as `constructed`; it keeps the lists and dicts that it is given."""
    plain, calling = constructed("", {}, [], {}, None), constructed("", {}, [FRAGMENT], {}, None)
    like_text, like_calls, like_whole = copy_factory(plain.message), copy_factory(calling.message), copy_factory(plain)
    fields_of_message, fields, accessor = dict(vars(plain.message)), dict(vars(plain)), type(plain.text)

    def copied(
        text: str,
        kwargs: dict[str, Any],
        calls: list[ToolCallChunk],
        metadata: dict[str, Any],
        info: dict[str, Any] | None,
    ) -> ChatGenerationChunk:
        valid: list[ToolCall] = []
        invalid: list[InvalidToolCall] = []
        if calls and not is_sorted(calls, valid, invalid):
            return constructed(text, kwargs, calls, metadata, info)
        message = (like_calls if calls else like_text)(
            dict(
                fields_of_message,
                content=text,
                additional_kwargs=kwargs,
                response_metadata=metadata,
                tool_calls=valid,
                invalid_tool_calls=invalid,
                tool_call_chunks=calls,
            )
        )
        shown = str.__new__(accessor, text)  # as `message.text` is made
        return like_whole(dict(fields, text=shown, message=message, generation_info=info))

    return copied


def copy_factory(prototype: M) -> Callable[[dict[str, Any]], M]:
    """Return a function that makes an object like `prototype` of the values of all its fields, which it does not check.

    The object says of the same fields that they were given.
    """
    kind, fields_set, extra = type(prototype), prototype.model_fields_set, prototype.model_extra
    new = object.__new__
    # what `object.__setattr__` comes to, which is how pydantic itself copies
    put_values, put_fields_set, put_extra, put_private = (vars(BaseModel)[slot].__set__ for slot in SLOTS)

    def make(values: dict[str, Any]) -> M:
        made = new(kind)
        put_values(made, values)
        put_fields_set(made, fields_set.copy())
        put_extra(made, None if extra is None else {})
        put_private(made, None)
        return made

    return make


def is_sorted(calls: Sequence[ToolCallChunk], valid: list[ToolCall], invalid: list[InvalidToolCall]) -> bool:
    """Sort fragments as core does, into calls and others; False if only its parser knows.

    Core closes what JSON leaves open at its end, but adds nothing at its start: arguments that do not begin with a
    brace are never an object, and none at all are an empty one.
    """
    for call in calls:
        name, arguments, id_ = call["name"], call["args"], call["id"]
        if not arguments:
            valid.append({"name": name or "", "args": {}, "id": id_, "type": "tool_call"})
        elif arguments.lstrip().startswith("{"):
            return False
        else:
            invalid.append({"name": name, "args": arguments, "id": id_, "error": None, "type": "invalid_tool_call"})
    return True


def _is_copied(copied: ChunkFactory, sample: tuple[Any, ...]) -> bool:
    """Return whether a copy is what the constructors make, and shares nothing with the next one."""
    made, again, expected = copied(*deepcopy(sample)), copied(*deepcopy(sample)), constructed(*deepcopy(sample))
    pairs = ((made, expected), (made.message, expected.message))
    return (
        all(_are_alike(one, other) for one, other in pairs)
        and type(made.text) is type(expected.text)
        and not _share(made.message, again.message)
    )


def _are_alike(one: BaseModel, other: BaseModel) -> bool:
    """Return whether two objects are the same in all that pydantic keeps of them, also the order of their fields."""
    return type(one) is type(other) and one.__getstate__() == other.__getstate__() and _written(one) == _written(other)


def _written(made: BaseModel) -> str:
    """Return an object's fields as text; an object among them is compared by itself."""
    return repr([item for item in vars(made).items() if not isinstance(item[1], BaseModel)])


def _share(one: BaseModel, other: BaseModel) -> bool:
    values = vars(other)
    return any(value is values[name] and isinstance(value, list | dict | set) for name, value in vars(one).items())
