"""`ChatDigitalOcean`, LangChain's chat model on DigitalOcean's inference API.

1. `_request()` merges settings and call (`_params`) and translates the messages (`_messages`).
2. The client sends it: retries, timeouts and the stream's protocol are its business.
3. `_responses` translates the answer, whole or chunk by chunk; `_errors` the failures.

The sync and the async methods differ in `await` alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, ClassVar, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import Field, field_validator, model_validator

from inference_do import ConfigError, RateLimit, Timeout
from inference_do._adapters.arguments import CHAT_REQUEST_FIELDS
from inference_do._adapters.cache_marks import mark_for_cache, warn_left_out
from inference_do._adapters.histories import write_json
from inference_do._adapters.merging import named_api, renamed
from inference_do._adapters.signatures import with_signature
from inference_do._adapters.spans import with_spans_of
from inference_do._adapters.tokens import estimate_message, estimate_tokens
from inference_do._adapters.tool_forms import mask_tools, wire_choice
from inference_do._adapters.tool_names import ToolNames, send_names
from inference_do.config import KEY_VARIABLES, check_mapping

from ._blocks import PROVIDER
from ._checked import CheckedCalls
from ._connection import Connected, Number, Whole
from ._errors import translate
from ._messages import readable_by_core, to_wire
from ._params import (
    ALIASES,
    UNANSWERED,
    check_call,
    merge,
    streaming_options,
    takes_cache_control,
    takes_file_urls,
)
from ._profile import is_known, profile_of
from ._responses import ChunkReader, from_completion
from ._tools import wire_format, wire_tool

__all__ = ["ChatDigitalOcean"]

Method = Literal["function_calling", "json_schema", "json_mode"]
"""How structured output is asked for."""

TRACED = frozenset({"temperature", "model", "max_tokens", "stop", *ALIASES})


class ChatDigitalOcean(Connected, CheckedCalls, defer_build=False):
    """A chat model of DigitalOcean's inference API.

    Any field of the API may also be given to a single call (`invoke(..., temperature=0)`, `bind(...)`), and so may
    `timeout`, `max_retries`, `extra_headers`, `extra_query` and `extra_body`. What is None is not sent. A stream
    carries one answer: with `n` above 1, `stream()` waits and hands out the first answer whole. LangChain traces what a
    call is given; a header of `extra_headers` that is a SecretStr is sent, and traced as a mask.

        model = ChatDigitalOcean(model="gemma-4-31B-it")
        model.invoke("What is a droplet?").text
    """

    model: str = Field(description="A model's id, `router:NAME`, or what a dedicated endpoint calls its model.")
    temperature: Number | None = Field(default=None, description="0 to 2.")
    max_tokens: Whole | None = Field(
        default=None,
        description="The most tokens of an answer, reasoning included. It is sent as `max_completion_tokens`, which is "
        "another name of it.",
    )
    top_p: Number | None = Field(default=None, description="0 to 1.")
    stop: list[str] | str | None = Field(default=None, description="Up to four texts at which the answer ends.")
    seed: Whole | None = Field(
        default=None, description="The same seed gives the same answer, as far as the model can."
    )
    n: Whole | None = Field(default=None, description="How many answers; `generate()` returns all of them.")
    logprobs: bool | None = Field(default=None, description="Whether the answer has its tokens' log probabilities.")
    top_logprobs: Whole | None = Field(default=None, description="0 to 20; needs `logprobs`.")
    logit_bias: Mapping[str | int, float] | None = Field(default=None, description="A bias for token ids, -100 to 100.")
    frequency_penalty: Number | None = Field(default=None, description="-2 to 2.")
    presence_penalty: Number | None = Field(default=None, description="-2 to 2.")
    reasoning_effort: str | None = Field(
        default=None,
        description="How much the model thinks: `none`, `low`, `medium`, `high`, `max`. "
        "`model_info(id).reasoning_efforts` has those that a model takes.",
    )
    reasoning: Mapping[str, Any] | str | None = Field(
        default=None, description="`{'effort': ..., 'max_tokens': ...}`, or an effort."
    )
    parallel_tool_calls: bool | None = Field(
        default=None, description="Whether an answer may have several tool calls; sent only with tools."
    )
    response_format: Any = Field(default=None, description="A dict as the API has it, or a schema.")
    user: str | None = Field(default=None, description="An id of your user, so that the provider can trace abuse.")
    service_tier: str | None = Field(default=None, description="The provider's tier, where a model has several.")
    prompt_cache_retention: str | None = Field(default=None, description="`in_memory` or `24h`, for OpenAI's models.")
    chat_template_kwargs: Mapping[str, Any] | None = Field(
        default=None, description="Options of an open model's chat template, such as `{'enable_thinking': False}`."
    )
    model_affinity: str | None = Field(
        default=None,
        description="Sent as the header `X-Model-Affinity`: keeps a router on one model, so that its prompt cache can "
        "help.",
    )
    extra_body: Mapping[str, Any] | None = Field(
        default=None, description="Further fields of the request's body, sent as they are."
    )
    api: Literal["auto", "chat_completions", "responses", "messages"] = Field(
        default="auto",
        description="Which of the platform's APIs answers; `auto`: the one that the model and the request need. The "
        "answer's metadata says which it was. `use_responses_api=True` is another name of `api='responses'`.",
    )
    cache_control: Mapping[str, Any] | None = Field(
        default=None,
        description="`{'type': 'ephemeral'}`, with a `ttl` of `5m` or `1h`: marks the end of the system message and of "
        "the conversation for the prompt cache. Sent to models that are known to take it (Anthropic's).",
    )
    streaming: bool = Field(
        default=False, description="Whether `invoke` streams too; if False is given, nothing ever does."
    )
    stream_usage: bool = Field(default=True, description="Whether streams ask for usage.")
    send_reasoning: bool | Literal["reasoning_content", "reasoning"] = Field(
        default=True,
        description="Whether earlier answers go back with their reasoning, which models that think between tool calls "
        "need; or the name to send it under, for servers that only know the other one.",
    )
    include_response_headers: bool = Field(
        default=False, description="Whether `response_metadata` has the response's `headers`, rate limits among them."
    )

    ALIASES: ClassVar[Mapping[str, str]] = {**ALIASES, "stream": "streaming"}
    REQUEST_FIELDS: ClassVar[frozenset[str]] = CHAT_REQUEST_FIELDS

    @field_validator("model_kwargs", "extra_body", check_fields=False)
    @classmethod
    def _mask_tools(cls, value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        return mask_tools(value) if value else value

    @classmethod
    def _read_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        return named_api(values)

    def _complete(self) -> None:
        from . import __version__  # noqa: PLC0415  a name that is made when it is asked for

        self._add_version("inference-do", __version__)

    # --- names and traces ---

    @property
    def model_name(self) -> str:
        """Another name of `model`."""
        return self.model

    @property
    def _llm_type(self) -> str:
        return "digitalocean-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        params = merge(self, None, {})
        params.pop("extra_headers", None)  # they may hold secrets
        further = {"base_url": self.base_url, "model_affinity": self.model_affinity}
        return {"model_name": self.model, **{name: value for name, value in further.items() if value}, **params}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        call = renamed({name: value for name, value in kwargs.items() if name in TRACED}, ALIASES)
        traced = LangSmithParams(
            ls_provider=PROVIDER, ls_model_name=call.get("model", self.model), ls_model_type="chat"
        )
        if (temperature := call.get("temperature", self.temperature)) is not None:
            traced["ls_temperature"] = temperature
        if (limit := call.get("max_tokens", self.max_tokens)) is not None:
            traced["ls_max_tokens"] = limit
        if ends := stop or call.get("stop", self.stop):
            traced["ls_stop"] = list(ends) if isinstance(ends, list | tuple) else [ends]
        return traced

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether LangChain may serialize it: yes, without the key."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The variable that the key is read from when a serialized model is loaded."""
        return {"api_key": KEY_VARIABLES[0]}

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """What is serialized in another form."""
        settings = {"timeout": self.timeout, "rate_limit": self.rate_limit}
        return {name: asdict(value) for name, value in settings.items() if isinstance(value, Timeout | RateLimit)}

    def __iter__(self) -> Generator[tuple[str, Any], None, None]:  # noqa: PYI058  as pydantic has it
        """Yield the fields with their values, of one moment.

        Core keeps what it has serialized among them, in one thread while others iterate to serialize it as well.
        """
        yield from [(name, value) for name, value in vars(self).copy().items() if not name.startswith("_")]
        yield from (self.__pydantic_extra__ or {}).items()  # of a subclass that takes further fields

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Return what the cache of answers knows this call by: the settings as they are now, and what will be sent.

        Tools and schemas are in it as they are sent, so that two classes of one name are not taken for each other;
        headers are not, as they may hold secrets.
        """
        self.__dict__.pop("_serialized", None)  # core computes it once, and settings may have changed since
        with translate():
            sent = merge(self, stop, kwargs)
        return super()._get_llm_string(**{name: value for name, value in sent.items() if name not in UNANSWERED})

    def _resolve_model_profile(self) -> ModelProfile | None:
        return profile_of(self.model)

    def _changes_with(self, changed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the profile of another model, unless the caller gave one."""
        if "model" in changed and "profile" not in changed and self._profile_is_the_models:
            return {"profile": profile_of(changed["model"])}
        return {}

    @property
    def _profile_is_the_models(self) -> bool:
        return vars(self).get("profile") == profile_of(self.model)

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        """Leave to core's check what it will warn of: it doubles the time that an object takes to make."""
        check = getattr(super(), "_check_profile_keys", None)  # core's own name, which a version may not have
        if check is not None and not is_known(self.profile):
            check()
        return self

    # --- calls ---

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        prompt = super()._convert_input(model_input)
        messages = prompt.to_messages()
        with translate():
            readable = readable_by_core(messages)
        return prompt if readable is messages else ChatPromptValue(messages=readable)

    def _request(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ToolNames]:
        params = merge(self, stop, given)
        reasoning, mark = given.get("send_reasoning"), given.get("cache_control") or self.cache_control
        has_cache = takes_cache_control(params["model"])
        wire = to_wire(
            messages,
            cache_control=has_cache,
            file_urls=takes_file_urls(params),
            reasoning=self.send_reasoning if reasoning is None else reasoning,
        )
        if mark and has_cache:
            mark_for_cache(wire, check_mapping(mark, name="cache_control"), params.get("tools") or ())
        elif mark:
            warn_left_out(params["model"])
        params["messages"] = wire
        return params, send_names(params)

    def _streamed(
        self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ChunkReader]:
        request, names = self._request(messages, stop, given)
        if (request.pop("n", None) or 1) > 1:
            message = "a stream carries one answer: use generate() or batch() for n > 1"
            raise ConfigError(message)
        request["stream_options"] = streaming_options(self, given)
        return request, ChunkReader(model=request["model"], names=names, headers=self._wants_headers(given))

    def _read(self, completion: Any, model: str, names: ToolNames, given: Mapping[str, Any]) -> ChatResult:
        return from_completion(completion, model=model, names=names, headers=self._wants_headers(given))

    def _wants_headers(self, given: Mapping[str, Any]) -> bool:
        wanted = given.get("include_response_headers")
        return self.include_response_headers if wanted is None else bool(wanted)

    @with_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  core reports whole answers to callbacks
        **kwargs: Any,
    ) -> ChatResult:
        with translate(), with_spans_of("langchain"):
            request, names = self._request(messages, stop, kwargs)
            return self._read(self._clients.sync.chat(**request), request["model"], names, kwargs)

    @with_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        with translate(), with_spans_of("langchain"):
            request, names = self._request(messages, stop, kwargs)
            return self._read(await self._clients.asynchronous.chat(**request), request["model"], names, kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with translate():
            request, reader = self._streamed(messages, stop, kwargs)
            with with_spans_of("langchain"):
                opened = self._clients.sync.stream(**request)
            with opened as stream:
                for chunk in stream:
                    if (part := reader.read(chunk)) is None:
                        continue
                    if run_manager:
                        run_manager.on_llm_new_token(part.text, chunk=part)
                    yield part
                info = stream.response_info
        for part in reader.end(info):
            if run_manager:
                run_manager.on_llm_new_token("", chunk=part)
            yield part

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with translate():
            request, reader = self._streamed(messages, stop, kwargs)
            with with_spans_of("langchain"):
                opened = self._clients.asynchronous.stream(**request)
            async with aclosing(opened) as stream:
                async for chunk in stream:
                    if (part := reader.read(chunk)) is None:
                        continue
                    if run_manager:
                        await run_manager.on_llm_new_token(part.text, chunk=part)
                    yield part
                info = stream.response_info
        for part in reader.end(info):
            if run_manager:
                await run_manager.on_llm_new_token("", chunk=part)
            yield part

    def _streaming_disabled(self, **kwargs: Any) -> bool:
        """Return whether core must wait for the whole answer: it must where there are several."""
        n = self.n if kwargs.get("n") is None else kwargs["n"]
        return (n or 1) > 1 or super()._streaming_disabled(**kwargs)

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        """Add up the usage of a batch."""
        total: dict[str, Any] = {}
        for output in llm_outputs:
            for name, count in ((output or {}).get("token_usage") or {}).items():
                if isinstance(count, int) and not isinstance(count, bool):
                    total[name] = total.get(name, 0) + count
        return {"token_usage": total} if total else {}

    # --- tools and structured output ---

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools.

        Args:
            tools: LangChain tools, functions, pydantic classes, TypedDicts, or schemas in the form of JSON Schema, of
                OpenAI or of Anthropic; dicts of DigitalOcean's own tools (`web_search`, `mcp`, ...). None at all bind
                nothing.
            tool_choice: "auto", "none", "any", "required" or True; a tool's name; a dict; None or False for no choice.
            strict: Whether arguments, and an answer of a class given as `response_format`, must follow their schemas;
                None leaves it to the API.
            **kwargs: Further arguments of the call, such as `parallel_tool_calls` or `response_format`.

        Raises:
            ConfigError: `tool_choice` names a tool that is not among the tools.
        """
        with translate():
            check_call(kwargs)
            formed = [wire_tool(tool, strict=strict) for tool in tools]
            choice = wire_choice(tool_choice, formed) if formed else None
            if (form := kwargs.get("response_format")) is not None:
                kwargs["response_format"] = wire_format(form, strict=strict)
        if not formed:
            return self.bind(**kwargs)
        chosen = {} if choice is None else {"tool_choice": choice}
        return self.bind(tools=formed, **chosen, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return this model with answers of a schema.

        Args:
            schema: A pydantic class, which answers are then objects of; or a TypedDict or a dict (JSON Schema with a
                title, or OpenAI's function), for dicts.
            method: "function_calling", "json_schema" or "json_mode". By default "json_schema" for models that are
                known to have it (their profile's `structured_output`), else "function_calling".
            include_raw: Return a dict of `raw`, `parsed` and `parsing_error` instead of raising.
            strict: Whether the API must enforce the schema; None leaves it to the API.
            **kwargs: Further arguments of the call: `tool_choice="auto"` for models that cannot be forced to call;
                `tools` with the other two methods and `include_raw`, whose `parsed` is None when one is called.

        Raises:
            ConfigError: The arguments do not go together.
        """
        from ._structured import joined, parsed, plan  # noqa: PLC0415  its parsers are built on import

        with translate():
            check_call(kwargs)

        if method is None:
            known = bool((self.profile or {}).get("structured_output"))
            method = "json_schema" if known and schema is not None else "function_calling"
        with translate():
            bound, parser = plan(schema, method, strict)
            bound = joined(bound, kwargs, include_raw=include_raw)
        return parsed(self.bind(**bound), parser, include_raw=include_raw)

    # --- counting ---

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, offline, by a rule that knows no model's vocabulary.

        It is within a factor of 1.7 of current models' own counts for most languages, code and data.
        """
        if self.custom_get_token_ids is not None:
            return super().get_num_tokens(text)
        return estimate_tokens(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Estimate the tokens of messages and tools as they are sent, offline.

        Reasoning counts if it is sent back (`send_reasoning`), as far as it can be read: signatures and encrypted
        reasoning are no text, and APIs leave most of what was thought in earlier turns out of the count. A message has
        three tokens more than its texts, an image or another file is 85.
        """
        texts = [write_json(wire_tool(tool)) for tool in tools or ()]
        return sum(map(self._estimate, messages)) + sum(map(self.get_num_tokens, texts))

    def _estimate(self, message: BaseMessage) -> int:
        try:
            wire = to_wire([message], reasoning=self.send_reasoning)
        except ConfigError:  # it cannot be sent, but whoever counts is not about to send it
            wire = [{"content": str(message.text)}]
        return sum(estimate_message(sent, self.get_num_tokens) for sent in wire)
