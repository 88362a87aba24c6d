"""What a caller hands over, looked at before LlamaIndex's own decorators see it.

Those put all arguments of a call into spans, events and callbacks, and for a wrong message they raise pydantic's error
about their own event. So each of the eight methods of the LLM is wrapped here, in this order from outside:

1. Arguments' names, and messages or the prompt, are checked; headers of the call and secrets of tools are masked.
2. LlamaIndex's span and its callbacks: one event a call.
3. The method itself, which sends the headers as they are (`_params.py`).
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # it is documented there
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from pydantic import SecretStr

from inference_do._adapters.arguments import CALL_NAMES, check_names
from inference_do._adapters.signatures import with_signature
from inference_do._adapters.tool_forms import mask_tools
from inference_do.errors import ConfigError

from ._params import INTERNAL

__all__ = [
    "checked_messages",
    "like",
    "mask_and_instrument_tools",
    "validate_and_instrument_chat",
    "validate_and_instrument_completion",
]

Method = TypeVar("Method", bound=Callable[..., Any])

CALL_ARGUMENTS = CALL_NAMES | INTERNAL
"""Names that an argument of a call may have."""

NO_LISTS = (str, bytes, Mapping, ChatMessage)
"""What can be iterated over, and is no conversation."""

dispatcher = get_dispatcher(__name__)


def validate_and_instrument_chat(method: Method) -> Method:
    """Make a method that takes messages one that is checked and reported."""
    return _asking(method, llm_chat_callback(), "messages", checked_messages)


def validate_and_instrument_completion(method: Method) -> Method:
    """Make a method that takes a prompt one that is checked and reported."""
    return _asking(method, llm_completion_callback(), "prompt", _prompt)


def like(inherited: Callable[..., Any]) -> Callable[[Method], Method]:
    """Return what gives a method the signature of the one that it calls in turn, and no span beside that one's."""
    return cast("Callable[[Method], Method]", wraps(inherited))


def mask_and_instrument_tools(method: Method) -> Method:
    """Make a method that takes tools one that is reported, with the secrets of the tools masked.

    LlamaIndex would report it anyway, but with the arguments as they are.
    """
    reported = dispatcher.span(with_signature(method))

    @wraps(reported)
    def masked(self: Any, tools: Any, *args: Any, **kwargs: Any) -> Any:
        return reported.__get__(self, type(self))(mask_tools({"tools": tools})["tools"], *args, **kwargs)

    return cast("Method", masked)


def _asking(method: Method, report: Callable[[Any], Any], name: str, check: Callable[[object], Any]) -> Method:
    reported = dispatcher.span(with_signature(report(method)))

    def ask(llm: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the reported method, with its object and with what has been checked."""
        check_names(kwargs, CALL_ARGUMENTS)
        if name in kwargs and not args:
            args = (kwargs.pop(name),)
        if args:
            args = (check(args[0]), *args[1:])
        return reported.__get__(llm, type(llm))(*args, **_with_masks(kwargs))

    if inspect.iscoroutinefunction(method):

        @wraps(reported)
        async def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
            return await ask(self, args, kwargs)

    else:

        @wraps(reported)
        def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
            return ask(self, args, kwargs)

    return cast("Method", asked)


def checked_messages(messages: object) -> Sequence[ChatMessage]:
    """Return the messages as a sequence.

    Raises:
        ConfigError: They are none, or one of them is something else.
    """
    if not isinstance(messages, list) and (isinstance(messages, NO_LISTS) or not isinstance(messages, Iterable)):
        how = "[it]" if isinstance(messages, ChatMessage) else "[ChatMessage(content=...)]"
        message = f"messages must be a list of ChatMessage, not {_shown(messages)}: pass {how}"
        raise ConfigError(message)
    listed = messages if isinstance(messages, Sequence) else list(messages)
    for position, item in enumerate(listed):
        if not isinstance(item, ChatMessage):
            message = f"messages[{position}] must be a ChatMessage of LlamaIndex, not {_shown(item)}"
            raise ConfigError(message)
    if not listed:
        message = "messages must hold at least one ChatMessage"
        raise ConfigError(message)
    return listed


def _prompt(prompt: object) -> str:
    if not isinstance(prompt, str):
        message = f"a prompt must be a string, not {_shown(prompt)}: chat() takes messages, predict() takes templates"
        raise ConfigError(message)
    return prompt


def _shown(value: object) -> str:
    return f"{type(value).__name__} {reprlib.repr(value)}"


def _with_masks(kwargs: dict[str, Any]) -> dict[str, Any]:
    if "tools" in kwargs:
        kwargs = mask_tools(kwargs)
    headers = kwargs.get("extra_headers")
    if not isinstance(headers, Mapping):
        return kwargs
    masked = {name: SecretStr(value) if isinstance(value, str) else value for name, value in headers.items()}
    return {**kwargs, "extra_headers": masked}
