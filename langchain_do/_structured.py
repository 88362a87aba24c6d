"""Structured output: what to ask the model for, and how to read its answer.

    function_calling   one tool, which must be called; its arguments are the answer
    json_schema        `response_format` with the schema; the text is the answer
    json_mode          `response_format: json_object`; the prompt must describe the JSON

An answer that was refused, cut off by the token limit or spoiled is an error and never a partial result: core's
parsers would repair the JSON of a cut answer and return what is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from inference_do import ConfigError

from ._errors import RefusalError
from ._tools import json_schema_format, wire_tool

__all__ = ["joined", "parsed", "plan"]


def plan(schema: Any, method: str, strict: bool | None) -> tuple[dict[str, Any], Runnable[Any, Any]]:
    """Return what to bind to the model, and the parser of its answer.

    Args:
        schema: A pydantic class (v1 or v2), a TypedDict, or a dict: JSON Schema with a title, or OpenAI's function.
        method: How to ask.
        strict: Whether the API must enforce the schema; None leaves it to the API.

    Raises:
        ConfigError: The method is unknown, or needs a schema and has none.
    """
    if schema is None and method != "json_mode":
        message = f"with_structured_output needs a schema, except with method='json_mode' (not {method!r})"
        raise ConfigError(message)
    if strict is not None and method == "json_mode":
        message = "strict has no meaning with method='json_mode': the API is not sent the schema"
        raise ConfigError(message)
    bound: dict[str, Any]
    match method:
        case "function_calling":
            tool = wire_tool(schema, strict=strict)
            # of one tool this says as much as its name does, and servers know it that take no names
            bound, parser = {"tools": [tool], "tool_choice": "required"}, _of_tool(schema, tool)
        case "json_schema":
            bound, parser = {"response_format": json_schema_format(schema, strict=strict)}, _of_text(schema)
        case "json_mode":
            bound, parser = {"response_format": {"type": "json_object"}}, _of_text(schema)
        case _:
            message = f"method must be 'function_calling', 'json_schema' or 'json_mode', not {method!r}"
            raise ConfigError(message)
    bound["ls_structured_output_format"] = {
        "kwargs": {"method": method, **({} if strict is None else {"strict": strict})},
        "schema": _for_tracing(schema, method),
    }
    return bound, parser


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


def parsed(model: Runnable[Any, Any], parser: Runnable[Any, Any], *, include_raw: bool) -> Runnable[Any, Any]:
    """Return the model with its parser; with `include_raw` a dict of `raw`, `parsed` and `parsing_error`."""
    if not include_raw:
        return model | parser
    good = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    bad = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | good.with_fallbacks([bad], exception_key="parsing_error")


def _for_tracing(schema: Any, method: str) -> Any:
    match schema:
        case {"name": _, "schema": Mapping() as inner}:
            return dict(inner)
        case Mapping() if method == "json_mode":  # nobody names it, so it needs no title
            return dict(schema)
        case None:
            return None
        case _:
            return convert_to_openai_tool(schema)


def _is_class(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _of_tool(schema: Any, tool: dict[str, Any]) -> Runnable[Any, Any]:
    if _is_class(schema):
        return ToolObjectParser(tools=[schema], first_tool_only=True)
    return ToolDictParser(key_name=tool["function"]["name"], first_tool_only=True)


def _of_text(schema: Any) -> Runnable[Any, Any]:
    return TextObjectParser(pydantic_object=schema) if _is_class(schema) else TextDictParser()


def _check(message: AIMessage) -> None:
    """Refuse an answer that is none.

    Raises:
        RefusalError: The model declined, or a filter withheld its text.
        OutputParserException: The answer was cut off, or is a tool call with broken arguments.
    """
    finish = message.response_metadata.get("finish_reason")
    refusal = message.additional_kwargs.get("refusal")
    if refusal or finish == "content_filter":
        reason = (
            f"the model refused: {refusal}" if refusal else "the answer was withheld (finish_reason 'content_filter')"
        )
        raise RefusalError.of(reason, message)
    if finish == "length":
        reason = "the answer was cut off by the token limit (finish_reason 'length'): raise max_tokens"
        raise OutputParserException(reason, llm_output=str(message.text))
    if message.invalid_tool_calls:
        call = message.invalid_tool_calls[0]
        reason = (
            f"the arguments of tool {call['name']!r} are not the JSON of an object: {call['error'] or 'broken JSON'}"
        )
        raise OutputParserException(reason, llm_output=call["args"])


def _is_parsable(result: list[Generation], *, partial: bool, as_call: bool) -> bool:
    """Refuse an answer that is none, and return whether there is something to parse.

    Args:
        result: What was generated.
        partial: Whether it may be the beginning of a stream; of such a one, core would report half of a refusal.
        as_call: Whether the answer must be the call of a tool; else it may be one, which is nothing to parse.
    """
    message = result[0].message if isinstance(result[0], ChatGeneration) else None
    if not isinstance(message, AIMessage):
        return True
    if partial and isinstance(message, AIMessageChunk) and message.chunk_position != "last":
        return not message.additional_kwargs.get("refusal")
    _check(message)
    if as_call and not message.tool_calls:
        reason = "the model answered in text and did not call the tool of the schema; method='json_schema' may suit it"
        raise OutputParserException(reason, llm_output=str(message.text))
    if not message.tool_calls and not _is_whole(text := str(message.text)):
        reason = "the answer ends before its JSON does"
        raise OutputParserException(reason, llm_output=text)
    return as_call or not message.tool_calls


def _is_whole(text: str) -> bool:
    """Return whether the JSON that begins in a text ends in it; what stands around it is the parser's business."""
    begun = re.search(r"[{\[]", text)
    try:
        return begun is None or bool(json.JSONDecoder(strict=False).raw_decode(text, begun.start()))
    except (ValueError, RecursionError):
        return False


class ToolObjectParser(PydanticToolsParser):
    """Reads a pydantic object from a tool call."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Check, then parse."""
        if not _is_parsable(result, partial=partial, as_call=True):
            return None
        return super().parse_result(result, partial=partial)


class ToolDictParser(JsonOutputKeyToolsParser):
    """Reads a dict from a tool call."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Check, then parse."""
        if not _is_parsable(result, partial=partial, as_call=True):
            return None
        return super().parse_result(result, partial=partial)


class TextObjectParser(PydanticOutputParser[Any]):
    """Reads a pydantic object from text."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Check, then parse; None for a tool call."""
        if not _is_parsable(result, partial=partial, as_call=False):
            return None
        return super().parse_result(result, partial=partial)


class TextDictParser(JsonOutputParser):
    """Reads a dict from text."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Check, then parse; None for a tool call."""
        if not _is_parsable(result, partial=partial, as_call=False):
            return None
        return super().parse_result(result, partial=partial)
