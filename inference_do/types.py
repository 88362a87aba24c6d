"""What comes in, as pydantic models; what goes out stands in `params.py`.

Responses are read leniently (DigitalOcean sends `id: ""`, `role: ""`, `choices: null`, and fields of its own): every
field may be missing, `null` becomes the field's default, unknown fields stay readable as attributes. A field of the
wrong shape is an error, never a guess; what no answer depends on has been left out before (`_wires.repair`).

A streamed chunk is parsed into plain dicts and checked in one pass; the typed objects are made only when somebody
looks at them, because that costs several times the parsing.
"""

from __future__ import annotations

import base64
import json
import sys
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, WrapValidator

from .response import LimitState, ResponseInfo

__all__ = [
    "AGENT_FIELDS",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Choice",
    "ChunkChoice",
    "Delta",
    "Embedding",
    "EmbeddingResponse",
    "FunctionCall",
    "LimitState",
    "Message",
    "Model",
    "ResponseInfo",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFragment",
    "Usage",
    "Wire",
]


AGENT_FIELDS = ("retrieval", "guardrails", "functions")
"""What an agent's answers have beside their choices, if it was asked for."""


T = TypeVar("T")
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Count = Annotated[int, BeforeValidator(lambda value: 0 if value is None else value)]
Items = Annotated[list[T], BeforeValidator(lambda value: [] if value is None else value)]


def read_count(value: Any) -> int | None:
    """Return a count that may have come as a text or with a fraction; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return value if isinstance(value, int) else int(float(value))
    except (ValueError, OverflowError):
        return None


def _count(details: dict[str, Any] | None, key: str) -> int:
    return read_count((details or {}).get(key)) or 0


def _vector(value: Any, check: Callable[[Any], list[float]]) -> list[float]:
    """Read a vector: a list of numbers, or little-endian 32-bit floats as bytes or in base64."""
    if isinstance(value, str):
        value = base64.b64decode(value, validate=True)
    if not isinstance(value, bytes):
        return check(value)
    floats = array("f", value)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()  # not checked again, which would copy it


def _as_json_text(value: Any) -> Any:
    """Write arguments that some servers send as an object the way that the rest send them: as JSON text."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


class Wire(BaseModel):
    """Something that came in: frozen, with unknown fields kept."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True, protected_namespaces=())

    def __getitem__(self, name: str) -> Any:
        """Return a field, as packages do whose responses are dicts: `completion["choices"]`."""
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None


class FunctionCall(Wire):
    """The function of a tool call; `arguments` is JSON text, which the model may have got wrong."""

    name: Text = ""
    arguments: Annotated[str, BeforeValidator(_as_json_text)] = ""


class ToolCall(Wire):
    """A call of a tool that the model asks for."""

    id: Text = ""
    type: Text = "function"
    function: FunctionCall = Field(default_factory=FunctionCall)


class FunctionCallDelta(Wire):
    """A fragment of a function call."""

    name: str | None = None
    arguments: Annotated[str, BeforeValidator(_as_json_text)] | None = None


class ToolCallDelta(Wire):
    """A fragment of a tool call, as the server sent it; `ChatCompletionChunk.tool_fragments` has them put in order."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionCallDelta | None = None


class Message(Wire):
    """The model's message."""

    role: Text = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    """The name that other servers give to `reasoning_content`."""
    tool_calls: Items[ToolCall] = Field(default_factory=list)

    @property
    def reasoning_details(self) -> list[dict[str, Any]] | None:
        """What goes back unchanged to the model that wrote it, and to no other; None if there is nothing."""
        return (self.model_extra or {}).get("reasoning_details") or None


class Delta(Wire):
    """What a chunk adds to the message."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    tool_calls: Items[ToolCallDelta] = Field(default_factory=list)


class Choice(Wire):
    """One of the `n` answers."""

    index: Count = 0
    message: Message
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChunkChoice(Wire):
    """A chunk's part of one of the `n` answers."""

    index: Count = 0
    delta: Annotated[Delta, BeforeValidator(lambda value: {} if value is None else value)] = Field(
        default_factory=Delta
    )
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Usage(Wire):
    """Tokens that were counted, as the API gives them; the properties read them alike for every family of models."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    total_tokens: Count = 0
    cache_read_input_tokens: Count = 0
    cache_created_input_tokens: Count = 0
    prompt_tokens_details: dict[str, Any] | None = None
    completion_tokens_details: dict[str, Any] | None = None

    @property
    def cached_tokens(self) -> int:
        """Input tokens that were read from the prompt cache."""
        return max(self.cache_read_input_tokens, _count(self.prompt_tokens_details, "cached_tokens"))

    @property
    def reasoning_tokens(self) -> int:
        """Output tokens that the model spent thinking."""
        return _count(self.completion_tokens_details, "reasoning_tokens")

    @property
    def input_tokens(self) -> int:
        """All input tokens, cached ones included.

        Anthropic models' `prompt_tokens` leave out what was read from or written to the cache. It is seen by being
        smaller than that part (DigitalOcean's documented example: 14 with 1,043 read), or by a total that has more in
        it.
        """
        cached = self.cached_tokens + self.cache_created_input_tokens
        together = self.prompt_tokens + cached
        is_left_out = self.prompt_tokens < cached or (cached and self.total_tokens == together + self.completion_tokens)
        return together if is_left_out else self.prompt_tokens

    @property
    def output_tokens(self) -> int:
        """All output tokens, reasoning included."""
        return self.completion_tokens


class Reply(Wire):
    """A whole response, and how it came."""

    _response_info: ResponseInfo | None = PrivateAttr(default=None)

    @property
    def response_info(self) -> ResponseInfo | None:
        """Status, headers and attempts of the HTTP exchange."""
        return self._response_info

    @property
    def request_id(self) -> str | None:
        """The API's `x-request-id`."""
        return self.response_info.request_id if self.response_info else None

    def came_with(self, info: ResponseInfo) -> None:
        """Note how the response came."""
        self._response_info = info


class ChatCompletion(Reply):
    """A whole answer, from one response or from a stream put together."""

    id: Text = ""
    object: Text = "chat.completion"
    created: int | float | None = None
    model: Text = ""
    choices: Items[Choice] = Field(default_factory=list)
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """The first answer's text, empty if there is none."""
        return (self.choices[0].message.content or "") if self.choices else ""


class Embedding(Wire):
    """One vector."""

    index: Count = 0
    embedding: Annotated[list[float], WrapValidator(_vector)]


class EmbeddingResponse(Reply):
    """Vectors in the order of the inputs."""

    object: Text = "list"
    model: Text = ""
    data: list[Embedding]
    usage: Usage | None = None


class Model(Wire):
    """An entry of `GET /v1/models`. That it is listed does not mean that the key may call it."""

    id: str
    object: Text = "model"
    created: int | float | None = None
    owned_by: Text = ""
    max_output_tokens: int | None = None


class ModelList(Reply):
    """The response of `GET /v1/models`."""

    data: Items[Model] = Field(default_factory=list)


# --- a streamed chunk ---


class ToolCallFragment(NamedTuple):
    """A piece of a tool call whose place is settled.

    Servers leave out, repeat or reuse indexes and ids; these are put right. `id` and `name` are given on the call's
    first fragment only, so that fragments can simply be added up.
    """

    choice: int
    """Index of the answer, 0 unless `n` was asked for."""
    position: int
    """Place of the call among the answer's calls, from 0."""
    id: str | None
    name: str | None
    arguments: str


class ChatCompletionChunk:
    """One event of a stream: `raw` is the checked JSON object, attributes read it as typed objects."""

    __slots__ = ("_typed", "raw", "tool_fragments")

    raw: dict[str, Any]
    tool_fragments: tuple[ToolCallFragment, ...]

    if TYPE_CHECKING:
        id: str
        created: int | float | None
        model: str
        choices: list[ChunkChoice]
        usage: Usage | None
        service_tier: str | None
        system_fingerprint: str | None

    def __init__(self, raw: dict[str, Any], tool_fragments: tuple[ToolCallFragment, ...] = ()) -> None:
        self.raw = raw
        self.tool_fragments = tool_fragments

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            typed = object.__getattribute__(self, "_typed")
        except AttributeError:
            typed = self._typed = _TypedChunk.model_validate(self.raw)
        return getattr(typed, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChatCompletionChunk) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]  # as for any other container of dicts

    def __repr__(self) -> str:
        return f"ChatCompletionChunk({self.raw!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ChatCompletionChunk, (self.raw, self.tool_fragments)

    def model_dump(self) -> dict[str, Any]:
        """Return the chunk as the server sent it."""
        return self.raw

    @property
    def text(self) -> str:
        """The text that this chunk adds to the first answer."""
        choices: list[dict[str, Any]] = self.raw.get("choices") or []
        if len(choices) != 1:
            return "".join(_text(choice) for choice in choices)
        return _text(choices[0])


def _text(choice: dict[str, Any]) -> str:
    return "" if choice.get("index") else (choice.get("delta") or {}).get("content") or ""


class _TypedChunk(Wire):
    id: Text = ""
    object: Text = "chat.completion.chunk"
    created: int | float | None = None
    model: Text = ""
    choices: Items[ChunkChoice] = Field(default_factory=list)
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
