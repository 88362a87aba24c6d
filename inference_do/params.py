"""What the client's methods take, for editors and type checkers: each field once, for threads and for event loops.

Every field may be left out, and None means "not given". A field that is not here is sent as it is; type checkers accept
it in `extra_body` only. Ranges are those that the API documents; single models take less, which
`inference_do.model_info` knows as far as anybody does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, Required

from typing_extensions import TypedDict

from .config import Timeout
from .types import Message

__all__ = [
    "CALL_OPTIONS",
    "CHAT_FIELDS",
    "AgentParams",
    "AsyncHTTPClient",
    "CacheControl",
    "CallOptions",
    "ChatParams",
    "ChatSettings",
    "Effort",
    "EmbedParams",
    "FunctionCallParam",
    "FunctionParam",
    "FunctionTool",
    "HTTPClient",
    "ImagePart",
    "JSONSchema",
    "MediaURL",
    "MessageParam",
    "Messages",
    "NamedFunction",
    "NamedTool",
    "PlainFormat",
    "ReasoningParam",
    "SchemaFormat",
    "StreamOptions",
    "TextPart",
    "ToolCallParam",
    "VideoPart",
]


# --- messages ---


class CacheControl(TypedDict, total=False):
    """A mark: the prompt up to here is to be cached, where the model caches on demand."""

    type: Required[Literal["ephemeral"]]
    ttl: Literal["5m", "1h"]


class TextPart(TypedDict, total=False):
    """Text among the parts of a message."""

    type: Required[Literal["text"]]
    text: Required[str]
    cache_control: CacheControl


class MediaURL(TypedDict, total=False):
    """Where an image or a video is: an https URL, or a `data:` URL that holds it."""

    url: Required[str]
    detail: Literal["auto", "low", "high"]
    """How closely to look; of images."""


class ImagePart(TypedDict):
    """An image among the parts of a message."""

    type: Literal["image_url"]
    image_url: MediaURL


class VideoPart(TypedDict):
    """A video among the parts of a message."""

    type: Literal["video_url"]
    video_url: MediaURL


class FunctionCallParam(TypedDict):
    """The function that the model called, and its arguments as JSON text."""

    name: str
    arguments: str


class ToolCallParam(TypedDict):
    """A call of a tool that the model asked for."""

    id: str
    type: Literal["function"]
    function: FunctionCallParam


class MessageParam(TypedDict, total=False):
    """One message of a request: `role` is required; the rest depends on the role."""

    role: Required[Literal["system", "developer", "user", "assistant", "tool"]]
    content: str | Sequence[str | TextPart | ImagePart | VideoPart | Mapping[str, Any]] | None
    """Text, or parts. An agent takes text only."""
    name: str
    tool_calls: Sequence[ToolCallParam | Mapping[str, Any]]
    """Of an assistant: what it asked for."""
    tool_call_id: str
    """Of a tool: the call that this answers."""
    reasoning_content: str
    """Of an assistant: what it thought."""


Messages = Iterable[MessageParam | Message | Mapping[str, Any]]
"""A conversation: messages as dicts, and messages of earlier answers as they came."""


# --- tools and forms of answers ---


class FunctionParam(TypedDict, total=False):
    """A function that the model may call."""

    name: Required[str]
    """1 to 64 letters, digits, underscores and hyphens."""
    description: str
    parameters: Mapping[str, Any]
    """A JSON schema of an object."""
    strict: bool
    """Whether the arguments must keep to the schema."""


class FunctionTool(TypedDict, total=False):
    """A tool of the caller's."""

    type: Required[Literal["function"]]
    function: Required[FunctionParam]
    cache_control: CacheControl


class NamedFunction(TypedDict):
    """A function by its name."""

    name: str


class NamedTool(TypedDict):
    """The choice of one tool."""

    type: Literal["function"]
    function: NamedFunction


class JSONSchema(TypedDict, total=False):
    """A schema that an answer is to keep to."""

    name: Required[str]
    schema: Mapping[str, Any]
    description: str
    strict: bool


class SchemaFormat(TypedDict):
    """An answer that keeps to a schema."""

    type: Literal["json_schema"]
    json_schema: JSONSchema


class PlainFormat(TypedDict):
    """An answer of text, or of any JSON object."""

    type: Literal["text", "json_object"]


Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""Efforts that are known, which editors offer; a model may have others."""


class ReasoningParam(TypedDict, total=False):
    """How much to think."""

    effort: Effort | str
    max_tokens: int
    """Tokens to think with at most, of models that take a budget."""


class StreamOptions(TypedDict, total=False):
    """What a stream tells besides the answer."""

    include_usage: bool
    """Whether the last chunk has the usage; true unless it is set."""


# --- what methods take ---


class CallOptions(TypedDict, total=False):
    """Options of one call besides the fields of its request."""

    extra_headers: Mapping[str, str] | None
    """Headers of this request, besides those of the client."""
    extra_query: Mapping[str, Any] | None
    """Query parameters of this request, besides those of the client."""
    extra_body: Mapping[str, Any] | None
    """Further fields of the request, by the names that the API has for them; they win."""
    timeout: float | Timeout | None
    """Seconds for each phase of the call, above 0, or a `Timeout`; by default the client's."""
    max_retries: int | None
    """Requests sent again after the first, at most: from 0 up; by default the client's."""


class ChatSettings(TypedDict, total=False):
    """Fields of a chat request that a model may have as settings: how to answer, whatever the messages are."""

    temperature: float | None
    """How freely tokens are chosen: 0 to 2."""
    max_tokens: int | None
    """Another name for `max_completion_tokens`."""
    top_p: float | None
    """The share of likely tokens that is chosen from: 0 to 1."""
    stop: str | Sequence[str] | None
    """Text that ends the answer and is not part of it: one, or 1 to 4."""
    seed: int | None
    """The same seed is to give the same answer; no model promises it."""
    n: int | None
    """Answers to give: 1 to 128."""
    logprobs: bool | None
    """Whether to tell how likely each token was."""
    top_logprobs: int | None
    """Likely tokens to tell of at each place: 0 to 20; needs `logprobs`."""
    logit_bias: Mapping[str, float] | None
    """By a token's id, how much likelier it is to be: -100 to 100."""
    frequency_penalty: float | None
    """Against tokens by how often they came before: -2 to 2."""
    presence_penalty: float | None
    """Against tokens that came before at all: -2 to 2."""
    reasoning_effort: Effort | str | None
    """How much to think; each model takes some of these."""
    reasoning: ReasoningParam | None
    """How much to think, by effort or by tokens."""
    parallel_tool_calls: bool | None
    """Whether one answer may call several tools."""
    response_format: SchemaFormat | PlainFormat | Mapping[str, Any] | None
    """The form of the answer: `{"type": "json_object"}`, or a JSON schema."""
    user: str | None
    """Who asks, by a name of yours."""
    service_tier: str | None
    """How fast, and at what price, where a provider has tiers."""
    prompt_cache_retention: Literal["in_memory", "24h"] | None
    """How long the prompt stays cached; left out for models that are known to have no such control."""
    chat_template_kwargs: Mapping[str, Any] | None
    """Options of an open model's chat template, such as `{"enable_thinking": False}`."""


class AgentParams(TypedDict, total=False):
    """Fields that an agent takes besides those of a chat request."""

    k: int | None
    """Pieces of documents to retrieve at most."""
    retrieval_method: Literal["rewrite", "step_back", "sub_queries", "none"] | None
    """What is made of the question before it is looked up."""
    kb_filters: Sequence[Mapping[str, Any]] | None
    """Where to look: `{"index": ..., "path": ...}` each."""
    filter_kb_content_by_query_metadata: bool | None
    """Whether the question's metadata filter what is found."""
    instruction_override: str | None
    """What stands in place of the agent's instructions."""
    include_functions_info: bool | None
    """Whether to tell of functions that were called, as the answer's `functions`."""
    include_retrieval_info: bool | None
    """Whether to tell of documents that were retrieved, as the answer's `retrieval`."""
    include_guardrails_info: bool | None
    """Whether to tell of guardrails that were hit, as the answer's `guardrails`."""
    provide_citations: bool | None
    """Whether the answer cites documents."""


class ChatParams(ChatSettings, AgentParams, CallOptions, total=False):
    """What `chat` and `stream` take besides model and messages."""

    max_completion_tokens: int | None
    """Tokens of the answer at most, those of thinking included: from 1 up."""
    tools: Sequence[FunctionTool | Mapping[str, Any]] | None
    """Functions that the model may call, and tools of the API's own, such as `{"type": "web_search"}`."""
    tool_choice: Literal["none", "auto", "required"] | NamedTool | Mapping[str, Any] | None
    """Whether tools are called, or the one that is; `auto` where there are tools."""
    stream_options: StreamOptions | None
    """Of `stream` only."""
    metadata: Mapping[str, str] | None
    """Notes for yourself: at most 16, with names of 64 characters and texts of 512."""
    default_params: Mapping[str, Any] | None
    """Fields to send unless this call has them or the model is known to refuse them."""
    api: Literal["auto", "chat_completions", "responses", "messages"] | None
    """Which API answers; by default the one that the model's data and the request ask for."""
    use_responses_api: bool | None
    """Another name of `api="responses"`."""


class EmbedParams(CallOptions, total=False):
    """What `embed` takes besides model and input."""

    encoding_format: Literal["float", "base64"] | None
    """How vectors come over the wire; they are lists of numbers here either way."""
    user: str | None
    """Who asks, by a name of yours."""


CHAT_FIELDS = ("model", *ChatSettings.__annotations__)
"""Fields of a chat request that a framework's model has as settings of the same name."""

CALL_OPTIONS = frozenset(CallOptions.__annotations__)


# --- HTTP clients ---


class HTTPClient(Protocol):
    """An `httpx.Client`, or one of httpx2; nothing else is accepted, however alike.

    It is never closed here. The wait for each read of a response is fixed when the first one is made, to what
    `first_token` leaves for it; `idle` and `total` are then looked at only between reads.
    """

    def build_request(self, method: str, url: str) -> Any:
        """Make a request."""
        ...

    def send(self, request: Any, *, stream: bool = ...) -> Any:
        """Send a request."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class AsyncHTTPClient(Protocol):
    """An `httpx.AsyncClient`, or one of httpx2; nothing else is accepted, however alike. It is never closed here."""

    def build_request(self, method: str, url: str) -> Any:
        """Make a request."""
        ...

    async def send(self, request: Any, *, stream: bool = ...) -> Any:
        """Send a request."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
