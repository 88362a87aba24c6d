"""Structured output: an object of a pydantic class instead of text.

LlamaIndex's own way is function calling; it leaves the choice of the tool to the model while streaming, and forgets
`system_prompt` in asynchronous code. So the way is chosen and walked here, alike for all four methods:

1. The model is asked natively (`response_format` with a JSON schema) where it is known to take one, else by a forced
   call of a tool with the class's schema. LlamaIndex asks in the prompt if `pydantic_program_mode` asks for it or the
   model takes no tools.
2. What comes is read as far as it goes while it is streamed, and validated once it is complete. A failure is a
   `ValueError`, as LlamaIndex's fallbacks expect (pydantic's `ValidationError` is one).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing, closing
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    ToolCallBlock,
)
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # it is documented there
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.program.utils import create_flexible_model
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from inference_do._adapters.json_text import JSONTextError, ended_badly, json_start, parse_json, read_json
from inference_do._adapters.output_schemas import of_type
from inference_do._adapters.rhythm import Rhythm
from inference_do.models import model_info

from ._schema import format_of, tool_of
from ._tools import partial_object

__all__ = ["StructuredPrediction"]

M = TypeVar("M", bound=BaseModel)

OWN_ARGUMENTS = ("tool_choice", "tool_required", "allow_parallel_tool_calls")
"""Arguments of LlamaIndex's programs, which this module decides itself."""

dispatcher = get_dispatcher(__name__)


class StructuredPrediction(FunctionCallingLLM, defer_build=True):
    """An LLM that predicts objects."""

    def structured_predict(
        self,
        output_cls: type[M],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """Return an object of `output_cls` that the model makes from a prompt.

        Args:
            output_cls: A pydantic class.
            prompt: The prompt's template.
            llm_kwargs: Settings for this call, as `chat` takes them.
            **prompt_args: Values for the template.

        Raises:
            ValueError: The model's answer is no such object.
        """
        way = self._way_to(output_cls, llm_kwargs)
        if way is None:
            return super().structured_predict(output_cls, prompt, dict(llm_kwargs or {}), **prompt_args)  # type: ignore[no-any-return]
        _report_start(output_cls, prompt, prompt_args)
        return _reported(way.read(self.chat(self._messages_of(prompt, prompt_args), **way.arguments)))

    async def astructured_predict(
        self,
        output_cls: type[M],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """Return an object of `output_cls` that the model makes from a prompt; see `structured_predict`."""
        way = self._way_to(output_cls, llm_kwargs)
        if way is None:
            kwargs = dict(llm_kwargs or {})
            return await super().astructured_predict(output_cls, prompt, kwargs, **prompt_args)  # type: ignore[no-any-return]
        _report_start(output_cls, prompt, prompt_args)
        return _reported(way.read(await self.achat(self._messages_of(prompt, prompt_args), **way.arguments)))

    def _structured_stream_call(
        self,
        output_cls: type[M],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any, None, None]:
        way = self._way_to(output_cls, llm_kwargs)
        if way is None:
            kwargs = dict(llm_kwargs or {})
            return super()._structured_stream_call(output_cls, prompt, kwargs, **prompt_args)  # type: ignore[arg-type]
        return _objects(self.stream_chat(self._messages_of(prompt, prompt_args), **way.arguments), way)

    async def _structured_astream_call(
        self,
        output_cls: type[M],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any, None]:
        way = self._way_to(output_cls, llm_kwargs)
        if way is None:
            kwargs = dict(llm_kwargs or {})
            return await super()._structured_astream_call(output_cls, prompt, kwargs, **prompt_args)  # type: ignore[arg-type]
        return _aobjects(await self.astream_chat(self._messages_of(prompt, prompt_args), **way.arguments), way)

    def _way_to(self, output_cls: type[M], llm_kwargs: dict[str, Any] | None) -> _Way[M] | None:
        """Choose how the model is asked; None leaves it to LlamaIndex."""
        kwargs = {name: value for name, value in (llm_kwargs or {}).items() if name not in OWN_ARGUMENTS}
        metadata = self.metadata
        model = kwargs.get("model") or metadata.model_name
        match self.pydantic_program_mode:
            case PydanticProgramMode.DEFAULT if model_info(model).structured_output:
                return _NativeSchema(output_cls, kwargs)
            case PydanticProgramMode.FUNCTION:
                return _ForcedCall(output_cls, kwargs)
            case PydanticProgramMode.DEFAULT if metadata.is_function_calling_model:
                return _ForcedCall(output_cls, kwargs)
            case _:
                return None

    def _messages_of(self, prompt: BasePromptTemplate, prompt_args: Mapping[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))


class _Way(Generic[M]):
    """How a model is asked for an object, and where the object is in its answer."""

    def __init__(self, output_cls: type[M], kwargs: Mapping[str, Any]) -> None:
        self.output_cls = output_cls
        self.asked = of_type(output_cls)
        self.arguments = {**kwargs, **self._question()}
        self._partial_cls: type[BaseModel] | None = None
        self._reading = Rhythm()

    def _question(self) -> dict[str, Any]:
        raise NotImplementedError

    def read(self, response: ChatResponse) -> M:
        """Return the object of a complete answer.

        Raises:
            ValueError: There is none, or it does not fit the class.
        """
        facts = response.additional_kwargs
        name, finish = self.output_cls.__name__, facts.get("finish_reason")
        if (reason := ended_badly(finish, facts.get("refusal"))) is not None:
            message = f"the model gave no {name}: {reason}"
            raise ValueError(message)
        try:
            found = self._found(response.message)
            if isinstance(found, str) and not found.strip():
                reason = f"the answer is empty (finish reason {finish!r})"
                raise JSONTextError(reason)  # noqa: TRY301  reported as the others are
            value = self._value(found)
        except JSONTextError as error:
            message = f"the model gave no {name}: {error}"
            raise ValueError(message) from error
        made: M = self.asked.read(value)
        return made

    def _found(self, message: ChatMessage) -> Any:
        """Return the object of an answer as text or parsed, empty if it has none.

        Raises:
            JSONTextError: The answer is another one.
        """
        return message.content or ""

    def _value(self, found: Any) -> Any:
        """Return the object as JSON has it; it may be in the call of a tool, in words or in its own call's arguments.

        Raises:
            JSONTextError: There is none.
        """
        value = read_json(found) if isinstance(found, str) else found
        is_whole = not isinstance(found, str) and self.asked.has_fields(value)
        return value if is_whole else self.asked.called(value)

    def read_partly(self, response: ChatResponse) -> BaseModel | None:
        """Return what has come of the object: of the class if it is valid already, else one with the same fields."""
        text, is_call = self._coming(response.message)
        if not self._reading.is_due(len(text)):
            return None
        fields = partial_object(text) if is_call else self._in_words(text)
        fields = fields if self.asked.has_fields(fields) else {}
        if not fields:
            return None
        try:
            if (made := self.asked.read_partly(fields)) is not None or self.asked.is_wrapped:
                return made  # type: ignore[no-any-return]  # of the class
            self._partial_cls = self._partial_cls or create_flexible_model(self.output_cls)
            return self._partial_cls.model_validate(fields)
        except ValueError:
            return None

    def _coming(self, message: ChatMessage) -> tuple[str, bool]:
        """Return the text in which the object is, as far as it has come, and whether it is a call's."""
        return message.content or "", False

    def _in_words(self, text: str) -> dict[str, Any]:
        """Return the fields that have come in a text; none as long as they may be those of a call around them."""
        start = json_start(text)
        value = {} if start is None else partial_object(text[start:])
        if not self.asked.may_be_call(value):
            return value
        try:
            called = self.asked.called(value)
        except JSONTextError:
            return {}
        return called if called is not value and isinstance(called, dict) else {}


class _NativeSchema(_Way[M]):
    """The API's own: the answer's text is the object."""

    def _question(self) -> dict[str, Any]:
        return {"response_format": format_of(self.asked)}


class _ForcedCall(_Way[M]):
    """A tool that takes the object, which the model has to call."""

    def _question(self) -> dict[str, Any]:
        return {"tools": [tool_of(self.asked)], "tool_choice": "required", "parallel_tool_calls": False}

    def _found(self, message: ChatMessage) -> Any:
        calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
        if not calls:
            return super()._found(message)
        if (call := self._own(calls)) is not None:
            return parse_json(call.tool_kwargs) if isinstance(call.tool_kwargs, str) else call.tool_kwargs
        names = ", ".join(repr(call.tool_name) for call in calls)
        reason = f"the model called {names} instead of {self.asked.name!r}"
        raise JSONTextError(reason)

    def _coming(self, message: ChatMessage) -> tuple[str, bool]:
        calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
        if not calls:
            return super()._coming(message)
        arguments = "" if (call := self._own(calls)) is None else call.tool_kwargs
        return (arguments if isinstance(arguments, str) else ""), True

    def _own(self, calls: Iterable[ToolCallBlock]) -> ToolCallBlock | None:
        return next((call for call in calls if call.tool_name == self.asked.name), None)


def _objects(responses: ChatResponseGen, way: _Way[M]) -> Generator[Any, None, None]:
    with closing(responses):
        for response in responses:
            if (found := _streamed(response, way)) is not None:
                yield found


async def _aobjects(responses: ChatResponseAsyncGen, way: _Way[M]) -> AsyncGenerator[Any, None]:
    async with aclosing(responses):
        async for response in responses:
            if (found := _streamed(response, way)) is not None:
                yield found


def _streamed(response: ChatResponse, way: _Way[M]) -> BaseModel | None:
    is_complete = "finish_reason" in response.additional_kwargs
    return way.read(response) if is_complete else way.read_partly(response)


def _report_start(output_cls: type[BaseModel], prompt: BasePromptTemplate, prompt_args: dict[str, Any]) -> None:
    dispatcher.event(LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args))


def _reported(output: M) -> M:
    dispatcher.event(LLMStructuredPredictEndEvent(output=output))
    return output
