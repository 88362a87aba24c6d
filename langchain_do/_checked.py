"""The methods of a chat model that take a call's arguments, with a look at their names first.

LangChain traces the arguments of a call, and each of its frames holds them; so a key, an address or a slip among them
is refused before LangChain sees it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable, RunnableConfig

from inference_do import ConfigError
from inference_do._adapters.arguments import problem_of_config
from inference_do._adapters.tool_forms import mask_tools

from ._errors import translate
from ._params import check_call

__all__ = ["CheckedCalls"]


OF_CONFIG = ("callbacks", "metadata", "run_id", "run_name", "tags")
"""Names that LangChain gives to a call itself, from its configuration."""


def _refuse_config(given: dict[str, Any]) -> None:
    """Refuse what belongs into a configuration, and would be a TypeError of core's.

    Raises:
        ConfigError: There is some.
    """
    for name in OF_CONFIG:
        if name in given:
            message = f"{name} belongs into LangChain's configuration: invoke(..., config={{{name!r}: ...}})"
            note = "; as a field of the request it stands in extra_body=" if name == "metadata" else ""
            raise ConfigError(message + note)


def _problem_of_call(given: dict[str, Any]) -> Exception | None:
    try:
        with translate():
            check_call(given)
    except ConfigError as error:
        return error.with_traceback(None)
    return None


def _refused(problem: Exception, count: int, *, return_exceptions: bool) -> list[Any]:
    """Return a batch's refusal for each of its inputs, or raise it."""
    if return_exceptions:
        return [problem] * count
    raise problem


class CheckedCalls(BaseChatModel, defer_build=True):
    """A chat model whose calls are checked."""

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002  core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the model's answer; names of arguments are checked before any frame of core's holds a key."""
        with translate():
            check_call(kwargs)
            _refuse_config(kwargs)
        return super().invoke(input, config, stop=stop, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the model's answer; see `invoke`."""
        with translate():
            check_call(kwargs)
            _refuse_config(kwargs)
        return await super().ainvoke(input, config, stop=stop, **kwargs)

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Return the model's answer as it is made; see `invoke`."""
        with translate():
            check_call(kwargs)
        return super().stream(input, config, stop=stop, **kwargs)

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Return the model's answer as it is made; see `invoke`."""
        with translate():
            check_call(kwargs)
        return super().astream(input, config, stop=stop, **kwargs)

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Return the model's answers to several inputs, several at once; see `invoke`."""
        if (problem := _problem_of_call(kwargs)) is not None:
            return _refused(problem, len(inputs), return_exceptions=return_exceptions)
        return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Return the model's answers to several inputs, several at once; see `invoke`."""
        if (problem := _problem_of_call(kwargs)) is not None:
            return _refused(problem, len(inputs), return_exceptions=return_exceptions)
        return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        """Return what is traced of a call, the secrets of its tools as masks; it is the first that core asks for."""
        with translate():
            check_call(kwargs)
        return super()._get_invocation_params(stop=stop, **mask_tools(kwargs))

    def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:  # type: ignore[override]
        """Return this model with arguments for every call; the secrets of tools are sent, and shown as masks.

        Raises:
            ConfigError: One is a key, an address or a slip.
        """
        with translate():
            check_call(kwargs)
        return super().bind(**mask_tools(kwargs))

    def with_config(
        self, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with a configuration for every call.

        Raises:
            ConfigError: A key is in it: it would be traced, and no call takes one.
        """
        if (problem := problem_of_config({**(config or {}), **kwargs})) is None:
            return super().with_config(config, **kwargs)
        config = None
        kwargs.clear()
        with translate():
            raise ConfigError(problem)
