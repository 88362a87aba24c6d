"""The API's answers as LlamaIndex's responses, whole or as they are made.

A response of a stream holds everything up to it: `message` is the whole message so far, `delta` its new text. After
the last chunk comes one more response, with no new text (but a refusal's), that is complete: usage, finish reason,
parsed arguments, all logprobs. It is the one that LlamaIndex's observers and agents look at, and there is always this
one at least.

Where things are: thoughts, text, citations and tool calls in `message.blocks`, in this order; the calls also, as the
API gave them, in `message.additional_kwargs["tool_calls"]`. Complete messages have what goes back unchanged with the
next request: `reasoning_details` in the `additional_information` of the ThinkingBlock, where LlamaIndex's Memory does
not count it as text, and `server_tool_calls` in `message.additional_kwargs`. Counts of tokens, the finish reason, the
API that was asked and the request's id are in `response.additional_kwargs`; new thoughts there too, as
`thinking_delta`; what the API sent in `raw`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from inference_do._adapters.deltas import AGENTS, PLAIN, put_together
from inference_do._adapters.tool_arguments import arguments_or_problem, is_cut_off
from inference_do._adapters.tool_names import ToolNames
from inference_do.accumulate import new_call_id, reasoning_text
from inference_do.types import AGENT_FIELDS, ChatCompletion, ChatCompletionChunk, ResponseInfo, Usage

from ._citations import read_citations
from ._messages import DETAILS, SENT_BACK
from ._tools import OpenCall, PartialObject

__all__ = ["StreamReader", "completion_of", "read_completion"]

ASSISTANT = MessageRole.ASSISTANT
logger = logging.getLogger("inference_do")
SUMS = ("prompt_tokens", "completion_tokens", "total_tokens")
FURTHER = frozenset({*SENT_BACK, "annotations"})
"""Fields of an answer that are lists; the pieces of a stream are put together at its end."""


def read_completion(completion: ChatCompletion, names: ToolNames, *, headers: bool = False) -> ChatResponse:
    """Return a whole answer.

    Args:
        completion: What the API answered; of several choices the first is the message, all are in `raw`.
        names: The tools' own names.
        headers: Whether to hand out the response's headers.
    """
    choice = completion.choices[0]
    message = choice.message
    calls = [
        _StreamedCall(call.id, names.from_wire(call.function.name), call.function.arguments)
        for call in message.tool_calls
    ]
    text = message.content if message.content is not None else message.refusal
    reasoning = reasoning_text(vars(message)) or message.reasoning_content
    tokens = _tokens(completion.usage)
    raw = completion.model_dump(exclude_unset=True)
    if tokens:
        raw["usage"].update(_sums(tokens))
    return ChatResponse(
        message=_whole_message(text, reasoning, calls, choice.finish_reason, tokens, further=message.model_extra or {}),
        raw=raw,
        logprobs=_logprobs(choice.logprobs),
        additional_kwargs=_facts(
            choice.finish_reason, tokens, completion.response_info, message.refusal, raw, headers=headers
        ),
    )


class StreamReader:
    """Chunks to responses, each with everything up to it."""

    def __init__(self, names: ToolNames, *, headers: bool = False) -> None:
        self._names = names
        self._headers = headers
        self._text: str | None = None
        self._refusal = ""
        self._reasoning: str | None = None
        self._calls: list[_StreamedCall] = []
        self._logprobs: list[list[LogProb]] = []
        self._finish: str | None = None
        self._usage: Mapping[str, Any] | None = None
        self._raw: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._further: dict[str, list[Any]] = {}

    def read(self, chunk: ChatCompletionChunk) -> ChatResponse | None:
        """Return what a chunk adds, or None if it adds nothing to the message."""
        raw = self._raw = chunk.raw
        if not AGENTS.isdisjoint(raw):
            self._told |= raw
        if usage := raw.get("usage"):
            self._usage = usage
        for choice in raw.get("choices") or ():
            if not choice.get("index"):
                return self._read_choice(choice, chunk)
        return None

    def _read_choice(self, choice: dict[str, Any], chunk: ChatCompletionChunk) -> ChatResponse | None:
        delta = choice.get("delta") or {}
        if reason := choice.get("finish_reason"):
            self._finish = reason
        text = delta.get("content") or ""
        thought = "" if PLAIN.issuperset(delta) else self._read_further(delta)
        logprobs = _logprobs(found) if (found := choice.get("logprobs")) else None
        fragments = chunk.tool_fragments
        if not (text or thought or logprobs or fragments):
            return None
        if text:
            self._text = text if self._text is None else self._text + text
        if thought:
            self._reasoning = thought if self._reasoning is None else self._reasoning + thought
        if logprobs:
            self._logprobs += logprobs
        for fragment in fragments:
            if fragment.choice == 0:
                self._add_fragment(fragment.position, fragment.id, fragment.name, fragment.arguments)
        return ChatResponse(
            message=_message(self._text, self._reasoning, self._calls, self._open_blocks() if self._calls else []),
            delta=text,
            raw=chunk.raw,
            logprobs=logprobs,
            additional_kwargs={"thinking_delta": thought} if thought else {},
        )

    def _read_further(self, delta: dict[str, Any]) -> str:
        """Take what a delta has beside text and calls; return its thought."""
        if self._reasoning is None and delta.get("reasoning_content") == "":
            self._reasoning = ""  # some models want it back even so
        self._refusal += delta.get("refusal") or ""
        if not FURTHER.isdisjoint(delta):
            for name in FURTHER & delta.keys():
                self._further.setdefault(name, []).append(delta[name])
        return reasoning_text(delta)

    def _open_blocks(self) -> list[ToolCallBlock]:
        return [call.open_block() for call in self._calls]

    def _add_fragment(self, position: int, call_id: str | None, name: str | None, arguments: str) -> None:
        if position == len(self._calls):
            self._calls.append(_StreamedCall(call_id or new_call_id(), "", ""))
        call = self._calls[position]
        if name:
            call.wire_name += name
            call.name = self._names.from_wire(call.wire_name)
        call.arguments += arguments

    def end(self, info: ResponseInfo | None) -> ChatResponse:
        """Return the complete answer.

        Args:
            info: The HTTP side of the stream.
        """
        usage = None if self._usage is None else Usage.model_validate(self._usage)
        tokens = _tokens(usage)
        text = self._text if self._text is not None else self._refusal or None
        further = {name: deepcopy(put_together(name, values)) for name, values in self._further.items()}
        raw = dict(self._raw)
        if usage is not None:
            raw["usage"] = {**usage.model_dump(exclude_unset=True), **_sums(tokens)}
        return ChatResponse(
            message=_whole_message(text, self._reasoning, self._calls, self._finish, tokens, further=further),
            delta="" if self._text is not None else self._refusal,
            raw=raw,
            logprobs=self._logprobs or None,
            additional_kwargs=_facts(self._finish, tokens, info, self._refusal, self._told, headers=self._headers),
        )


def completion_of(response: ChatResponse) -> CompletionResponse:
    """Return an answer as the completion of a prompt."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


class _StreamedCall:
    """A tool call as far as it has come."""

    __slots__ = ("arguments", "id", "name", "reader", "wire_name")

    def __init__(self, call_id: str, name: str, arguments: str) -> None:
        self.id = call_id
        self.name = name
        self.wire_name = name
        self.arguments = arguments
        self.reader = PartialObject()

    def open_block(self) -> ToolCallBlock:
        return OpenCall.so_far(self.id, self.name, self.arguments, self.reader)

    def block(self, *, is_cut: bool) -> ToolCallBlock:
        """Return the whole call; arguments that no tool can be called with stay text."""
        found = arguments_or_problem(self.arguments, is_cut=is_cut)
        arguments = self.arguments if isinstance(found, str) else found
        return ToolCallBlock(tool_call_id=self.id, tool_name=self.name, tool_kwargs=arguments)

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


def _whole_message(
    text: str | None,
    reasoning: str | None,
    calls: list[_StreamedCall],
    finish_reason: str | None,
    tokens: Mapping[str, int],
    *,
    further: Mapping[str, Any],
) -> ChatMessage:
    """Make the message of a complete answer; `further` are its fields of those names in `FURTHER`."""
    is_cut = is_cut_off(finish_reason)
    citations, others = read_citations(further.get("annotations"), text or "")
    blocks = [*citations, *(call.block(is_cut=is_cut and call is calls[-1]) for call in calls)]
    message = _message(text, reasoning, calls, blocks, whole=True, thought=tokens.get("reasoning_tokens"))
    kept = {name: entries for name in SENT_BACK if isinstance(entries := further.get(name), list) and entries}
    details = kept.get(DETAILS, [])
    if any(_is_thought(entry) for entry in details):
        _thinking_block(message).additional_information = {**_marks(details), DETAILS: kept.pop(DETAILS)}
    message.additional_kwargs.update(kept)
    if others:
        message.additional_kwargs["annotations"] = others
    return message


def _is_thought(entry: Any) -> bool:
    return isinstance(entry, Mapping) and str(entry.get("type")).startswith("reasoning.")


def _thinking_block(message: ChatMessage) -> ThinkingBlock:
    """Return the block of a message's thoughts; one without text if none of them can be read."""
    found = next((block for block in message.blocks if isinstance(block, ThinkingBlock)), None)
    if found is None:
        message.blocks.insert(0, found := ThinkingBlock())
    return found


def _marks(details: list[Any]) -> dict[str, Any]:
    """Return what a thought is known by: the last signature and id of its parts, as other integrations show them."""
    parts = [part for part in details if isinstance(part, Mapping)]
    return {name: part[name] for part in parts for name in ("id", "signature") if isinstance(part.get(name), str)}


def _message(
    text: str | None,
    reasoning: str | None,
    calls: list[_StreamedCall],
    further_blocks: list[Any],
    *,
    whole: bool = False,
    thought: int | None = None,
) -> ChatMessage:
    """Make a message that shares nothing with those before it; `thought` is in tokens."""
    blocks: list[Any] = []
    if reasoning or (reasoning == "" and whole):
        blocks.append(ThinkingBlock(content=reasoning, num_tokens=thought))
    if text or not calls:  # with no block of text the message's content would be None, which some write as "None"
        blocks.append(TextBlock(text=text or ""))
    blocks += further_blocks
    if not calls:
        return ChatMessage(role=ASSISTANT, blocks=blocks)
    return ChatMessage(
        role=ASSISTANT, blocks=blocks, additional_kwargs={"tool_calls": [call.as_dict() for call in calls]}
    )


def _facts(
    finish_reason: str | None,
    tokens: Mapping[str, int],
    info: ResponseInfo | None,
    refusal: str | None,
    fields: Mapping[str, Any],
    *,
    headers: bool,
) -> dict[str, Any]:
    """Return what is known of an answer besides the message: plain values, which every store can keep.

    Args:
        finish_reason: Why the answer ended.
        tokens: How many there were, by kind.
        info: The HTTP side of the response.
        refusal: The model's text, if it refused.
        fields: The answer's fields, among them an agent's own.
        headers: Whether to hand out the response's headers.
    """
    facts: dict[str, Any] = {"finish_reason": finish_reason}
    facts.update({name: fields[name] for name in AGENT_FIELDS if fields.get(name)})
    facts.update(tokens)
    if info is not None:
        metadata = {"request_id": info.request_id, "route": info.route, "api": info.api, "attempts": info.attempts}
        facts.update({name: value for name, value in metadata.items() if value})
        if headers:
            facts["headers"] = dict(info.headers)
    if refusal:
        facts["refusal"] = refusal
    return facts


def _tokens(usage: Usage | None) -> dict[str, int]:
    """Return how many tokens there were: those read, cached ones among them, those made, all; others if there were."""
    if usage is None:
        return {}
    read, made = usage.input_tokens, usage.output_tokens
    total = max(usage.total_tokens, read + made)
    tokens = {"prompt_tokens": read, "completion_tokens": made, "total_tokens": total}
    if cached := usage.cached_tokens:
        tokens["cached_tokens"] = cached
    if created := usage.cache_created_input_tokens:
        tokens["cache_created_tokens"] = created
    if thought := usage.reasoning_tokens:
        tokens["reasoning_tokens"] = thought
    return tokens


def _sums(tokens: Mapping[str, int]) -> dict[str, int]:
    """Return the counts that LlamaIndex adds up, which take the place of the API's own."""
    return {name: tokens[name] for name in SUMS}


def _logprobs(logprobs: Any) -> list[list[LogProb]] | None:
    """Return, for each token, the one that was chosen and then the others that were likely; None if they are odd."""
    if not logprobs:
        return None
    try:
        tokens = logprobs.get("content") or logprobs.get("refusal")
        return [_candidates(token) for token in tokens] if tokens else None
    except (AttributeError, TypeError, ValueError):
        logger.debug("logprobs are left out: they have no form that is known")
        return None


def _candidates(token: Mapping[str, Any]) -> list[LogProb]:
    others = [item for item in token.get("top_logprobs") or () if item.get("token") != token.get("token")]
    return [
        LogProb(token=item.get("token") or "", logprob=item.get("logprob") or 0.0, bytes=item.get("bytes") or [])
        for item in (token, *others)
    ]
