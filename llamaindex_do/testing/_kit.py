"""What all parts of the kit share: flags that say what is tested, and the class that pytest collects."""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import pytest
from llama_index.core.llms.function_calling import FunctionCallingLLM

from inference_do.emulator import Emulator

__all__ = ["Kit", "LLMKit", "catalogue", "needs"]

Test = TypeVar("Test", bound=Callable[..., None])


def needs(*flags: str) -> Callable[[Test], Test]:
    """Mark a test as one for classes whose flags, named here, are all set; a failure names them."""

    def mark(test: Test) -> Test:
        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            try:
                test(*args, **kwargs)
            except (Exception, pytest.fail.Exception) as error:
                settings = " or ".join(f"{flag} = False" for flag in flags)
                error.add_note(f"If this is not meant to be offered, say so in the class of the test: {settings}")
                raise

        run.__dict__["needs"] = frozenset(flags)
        return run  # type: ignore[return-value]  # the same signature, by wraps

    return mark


def in_a_loop(test: Test) -> Test:
    """Give a test an event loop for all that it does, and close it afterwards.

    LlamaIndex's engines count tokens in the thread's loop (`llama_index.core.async_utils.asyncio_run`) and leave it
    open; its workflows look at attributes that pydantic has deprecated.
    """

    @functools.wraps(test)
    def run_test(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner() as runner, warnings.catch_warnings():
            runner.get_loop()  # makes it the thread's
            warnings.simplefilter("ignore", DeprecationWarning)
            test(*args, **kwargs)

    return run_test  # type: ignore[return-value]  # the same signature, by wraps


class Kit:
    """A class of tests, of which only those are collected that its flags allow."""

    over_http: ClassVar[bool] = True
    """The component talks to `server`, so that requests can be looked at and faults be scripted."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Leave out the tests that the class's flags do not allow.

        Raises:
            TypeError: A flag is unknown.
        """
        super().__init_subclass__(**kwargs)
        known = {name for base in cls.__mro__ if base.__module__.startswith(__package__) for name in vars(base)}
        for name, value in vars(cls).items():
            if isinstance(value, bool) and name not in known:
                flags = sorted(flag for flag in known if isinstance(getattr(cls, flag, None), bool))
                message = f"{cls.__name__}: there is no flag {name!r}; the flags are {', '.join(flags)}"
                raise TypeError(message)
        if cls.__module__.startswith(__package__):
            for name in [name for name in vars(cls) if name.startswith("test_")]:
                setattr(cls, name, in_a_loop(vars(cls)[name]))
        for name, test in catalogue(cls).items():
            allowed = all(getattr(cls, flag) for flag in getattr(test, "needs", ()))
            setattr(cls, name, test if allowed else None)

    @pytest.fixture
    def server(self) -> Iterator[Any]:
        """Script what is answered: `server.reply(text=None, *, tool_calls=(), reasoning=None, usage=None)`."""
        with Emulator() as server:
            yield server


def catalogue(cls: type) -> dict[str, Callable[..., None]]:
    """Return the tests of a class of the kit by their names, those left out by flags included."""
    found: dict[str, Callable[..., None]] = {}
    for base in reversed(cls.__mro__):
        found |= {name: value for name, value in vars(base).items() if name.startswith("test_") and callable(value)}
    return found


class LLMKit(Kit):
    """What tests of LLMs share: the flags and the factory."""

    has_tools: ClassVar[bool] = True
    """It calls functions: a `FunctionCallingLLM`."""
    has_tool_choice: ClassVar[bool] = True
    """A call can be required, and a tool be named."""
    has_parallel_tools: ClassVar[bool] = True
    """One answer can have several calls."""
    has_structured_output: ClassVar[bool] = True
    """It predicts objects, by whatever means."""
    has_reasoning: ClassVar[bool] = True
    """It hands thoughts over."""
    has_usage: ClassVar[bool] = True
    """It tells counts of tokens, in streams too."""
    has_logprobs: ClassVar[bool] = True
    """It takes `logprobs` and `top_logprobs`."""
    has_images: ClassVar[bool] = True
    has_audio: ClassVar[bool] = True
    has_documents: ClassVar[bool] = True
    has_settings: ClassVar[bool] = True
    """It takes `temperature` and `max_tokens`, and any field of the API in a call."""
    has_seed: ClassVar[bool] = True
    """It takes `seed`, which chat completions have and the other two APIs have not."""
    has_retries: ClassVar[bool] = True
    """It takes `max_retries`, and sends requests again that failed."""
    has_serialization: ClassVar[bool] = True
    """It can be written as JSON."""
    has_pickling: ClassVar[bool] = True
    """It can be sent to other processes."""
    has_secret: ClassVar[bool] = True
    """It is given a key, `server.api_key`, which must not be shown."""
    refuses_unknown_arguments: ClassVar[bool] = True
    """Arguments of the constructor that it does not know are errors."""

    def make_llm(self, server: Any, **settings: Any) -> FunctionCallingLLM:
        """Return the LLM under test, fresh for each test; every subclass says how.

        Args:
            server: The fixture; by default with `base_url` and `api_key`.
            **settings: LlamaIndex's own `callback_manager` and `system_prompt`, and `temperature`, `max_tokens`,
                `max_retries`, `model`, under these names; a factory translates them if its LLM calls them otherwise.

        Raises:
            NotImplementedError: The class has no factory.
        """
        message = f"{type(self).__name__} needs a make_llm(self, server, **settings)"
        raise NotImplementedError(message)
