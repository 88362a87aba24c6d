"""Batches of LlamaIndex's messages: the requests that an LLM would make, and its responses from their results.

batch = client.batches.create(batch_requests(llm, conversations, custom_ids=ids))
...
for result in client.batches.results(batch.id):
    batch_response(result, llm)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms.structured_llm import StructuredLLM
from pydantic import BaseModel

from inference_do import BatchResult, ConfigError, InferenceError
from inference_do._adapters.batches import batch_request, with_ids
from inference_do._adapters.tool_names import ToolNames

from ._inputs import checked_messages
from ._responses import read_completion
from .llm import DigitalOcean

__all__ = ["batch_requests", "batch_response"]

Prompt = str | ChatMessage | Sequence[ChatMessage]


def batch_requests(
    llm: DigitalOcean | StructuredLLM,
    inputs: Iterable[Prompt],
    *,
    custom_ids: Iterable[str] | None = None,
    **kwargs: Any,
) -> Iterator[dict[str, Any]]:
    """Yield the requests that an LLM would make, for `client.batches.create`.

    Args:
        llm: A `DigitalOcean`, or what its `as_structured_llm(cls)` gives.
        inputs: Conversations, each a list of `ChatMessage`, one of them, or a prompt's text as `complete` takes it.
        custom_ids: An id for each input, by which its result is found; by default `request-0`, `request-1`, ...
        **kwargs: Further arguments of the calls, as `chat` takes them: `tools`, `temperature`, ...

    Raises:
        ConfigError: The LLM is another one, or an argument cannot be right.
    """
    model, way = _parts_of(llm, kwargs)
    arguments = kwargs if way is None else way.arguments
    return _requests(model, inputs, custom_ids, arguments, is_structured=way is not None)


def _requests(
    model: DigitalOcean,
    inputs: Iterable[Prompt],
    custom_ids: Iterable[str] | None,
    arguments: Mapping[str, Any],
    *,
    is_structured: bool,
) -> Iterator[dict[str, Any]]:
    for custom_id, item in with_ids(inputs, custom_ids):
        messages = _messages(model, item)
        if is_structured:  # as `structured_predict` does
            messages = model._extend_messages(list(messages))  # noqa: SLF001  of this package
        request = model._request(messages, arguments)  # noqa: SLF001
        yield batch_request(custom_id, request.params)


def _messages(model: DigitalOcean, item: Prompt) -> Sequence[ChatMessage]:
    match item:
        case str():
            return model._asking(item, formatted=False)  # noqa: SLF001
        case ChatMessage():
            return [item]
        case _:
            return checked_messages(item)


def batch_response(result: BatchResult, llm: DigitalOcean | StructuredLLM | None = None, **kwargs: Any) -> ChatResponse:
    """Return the LLM's response, counts of tokens included.

    Args:
        result: A result of `client.batches.results`.
        llm: What the requests were made with. Of `as_structured_llm(cls)` the response has the object as its `raw`, as
            its `chat` does.
        **kwargs: The arguments that the requests were made with: where the API does not take the tools' own names, the
            response has those and not the ones that were sent.

    Raises:
        InferenceError: The request was not answered; it is the result's error.
        ValueError: The answer is no object of the class.
    """
    if result.completion is None:
        raise result.error or InferenceError("the result has neither an answer nor an error")
    model, way = (None, None) if llm is None else _parts_of(llm, kwargs)
    arguments = kwargs if way is None else way.arguments
    names = ToolNames()
    if model is not None:
        names = model._request([ChatMessage(content="-")], arguments).names  # noqa: SLF001
    named = result.model or result.completion.model
    response = read_completion(result.completion.model_copy(update={"model": named}), names)
    if way is None:
        return response
    made: BaseModel = way.read(response)
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, content=made.model_dump_json()),
        raw=made,
        additional_kwargs=response.additional_kwargs,
    )


def _parts_of(llm: Any, kwargs: Mapping[str, Any]) -> tuple[DigitalOcean, Any]:
    """Return the LLM, and how it is asked for an object, None if it is not.

    Raises:
        ConfigError: It is another one, or cannot be asked for objects by the API's own means.
    """
    output_cls = None
    if isinstance(llm, StructuredLLM):
        llm, output_cls = llm.llm, llm.output_cls
    if not isinstance(llm, DigitalOcean):
        message = f"batches are made of a llamaindex_do.DigitalOcean, not of a {type(llm).__name__}"
        raise ConfigError(message)
    if output_cls is None:
        return llm, None
    if (way := llm._way_to(output_cls, dict(kwargs))) is None:  # noqa: SLF001
        message = (
            f"{llm.model!r} is asked for objects in words (pydantic_program_mode), which LlamaIndex does itself: use a "
            "model with tools or a JSON schema for batches"
        )
        raise ConfigError(message)
    return llm, way
