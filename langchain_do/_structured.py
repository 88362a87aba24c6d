"""Structured output: what to ask the model for, and how to read its answer.

    function_calling   one tool, which must be called; its arguments are the answer
    json_schema        `response_format` with the schema; the text is the answer
    json_mode          `response_format: json_object`; the prompt must describe the JSON

An answer that was refused, cut off by the token limit or spoiled, or that breaks its schema, is an error and never a
partial result; at its end a stream is judged as a whole answer is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableMap
from typing_extensions import override

from inference_do import ConfigError
from inference_do._adapters.json_text import JSONTextError, ended_badly, partial_json, read_json
from inference_do._adapters.output_schemas import OutputSchema
from inference_do._adapters.rhythm import Rhythm
from inference_do._adapters.strict_schemas import must_be_strict

from ._errors import RefusalError
from ._schemas import output_schema
from ._tools import json_schema_format, wire_tool

__all__ = ["joined", "parsed", "plan"]


def plan(schema: Any, method: str, strict: bool | None) -> tuple[dict[str, Any], AnswerParser]:
    """Return what to bind to the model, and the parser of its answer.

    Args:
        schema: What `with_structured_output` takes.
        method: How to ask.
        strict: Whether the API must enforce the schema; None leaves it to the API.

    Raises:
        ConfigError: The method is unknown, or needs a schema and has none.
    """
    if method not in METHODS:
        message = f"method must be 'function_calling', 'json_schema' or 'json_mode', not {method!r}"
        raise ConfigError(message)
    if schema is None and method != "json_mode":
        message = f"with_structured_output needs a schema, except with method='json_mode' (not {method!r})"
        raise ConfigError(message)
    if strict is not None and method == "json_mode":
        message = "strict has no meaning with method='json_mode': the API is not sent the schema"
        raise ConfigError(message)
    asked = output_schema({} if schema is None else schema, needs_name=method != "json_mode")
    bound: dict[str, Any]
    match method:
        case "function_calling":
            # of one tool "required" says as much as its name does, and servers know it that take no names
            bound = {"tools": [_tool(asked, strict)], "tool_choice": "required"}
        case "json_schema":
            bound = {"response_format": json_schema_format(schema, strict=strict)}
        case _:
            bound = {"response_format": {"type": "json_object"}}
    bound["ls_structured_output_format"] = {
        "kwargs": {"method": method, **({} if strict is None else {"strict": strict})},
        "schema": None if schema is None else _tool(replace(asked, name=asked.name or "answer"), strict),
    }
    return bound, AnswerParser(asked=asked, by_call=method == "function_calling")


METHODS = ("function_calling", "json_schema", "json_mode")


def _tool(asked: OutputSchema, strict: bool | None) -> dict[str, Any]:
    function: dict[str, Any] = {"name": asked.name, "parameters": dict(asked.schema)}
    if asked.description:
        function["description"] = asked.description
    strict = asked.strict if strict is None else strict
    if strict is not None:
        function["strict"] = strict
    if strict:
        function["parameters"] = must_be_strict(asked.schema, asked.name, is_validated=asked.is_validated)
    return {"type": "function", "function": function}


def joined(bound: Mapping[str, Any], given: Mapping[str, Any], *, include_raw: bool) -> dict[str, Any]:
    """Return what to bind once a caller's further arguments are in.

    A caller may choose another `tool_choice`, for models that cannot be forced, and may give `tools` beside the schema.

    Raises:
        ConfigError: An argument would replace what asks for the schema, or a tool call could not be handed out.
    """
    given = {name: value for name, value in given.items() if value is not None and name not in LANGCHAINS}
    tools = given.pop("tools", None) or ()
    if "response_format" in given:
        message = "with_structured_output makes response_format from the schema: leave it out"
        raise ConfigError(message)
    if not tools:
        return {**bound, **given}
    if "tools" in bound:
        message = (
            "with method='function_calling' the schema is the one tool: use method='json_schema' for further tools"
        )
        raise ConfigError(message)
    if not include_raw:
        message = "with tools= the model may call one instead of answering: include_raw=True hands the call out"
        raise ConfigError(message)
    return {**bound, **given, "tools": [wire_tool(tool) for tool in tools]}


LANGCHAINS = frozenset({"ls_structured_output_format", "structured_output_format"})


def parsed(model: Runnable[Any, Any], parser: AnswerParser, *, include_raw: bool) -> Runnable[Any, Any]:
    """Return the model with its parser; with `include_raw` a dict of `raw`, `parsed` and `parsing_error`."""
    if not parser.by_call and "tools" in getattr(model, "kwargs", ()):
        parser = parser.model_copy(update={"may_call": True})
    if not include_raw:
        return model | parser

    def judged(answer: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        try:
            return {**answer, "parsed": parser.invoke(answer["raw"], config), "parsing_error": None}
        except Exception as error:  # noqa: BLE001  whatever a class's validators raise
            return {**answer, "parsed": None, "parsing_error": error}

    return RunnableMap(raw=model) | RunnableLambda(judged)


class AnswerParser(BaseCumulativeTransformOutputParser[Any]):
    """Reads the user's object from a message, whole or as far as it has come."""

    asked: OutputSchema
    by_call: bool
    """Whether the answer must be the call of a tool; else it is text."""
    may_call: bool = False
    """Whether the answer may be the call of another tool instead, which is nothing to parse."""

    @property
    def _type(self) -> str:
        return "digitalocean_answer"

    @property
    @override
    def OutputType(self) -> Any:
        return Any

    @override
    def transform(self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """Parse a stream: yield what there is of the object, then the object."""
        yield from super().transform(_ended(input), config, **kwargs)

    @override
    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Parse a stream; see `transform`."""
        async for item in super().atransform(_aended(input), config, **kwargs):
            yield item

    @override
    def parse(self, text: str) -> Any:
        """Parse an answer's text."""
        try:
            return self.asked.read(self.asked.called(read_json(text)))
        except JSONTextError as error:
            reason = str(error)
            cause: ValueError = error
        except ValueError as error:
            reason = f"the answer is no {self.asked.name or 'JSON of its schema'}: {error}"
            cause = error
        raise OutputParserException(reason, llm_output=text) from cause

    @override
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse an answer.

        Args:
            result: What was generated.
            partial: Whether it may be the beginning of a stream, which is None as long as it is no object.

        Raises:
            RefusalError: The model declined, or a filter withheld its text.
            OutputParserException: The answer was cut off or is none.
            ValidationError: The arguments of a call break the schema of a class.
        """
        message = result[0].message if isinstance(result[0], ChatGeneration) else None
        if not isinstance(message, AIMessage):
            return self.parse(result[0].text)
        if partial and not (isinstance(message, AIMessageChunk) and message.chunk_position == "last"):
            return self._partly(message)
        _check(message)
        if self.by_call:
            return self._of_call(message)
        if message.tool_calls or message.invalid_tool_calls:
            return self._of_other_call(message)
        return self.parse(str(message.text))

    def _of_call(self, message: AIMessage) -> Any:
        for call in message.invalid_tool_calls:
            problem = call["error"] or "broken JSON"
            reason = f"the arguments of tool {call['name']!r} are not the JSON of an object: {problem}"
            raise OutputParserException(reason, llm_output=call["args"])
        names = [call["name"] for call in message.tool_calls]
        if self.asked.name in names:
            return self.asked.read(message.tool_calls[names.index(self.asked.name)]["args"])
        text = str(message.text)
        if names:
            reason = f"the model called {', '.join(map(repr, names))} instead of {self.asked.name!r}"
            raise OutputParserException(reason, llm_output=text)
        reason = "the model answered in text and did not call the tool of the schema; method='json_schema' may suit it"
        raise OutputParserException(reason, llm_output=text)

    def _of_other_call(self, message: AIMessage) -> None:
        names = [str(call["name"]) for call in (*message.tool_calls, *message.invalid_tool_calls)]
        if not self.may_call or message.invalid_tool_calls:
            what = "with arguments that are no JSON" if self.may_call else "which it was not given,"
            reason = f"the model called {', '.join(map(repr, names))}, {what} instead of answering"
            raise OutputParserException(reason, llm_output=str(message.text))

    def _partly(self, message: AIMessage) -> Any:
        """Return what has come of the object, if it is one already."""
        if message.additional_kwargs.get("refusal"):
            return None
        if self.by_call:
            value = next((call["args"] for call in message.tool_calls if call["name"] == self.asked.name), None)
        elif message.tool_calls or (value := partial_json(str(message.text))) is None:
            return None
        if not self.by_call and self.asked.may_be_call(value):
            try:
                value = self.asked.called(arguments := value)
            except JSONTextError:
                return None
            if value is arguments:
                return None
        return self.asked.read_partly(value)


def _check(message: AIMessage) -> None:
    """Refuse an answer that is none, whatever is in it.

    Raises:
        RefusalError: The model declined, or a filter withheld its text.
        OutputParserException: The answer was cut off.
    """
    finish, refusal = message.response_metadata.get("finish_reason"), message.additional_kwargs.get("refusal")
    if (reason := ended_badly(finish, refusal)) is None:
        return
    if refusal or finish == "content_filter":
        raise RefusalError.of(reason, message)
    raise OutputParserException(reason, llm_output=str(message.text))


class _Batches:
    """Chunks of a stream, put together before they are parsed; a long answer is when it has grown by a sixteenth.

    Core adds each chunk to all before it and parses the whole, so each chunk would cost as much as all before it.
    """

    def __init__(self) -> None:
        self._rhythm = Rhythm()
        self._held: list[AIMessageChunk] = []
        self._length = 0
        self._is_open = False

    def take(self, message: Any) -> Iterator[Any]:
        """Yield what is to be parsed now that a chunk has come."""
        chunk = _chunk(message)
        if not isinstance(chunk, AIMessageChunk):
            self._is_open = False
            yield chunk
            return
        self._held.append(chunk)
        self._is_open = chunk.chunk_position != "last"
        self._length += len(chunk.text) + sum(len(call["args"] or "") for call in chunk.tool_call_chunks)
        if self._rhythm.is_due(self._length) or not self._is_open:
            yield from self._together()

    def end(self) -> Iterator[Any]:
        """Yield what is left, marked as the end."""
        yield from self._together()
        if self._is_open:
            yield AIMessageChunk(content="", chunk_position="last")

    def _together(self) -> Iterator[AIMessageChunk]:
        if self._held:
            first, *others = self._held
            self._held = []
            yield first + others if others else first


def _ended(messages: Iterator[Any]) -> Iterator[Any]:
    """Yield the chunks of a stream, the last one marked as such."""
    batches = _Batches()
    for message in messages:
        yield from batches.take(message)
    yield from batches.end()


async def _aended(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    batches = _Batches()
    async for message in messages:
        for chunk in batches.take(message):
            yield chunk
    for chunk in batches.end():
        yield chunk


def _chunk(message: Any) -> Any:
    """Return a whole message, which models give that do not stream, as the one chunk of a stream."""
    if not isinstance(message, AIMessage) or isinstance(message, AIMessageChunk):
        return message
    fields = {name: value for name, value in message if name != "type"}
    return AIMessageChunk(**fields, chunk_position="last")
