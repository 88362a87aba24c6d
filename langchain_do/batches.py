"""Batches of LangChain's messages: the requests that a model or a chain would make, and its answers from their results.

requests = batch_requests(chain, inputs, custom_ids=ids)      # prompt | model, model.bind_tools(...), ...
batch = client.batches.create(requests)
...
for result in client.batches.results(batch.id):
    batch_message(result)                                     # the model's AIMessage
    batch_output(chain, result)                               # what the chain makes of it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase

from inference_do import BatchResult, ConfigError, InferenceError
from inference_do._adapters.batches import batch_request, with_ids
from inference_do._adapters.tool_names import ToolNames

from ._errors import translate
from ._responses import from_completion
from .chat_models import ChatDigitalOcean

__all__ = ["batch_message", "batch_output", "batch_requests"]


@dataclass(frozen=True)
class _Chain:
    """A model, what it is called with, and what stands before and behind it."""

    model: ChatDigitalOcean
    arguments: dict[str, Any] = field(default_factory=dict)
    before: tuple[Runnable[Any, Any], ...] = ()
    behind: tuple[Runnable[Any, Any], ...] = ()

    def request(self, value: Any, stop: list[str] | None) -> tuple[dict[str, Any], ToolNames]:
        """Return the request that an input leads to, and the tools' own names."""
        for step in self.before:
            value = step.invoke(value)
        messages = self.model._convert_input(value).to_messages()  # noqa: SLF001  of this package
        return self.model._request(messages, stop, self.arguments)  # noqa: SLF001

    @property
    def names(self) -> ToolNames:
        """The tools' own names."""
        return self.model._request([HumanMessage("-")], None, self.arguments)[1]  # noqa: SLF001


def batch_requests(
    model: Runnable[Any, Any],
    inputs: Iterable[Any],
    *,
    custom_ids: Iterable[str] | None = None,
    stop: list[str] | None = None,
    **kwargs: Any,
) -> Iterator[dict[str, Any]]:
    """Yield the requests that a model would make, for `client.batches.create`.

    Args:
        model: A `ChatDigitalOcean`, the same with tools, structured output or bound arguments, or a chain with one in
            it, whose steps before the model are run here.
        inputs: What `invoke` takes, one for each request: a text, messages, a prompt's values for a chain.
        custom_ids: An id for each input, by which its result is found; by default `request-0`, `request-1`, ...
        stop: Texts at which answers end.
        **kwargs: Further arguments of the calls, as `invoke` takes them.

    Raises:
        ConfigError: There is no `ChatDigitalOcean` in it, or an argument cannot be right.
    """
    with translate():
        chain = _chain_of(model)
    chain = replace(chain, arguments={**chain.arguments, **kwargs})
    return _requests(chain, inputs, custom_ids, stop)


def _requests(
    chain: _Chain, inputs: Iterable[Any], custom_ids: Iterable[str] | None, stop: list[str] | None
) -> Iterator[dict[str, Any]]:
    with translate():
        for custom_id, value in with_ids(inputs, custom_ids):
            yield batch_request(custom_id, chain.request(value, stop)[0])


def batch_message(result: BatchResult, model: Runnable[Any, Any] | None = None) -> AIMessage:
    """Return the model's message, usage included.

    Args:
        result: A result of `client.batches.results`.
        model: What the requests were made with. It is needed where the API does not take the tools' own names, so that
            the message has those and not the ones that were sent.

    Raises:
        InferenceError: The request was not answered; it is the result's error.
    """
    with translate():
        if result.completion is None:
            raise result.error or InferenceError("the result has neither an answer nor an error")
        names = None if model is None else _chain_of(model).names
        named = result.model or result.completion.model
        completion = result.completion.model_copy(update={"model": named})
        message = from_completion(completion, model=named, names=names).generations[0].message
    if not isinstance(message, AIMessage):  # it is one, as far as core's types go
        raise TypeError(type(message))
    return message


def batch_output(chain: Runnable[Any, Any], result: BatchResult) -> Any:
    """Return what a chain makes of the model's message: the object of structured output, a parser's value, ...

    Args:
        chain: What the requests were made with.
        result: A result of `client.batches.results`.

    Raises:
        InferenceError: The request was not answered; it is the result's error.
    """
    with translate():
        steps = _chain_of(chain).behind
    value: Any = batch_message(result, chain)
    for step in steps:
        value = step.invoke(value)
    return value


def _chain_of(runnable: Any) -> _Chain:
    """Return the model of a runnable, and what is around it.

    Raises:
        ConfigError: It has none, or its steps cannot be taken apart.
    """
    if (chain := _found(runnable)) is None:
        message = (
            f"batches are made of a ChatDigitalOcean, or of a chain of which it is a step, not of a "
            f"{type(runnable).__name__}"
        )
        raise ConfigError(message)
    return chain


def _found(runnable: Any) -> _Chain | None:
    match runnable:
        case ChatDigitalOcean():
            return _Chain(runnable)
        case RunnableBindingBase():
            inner = _found(runnable.bound)
            return inner and replace(inner, arguments={**inner.arguments, **runnable.kwargs})
        case RunnableSequence():
            return _in_steps(runnable.steps)
        case RunnableParallel() if list(runnable.steps__) == ["raw"]:  # structured output with include_raw
            inner = _found(runnable.steps__["raw"])
            return inner and replace(inner, behind=(*inner.behind, RunnableLambda(lambda value: {"raw": value})))
        case _:
            return None


def _in_steps(steps: list[Runnable[Any, Any]]) -> _Chain | None:
    for position, step in enumerate(steps):
        if (inner := _found(step)) is not None:
            before, behind = (*steps[:position], *inner.before), (*inner.behind, *steps[position + 1 :])
            return replace(inner, before=before, behind=behind)
    return None
