"""The API's answers as LangChain's: whole ones, and chunk by chunk.

LangChain adds chunks up: texts of one key are joined and numbers summed. So whatever must appear once is sent once:
the model's name on the first chunk; finish reason, ids, headers, usage and what deltas have as lists or objects on the
last, which comes when the stream is over. Only `model_provider` is on every chunk, where core keeps it as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.json import parse_partial_json

from inference_do import ChatCompletion, ChatCompletionChunk, Choice, ResponseInfo, Usage, model_info
from inference_do._adapters.deltas import AGENTS, PLAIN, put_together
from inference_do._adapters.tool_arguments import arguments_or_problem, is_cut_off
from inference_do._adapters.tool_names import ToolNames
from inference_do.accumulate import reasoning_text
from inference_do.types import AGENT_FIELDS, ToolCallFragment

from . import _blocks
from ._blocks import PROVIDER
from ._chunks import chunk_factory

__all__ = ["ChunkReader", "from_completion"]

HANDLED = frozenset({"role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls"})
"""What a delta has that holds nothing for `additional_kwargs`."""

CHOICE = frozenset({"index", "message", "delta", "finish_reason", "logprobs"})

NULL = "null"
"""What some models write where a tool takes no arguments."""

METADATA = ("id", "system_fingerprint", "service_tier", *AGENT_FIELDS)
"""Fields beside an answer's choices that `response_metadata` has."""

_blocks.register()


def from_completion(
    completion: ChatCompletion, *, model: str, names: ToolNames | None = None, headers: bool = False
) -> ChatResult:
    """Return a whole answer.

    Args:
        completion: The API's answer.
        model: The model that was asked for, in case the answer does not name one.
        names: The tools' own names.
        headers: Whether to put the response's headers into `response_metadata`.
    """
    usage = completion.usage
    metadata: dict[str, Any] = {
        "model_name": _model_name(completion.model, model),
        "model_provider": PROVIDER,
        **_ids({**vars(completion), **(completion.model_extra or {})}),
        **_http(completion.response_info, headers=headers),
        **({"token_usage": usage.model_dump(exclude_none=True)} if usage else {}),
    }
    # usage is the whole request's: with n answers it stands on the first, so that sums are right
    generations = [
        _generation(choice, {**metadata}, usage if index == 0 else None, names or ToolNames())
        for index, choice in enumerate(completion.choices)
    ]
    return ChatResult(generations=generations, llm_output={"token_usage": metadata["token_usage"]} if usage else {})


def _generation(choice: Choice, metadata: dict[str, Any], usage: Usage | None, names: ToolNames) -> ChatGeneration:
    answer = choice.message
    kwargs = {name: value for name, value in (answer.model_extra or {}).items() if value}
    text = reasoning_text({"reasoning_content": answer.reasoning_content, "reasoning": answer.reasoning})
    if text or answer.reasoning_content == "":  # some models want an empty one back as well
        kwargs["reasoning_content"] = text
    if answer.refusal:
        kwargs["refusal"] = answer.refusal
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in answer.tool_calls:
        is_cut = is_cut_off(choice.finish_reason) and call is answer.tool_calls[-1]
        name = names.from_wire(call.function.name)
        _sort(call.id, name, call.function.arguments, calls, invalid, is_cut=is_cut)
    info = {name: value for name in ("finish_reason", "logprobs") if (value := getattr(choice, name)) is not None}
    if choice.model_extra:
        info.update(_further(choice.model_extra))
    message = AIMessage(
        content=answer.content or "",
        additional_kwargs=kwargs,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        usage_metadata=usage_metadata(usage) if usage else None,
        response_metadata={**metadata, **info},
    )
    return ChatGeneration(message=message, generation_info=info)


def _further(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a server says of a choice beyond the API, such as vLLM's `stop_reason`."""
    return {name: choice[name] for name in choice.keys() - CHOICE if choice[name] not in (None, "", [], {})}


def _sort(
    id_: str, name: str, arguments: str, calls: list[ToolCall], invalid: list[InvalidToolCall], *, is_cut: bool
) -> None:
    """Put a call among the good ones, or, if its arguments were cut off or cannot be read, among the others."""
    match arguments_or_problem(arguments, is_cut=is_cut):
        case dict() as parsed:
            calls.append({"type": "tool_call", "id": id_, "name": name, "args": parsed})
        case problem:
            invalid.append({"type": "invalid_tool_call", "id": id_, "name": name, "args": arguments, "error": problem})


ENDS = ("]", "}", '"]', '"}', '""]', '""}')


def _unrepairable(arguments: str) -> str:
    """Return what makes core see that broken arguments are broken, or nothing if it does anyway.

    Whoever adds chunks up gets tool calls from core, whose parser closes whatever JSON leaves open: the arguments
    `{"text": "a lo` would be run as `{"text": "a lo"}`. A closing bracket that nothing opened is beyond its repair.
    """
    if arguments and not _is_repaired(arguments):
        return ""
    ends = (f"{end} (cut off)" for end in ENDS)
    return next(end for end in ends if not _is_repaired(arguments + end))


def _is_repaired(arguments: str) -> bool:
    try:
        return isinstance(parse_partial_json(arguments), dict)
    except (ValueError, RecursionError):
        return False


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Return usage as LangChain counts it: `input_tokens` with the cached ones in it, for every family of models."""
    details_in: InputTokenDetails = {}
    details_out: OutputTokenDetails = {}
    if read := usage.cached_tokens:
        details_in["cache_read"] = read
    if usage.cache_created_input_tokens:
        details_in["cache_creation"] = usage.cache_created_input_tokens
    if audio := _audio_tokens(usage.prompt_tokens_details):
        details_in["audio"] = audio
    if thought := usage.reasoning_tokens:
        details_out["reasoning"] = thought
    if audio := _audio_tokens(usage.completion_tokens_details):
        details_out["audio"] = audio
    taken, made = usage.input_tokens, usage.output_tokens
    counted: UsageMetadata = {
        "input_tokens": taken,
        "output_tokens": made,
        "total_tokens": max(usage.total_tokens, taken + made),
    }
    if details_in:
        counted["input_token_details"] = details_in
    if details_out:
        counted["output_token_details"] = details_out
    return counted


def _audio_tokens(details: Mapping[str, Any] | None) -> int:
    count = (details or {}).get("audio_tokens")
    return count if isinstance(count, int) else 0


def _model_name(reported: Any, asked: str) -> str:
    """Return the id of the model that answered; Anthropic's own ids, which it reports, are unknown to this API."""
    if not isinstance(reported, str) or not reported:
        return asked
    is_alias = model_info(asked).provider == "Anthropic" and not model_info(reported).is_known
    return asked if is_alias else reported


def _ids(head: Mapping[str, Any]) -> dict[str, Any]:
    return {name: head[name] for name in METADATA if head.get(name)}


def _http(info: ResponseInfo | None, *, headers: bool) -> dict[str, Any]:
    if info is None:
        return {}
    metadata: dict[str, Any] = {"attempts": info.attempts, **({"api": info.api} if info.api else {})}
    if headers:
        metadata["headers"] = dict(info.headers)
    if request_id := info.request_id:
        metadata["request_id"] = request_id
    if route := info.route:
        metadata["route"] = route
    return metadata


class ChunkReader:
    """Reads the chunks of one stream, in order."""

    __slots__ = (
        "_arguments",
        "_empty",
        "_finish_reason",
        "_further",
        "_head",
        "_headers",
        "_held",
        "_make",
        "_model",
        "_named",
        "_names",
        "_parts",
        "_usage",
    )

    def __init__(self, *, model: str, names: ToolNames | None = None, headers: bool = False) -> None:
        self._make = chunk_factory()
        self._names = names or ToolNames()
        self._model = model
        self._headers = headers
        self._named = False
        self._head: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        self._finish_reason: str | None = None
        self._further: dict[str, Any] = {}
        self._empty: dict[str, Any] = {}
        self._parts: dict[str, list[Any]] = {}
        """Lists and objects of deltas, for the last chunk: core's sum of them would repeat their labels."""
        self._arguments: dict[int, list[str]] = {}
        self._held: dict[int, str] = {}

    def read(self, chunk: ChatCompletionChunk) -> ChatGenerationChunk | None:
        """Return what a chunk adds to the first answer, or None if it is nothing."""
        raw = chunk.raw
        if usage := raw.get("usage"):
            self._usage = usage  # cumulative where it is repeated: the last one counts
        if not self._head.get("id") or not AGENTS.isdisjoint(raw):
            self._head.update(_ids(raw))
        for choice in raw.get("choices") or ():
            if not choice.get("index"):
                return self._choice(choice, chunk)
        return None

    def _choice(self, choice: dict[str, Any], chunk: ChatCompletionChunk) -> ChatGenerationChunk | None:
        delta: dict[str, Any] = choice.get("delta") or {}
        if reason := choice.get("finish_reason"):
            self._finish_reason = reason
        if not CHOICE.issuperset(choice):
            self._further.update(_further(choice))
        text = delta.get("content") or ""
        logprobs = choice.get("logprobs")
        kwargs = {} if PLAIN.issuperset(delta) else self._kwargs(delta)
        fragments = chunk.tool_fragments
        calls = [self._call(item) for item in fragments if not item.choice] if fragments else []
        if not (text or calls or kwargs or logprobs):
            return None
        info = {"logprobs": logprobs} if logprobs else None
        metadata = {"model_provider": PROVIDER} if self._named else self._metadata(chunk.raw)  # no call for each delta
        return self._make(text, kwargs, calls, metadata, info)

    def _kwargs(self, delta: dict[str, Any]) -> dict[str, Any]:
        kwargs = {name: value for name, value in delta.items() if value and name not in HANDLED}
        for name in [name for name, value in kwargs.items() if isinstance(value, list | dict)]:
            self._parts.setdefault(name, []).append(kwargs.pop(name))
        if reasoning := reasoning_text(delta):
            kwargs["reasoning_content"] = reasoning
        elif delta.get("reasoning_content") == "":  # some models want an empty one back as well
            self._empty = {"reasoning_content": ""}
        if refusal := delta.get("refusal"):
            kwargs["refusal"] = refusal
        return kwargs

    def _metadata(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        if self._named:
            return {"model_provider": PROVIDER}
        self._named = True
        return {"model_provider": PROVIDER, "model_name": _model_name(raw.get("model"), self._model)}

    def _call(self, fragment: ToolCallFragment) -> ToolCallChunk:
        _, position, id_, name, arguments = fragment
        parts = self._arguments.get(position)
        if parts is None:
            parts = self._arguments[position] = []
            shown = self._without_null(position, arguments)
        else:
            shown = self._without_null(position, arguments) if position in self._held else arguments
        parts.append(arguments)
        return {
            "name": name and self._names.from_wire(name),
            "args": shown,
            "id": id_,
            "index": position,
            "type": "tool_call_chunk",
        }

    def _without_null(self, position: int, arguments: str) -> str:
        """Hold back the beginning of arguments while it may be that of `null`, which core does not read as none."""
        begun = self._held.pop(position, "") + arguments
        if not NULL.startswith(begun.strip()):
            return begun
        self._held[position] = begun
        return ""

    def end(self, info: ResponseInfo | None) -> Iterator[ChatGenerationChunk]:
        """Yield what ends the message: a mark on each call that is broken, and the last chunk."""
        newest = max(self._arguments, default=None)
        for position, parts in self._arguments.items():
            arguments = "".join(parts)
            is_cut = is_cut_off(self._finish_reason) and position == newest
            if not isinstance(arguments_or_problem(arguments, is_cut=is_cut), str):
                continue
            if mark := self._held.get(position, "") + _unrepairable(arguments):
                call = tool_call_chunk(args=mark, index=position)
                message = AIMessageChunk(content="", tool_call_chunks=[call], response_metadata=self._metadata({}))
                yield ChatGenerationChunk(message=message)
        yield self._last(info)

    def _last(self, info: ResponseInfo | None) -> ChatGenerationChunk:
        finish = {"finish_reason": self._finish_reason} if self._finish_reason else {}
        finish.update(self._further)
        metadata = {**self._metadata({}), **self._head, **_http(info, headers=self._headers), **finish}
        message = AIMessageChunk(
            content="",
            additional_kwargs=self._empty | {name: put_together(name, parts) for name, parts in self._parts.items()},
            usage_metadata=usage_metadata(Usage.model_validate(self._usage)) if self._usage else None,
            response_metadata=metadata,
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message, generation_info=finish or None)
