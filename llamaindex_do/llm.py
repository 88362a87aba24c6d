"""`DigitalOcean`: LlamaIndex's function-calling LLM over the shared client.

Every call takes the same road: `_request` merges settings and arguments (`_params.py`) and translates the messages
(`_messages.py`), the client does the rest, `_responses.py` translates the answer. The sync and the async half differ in
`await`. Only the eight public methods check what they are given and are reported to observers (`_inputs.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import BaseModel, Field, field_validator
from typing_extensions import override

from inference_do._adapters.arguments import CHAT_REQUEST_FIELDS
from inference_do._adapters.cache_marks import mark_for_cache, warn_left_out
from inference_do._adapters.merging import named_api, renamed
from inference_do._adapters.settings import Number, Whole
from inference_do._adapters.spans import with_spans_of
from inference_do._adapters.tool_forms import mask_tools
from inference_do._adapters.tool_names import ToolNames, send_names
from inference_do.config import check_mapping
from inference_do.models import ModelInfo, model_info
from inference_do.types import ChatCompletion

from ._connection import Connected, check_model
from ._inputs import like, mask_and_instrument_tools, validate_and_instrument_chat, validate_and_instrument_completion
from ._loading import register_class
from ._messages import to_wire
from ._params import ALIASES, WIRE_FIELDS, request_params
from ._responses import StreamReader, completion_of, read_completion
from ._schema import response_format
from ._streams import acompletions_of, aread_stream, completions_of, read_stream
from ._structured import StructuredPrediction
from ._tools import CallableTools, chosen_tool, keep_one_call, selections, tool_specs, with_text

if TYPE_CHECKING:
    from llama_index.core.chat_engine.types import AgentChatResponse
    from llama_index.core.llms.llm import ToolSelection
    from llama_index.core.tools.types import BaseTool


__all__ = ["DigitalOcean"]

DEFAULT_CONTEXT_WINDOW = 32_768
"""Tokens that an unknown model is taken to read: the least that any current chat model of DigitalOcean does."""

DEFAULT_NUM_OUTPUT = 256
"""Tokens that LlamaIndex leaves free for an answer when nothing else is set: its own default."""


class ChatRequest(NamedTuple):
    """One call of the client, and the names of its tools."""

    params: dict[str, Any]
    names: ToolNames


class DigitalOcean(Connected, StructuredPrediction, defer_build=False):
    """A chat model of DigitalOcean's inference API.

    Settings are the API's own fields under its own names; one that is not given is not sent. Each call takes the same
    names as keyword arguments, which win over the settings, besides `tools`, `tool_choice`, any other field of the
    API, and `extra_headers`, `extra_query`, `extra_body`, `timeout`, `max_retries`.

    Raises:
        ConfigError: An argument is unknown or cannot be right, or there is no key.
    """

    ALIASES: ClassVar[Mapping[str, str]] = {
        "model_name": "model",
        "request_timeout": "timeout",
        "stop_sequences": "stop",
        "stream": "streaming",
    }
    REQUEST_FIELDS: ClassVar[frozenset[str]] = CHAT_REQUEST_FIELDS

    model: str = Field(description="A model's id, `router:NAME`, or what a dedicated endpoint calls its model.")
    temperature: Number | None = Field(default=None, description="0 to 2.")
    max_tokens: Whole | None = Field(
        default=None,
        description="The most tokens of an answer, reasoning included. It is sent as `max_completion_tokens`, which is "
        "another name of it.",
    )
    max_completion_tokens: Whole | None = Field(default=None, description="Another name of `max_tokens`.")
    top_p: Number | None = Field(default=None, description="0 to 1.")
    stop: str | list[str] | None = Field(default=None, description="Up to four texts at which the answer ends.")
    seed: Whole | None = Field(
        default=None, description="The same seed gives the same answer, as far as the model can."
    )
    n: Whole | None = Field(
        default=None, description="Answers to a request; the first is the message, all are in `raw`."
    )
    logprobs: bool | None = Field(default=None, description="Whether the answer has its tokens' log probabilities.")
    top_logprobs: Whole | None = Field(default=None, description="0 to 20; needs `logprobs`.")
    logit_bias: dict[str | int, float] | None = Field(default=None, description="A bias for token ids, -100 to 100.")
    frequency_penalty: Number | None = Field(default=None, description="-2 to 2.")
    presence_penalty: Number | None = Field(default=None, description="-2 to 2.")
    reasoning_effort: str | None = Field(
        default=None,
        description="How much the model thinks: `none`, `low`, `medium`, `high`, `max`. "
        "`model_info(id).reasoning_efforts` has those that a model takes.",
    )
    reasoning: dict[str, Any] | str | None = Field(
        default=None, description="`{'effort': ..., 'max_tokens': ...}`, or an effort."
    )
    parallel_tool_calls: bool | None = Field(
        default=None, description="False forbids several tool calls in one answer, also to agents."
    )
    response_format: dict[str, Any] | None = Field(
        default=None, description="The API's `response_format`, or a pydantic class for an object of it."
    )
    user: str | None = Field(default=None, description="An id of your user, so that the provider can trace abuse.")
    service_tier: str | None = Field(default=None, description="The provider's tier, where a model has several.")
    prompt_cache_retention: str | None = Field(default=None, description="`in_memory` or `24h`, for OpenAI's models.")
    chat_template_kwargs: dict[str, Any] | None = Field(
        default=None, description="Options of an open model's chat template, such as `{'enable_thinking': False}`."
    )
    model_affinity: str | None = Field(
        default=None,
        description="Sent as the header `X-Model-Affinity`: keeps a router on one model, so that its prompt cache can "
        "help.",
    )
    api: Literal["auto", "chat_completions", "responses", "messages"] = Field(
        default="auto",
        description="Which of the platform's APIs answers; `auto`: the one that the model and the request need. The "
        "answer's metadata says which it was. `use_responses_api=True` is another name of `api='responses'`.",
    )
    use_responses_api: bool = Field(default=False, strict=True, description="Another name of `api='responses'`.")
    extra_body: dict[str, Any] | None = Field(
        default=None, description="Further fields of the request's body, sent as they are."
    )
    streaming: bool = Field(
        default=False,
        description="Without effect: here the method that is called decides. It is taken so that one set of settings "
        "serves both frameworks.",
    )
    stream_usage: bool = Field(default=True, description="Whether streams ask for usage.")
    send_reasoning: bool | Literal["reasoning_content", "reasoning"] = Field(
        default=True,
        description="Whether earlier answers go back with their reasoning, which models that think between tool calls "
        "need; or the name to send it under, for servers that only know the other one.",
    )
    cache_control: dict[str, str] | None = Field(
        default=None,
        description="`{'type': 'ephemeral'}`, with a `ttl` of `5m` or `1h`: marks the end of the system message and of "
        "the conversation for the prompt cache. Sent to models that are known to take it (Anthropic's).",
    )
    include_response_headers: bool = Field(
        default=False, description="Whether `additional_kwargs` of responses have the response's `headers`."
    )
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Further arguments of every call, as a call would be given them."
    )
    context_window: Whole | None = Field(
        default=None, description="Tokens of the model's context window; by default what is known of the model."
    )
    num_output: Whole | None = Field(
        default=None,
        description="Tokens that prompts leave free for the answer. By default `max_tokens`, but at most a quarter of "
        "the context window, or 256.",
    )
    is_function_calling_model: bool | None = Field(
        default=None, description="Whether the model calls tools; by default what is known of it, True if nothing is."
    )

    @field_validator("response_format", mode="before")
    @classmethod
    def _read_response_format(cls, value: Any) -> Any:
        return response_format(value) if isinstance(value, type) and issubclass(value, BaseModel) else value

    @field_validator("additional_kwargs", "extra_body")
    @classmethod
    def _mask_tools(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return mask_tools(value) if value else value

    def _check(self) -> None:
        super()._check()
        check_model(self.model)
        asked = {name: vars(self)[name] for name in ("api", "use_responses_api")}
        vars(self)["api"] = named_api(asked)["api"]
        renamed({name: vars(self)[name] for name in ("max_tokens", "max_completion_tokens")}, ALIASES)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that serialized objects are known by."""
        return "DigitalOcean_LLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex asks of a model before it uses it."""
        info = model_info(self.model)
        window = self.context_window or info.usable_context or DEFAULT_CONTEXT_WINDOW
        return LLMMetadata(
            context_window=window,
            num_output=self.num_output or self._room_for_output(window),
            is_chat_model=True,
            is_function_calling_model=self._calls_functions(info),
            model_name=self.model,
            system_role=MessageRole.SYSTEM,
        )

    def _room_for_output(self, window: int) -> int:
        limit = self.max_completion_tokens or self.max_tokens
        return min(limit, window // 4) if limit else DEFAULT_NUM_OUTPUT

    def _calls_functions(self, info: ModelInfo) -> bool:
        if self.is_function_calling_model is not None:
            return self.is_function_calling_model
        return info.tools is not False

    def to_payload(self) -> dict[str, Any]:
        """Return what observers are given of this model: nothing secret."""
        return {
            **super().to_payload(),
            "model": self.model,
            "temperature": self.temperature,
            "max_tokens": self.max_completion_tokens or self.max_tokens,
        }

    # --- calls ------------------------------------------------------------

    @validate_and_instrument_chat
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the model's whole answer.

        Args:
            messages: The conversation.
            **kwargs: Settings for this call; see the class.

        Raises:
            InferenceError: One of its subclasses; see `inference_do.errors`.
        """
        return self._chat(messages, kwargs)

    @validate_and_instrument_chat
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Return the model's answer as it is made: see `chat`, and `_responses.py` for what each response holds."""
        return self._stream(messages, kwargs)

    @validate_and_instrument_chat
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the model's whole answer; see `chat`."""
        return await self._achat(messages, kwargs)

    @validate_and_instrument_chat
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Return the model's answer as it is made; see `stream_chat`. Close it (`aclose`) to stop the API early."""
        return self._astream(messages, kwargs)

    @validate_and_instrument_completion
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the model's answer to one message of the user; `formatted` skips `completion_to_prompt`."""
        return completion_of(self._chat(self._asking(prompt, formatted), kwargs))

    @validate_and_instrument_completion
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Return the answer to one message of the user as it is made."""
        return completions_of(self._stream(self._asking(prompt, formatted), kwargs))

    @validate_and_instrument_completion
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the model's answer to one message of the user; see `complete`."""
        return completion_of(await self._achat(self._asking(prompt, formatted), kwargs))

    @validate_and_instrument_completion
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """Return the answer to one message of the user as it is made."""
        return acompletions_of(self._astream(self._asking(prompt, formatted), kwargs))

    def _chat(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatResponse:
        request = self._request(messages, kwargs)
        with with_spans_of("llama_index"):
            return self._read(self._clients.sync.chat(**request.params), request)

    async def _achat(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatResponse:
        request = self._request(messages, kwargs)
        with with_spans_of("llama_index"):
            return self._read(await self._clients.asynchronous.chat(**request.params), request)

    def _stream(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatResponseGen:
        request = self._request(messages, kwargs, streaming=True)
        with with_spans_of("llama_index"):
            return read_stream(self._clients.sync.stream(**request.params), self._reader(request))

    def _astream(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatResponseAsyncGen:
        request = self._request(messages, kwargs, streaming=True)
        with with_spans_of("llama_index"):
            return aread_stream(self._clients.asynchronous.stream(**request.params), self._reader(request))

    def _read(self, completion: ChatCompletion, request: ChatRequest) -> ChatResponse:
        return read_completion(completion, request.names, headers=self.include_response_headers)

    def _reader(self, request: ChatRequest) -> StreamReader:
        return StreamReader(request.names, headers=self.include_response_headers)

    def _request(
        self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any], *, streaming: bool = False
    ) -> ChatRequest:
        fields = vars(self)
        settings = {name: value for name in WIRE_FIELDS if (value := fields[name]) is not None}
        params = request_params((settings, self.additional_kwargs, kwargs), streaming=streaming)
        if streaming and not self.stream_usage:
            params.setdefault("stream_options", {"include_usage": False})
        reasoning, mark = kwargs.get("send_reasoning"), self._mark(kwargs)
        wanted = self.send_reasoning if reasoning is None else reasoning
        wire = params["messages"] = to_wire(messages, params["model"], reasoning=wanted, api=params.get("api", "auto"))
        if mark and model_info(params["model"]).cache_control:
            mark_for_cache(wire, check_mapping(mark, name="cache_control"), params.get("tools") or ())
        elif mark:
            warn_left_out(params["model"])
        return ChatRequest(params, send_names(params))

    def _mark(self, kwargs: Mapping[str, Any]) -> Any:
        """Return the mark for the prompt cache that a call has, or its settings."""
        return kwargs.get("cache_control") or self.additional_kwargs.get("cache_control") or self.cache_control

    def _asking(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        return [ChatMessage(content=prompt)]

    # --- tools ------------------------------------------------------------

    @override
    @mask_and_instrument_tools
    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: str | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the arguments of a chat with tools; the history that is given stays as it is."""
        messages = list(chat_history or ())
        if user_msg is not None:
            messages.append(ChatMessage(content=user_msg) if isinstance(user_msg, str) else user_msg)
        if not tools:
            return {"messages": messages, **kwargs}
        specs = tool_specs(tools)
        return {
            "messages": messages,
            "tools": specs,
            "tool_choice": chosen_tool(tool_choice, specs, required=tool_required),
            "parallel_tool_calls": allow_parallel_tool_calls and self.parallel_tool_calls is not False,
            **kwargs,
        }

    @override
    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        """Keep a caller who can carry out one tool call from being given several."""
        if not allow_parallel_tool_calls:
            keep_one_call(response)
        if isinstance(tools, CallableTools):
            tools.answer_calls_of(response)
        return response

    @override
    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """Return the tool calls of an answer, or of what has been streamed of it.

        A call whose arguments were cut off or cannot be read has a name that no tool has, and that says why.

        Raises:
            ValueError: There is none, unless `error_on_no_tool_call` is False.
        """
        return selections(response, error_on_no_tool_call=error_on_no_tool_call)

    @like(FunctionCallingLLM.predict_and_call)
    def predict_and_call(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> AgentChatResponse:
        """Let the model call tools, and return their outputs; a call that cannot be run is answered with an error."""
        return with_text(super().predict_and_call(tools := self._callable(tools), *args, **kwargs), tools)

    @like(FunctionCallingLLM.apredict_and_call)
    async def apredict_and_call(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> AgentChatResponse:
        """Let the model call tools, and return their outputs; see `predict_and_call`."""
        return with_text(await super().apredict_and_call(tools := self._callable(tools), *args, **kwargs), tools)

    def _callable(self, tools: Sequence[BaseTool]) -> Sequence[BaseTool]:
        return CallableTools(tools) if self.metadata.is_function_calling_model else tools


register_class(DigitalOcean, module="llama_index.core.llms.loading", table="RECOGNIZED_LLMS")
