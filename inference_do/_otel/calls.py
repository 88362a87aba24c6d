"""Calls as opentelemetry-util-genai reports them: the one module that knows its names, which are still beta.

It makes spans, metrics and events of the conventions, and knows whether a framework's instrumentation has begun a span
for the same call: the inner one is then no span of its own, and what it knows goes to the outer one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from contextvars import copy_context
from functools import wraps
from traceback import format_tb
from typing import Any, TypeVar, cast

from opentelemetry import propagate
from opentelemetry.context import Context, get_current, get_value
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import NoOpTracerProvider
from opentelemetry.util.genai.completion_hook import load_completion_hook
from opentelemetry.util.genai.handler import TelemetryHandler
from opentelemetry.util.genai.invocation import (
    EmbeddingInvocation,
    Error,
    InferenceInvocation,
    RetrievalInvocation,
)
from opentelemetry.util.genai.types import (
    FilePart,
    FunctionToolDefinition,
    GenericToolDefinition,
    InputMessage,
    MessagePart,
    OutputMessage,
    ReasoningPart,
    TextPart,
    ToolCallRequestPart,
    ToolCallResponsePart,
    UriPart,
)

from inference_do._hooks import has_span_elsewhere
from inference_do._version import VERSION

from .attributes import PROVIDER, Operation, answer_fields, error_type, operation_of, request_fields, server_of
from .content import Part, answer_messages, request_messages, tool_definitions

__all__ = ["GenAITelemetry"]

LOGGER = logging.getLogger("inference_do")

REPORTED_ABOVE = "suppress_language_model_instrumentation"
"""What OpenLLMetry's instrumentations of frameworks put into the context of a call that they report."""

Invocation = InferenceInvocation | EmbeddingInvocation | RetrievalInvocation

PARTS: Mapping[str, type[Any]] = {
    "text": TextPart,
    "reasoning": ReasoningPart,
    "tool_call": ToolCallRequestPart,
    "tool_call_response": ToolCallResponsePart,
    "file": FilePart,
    "uri": UriPart,
}

M = TypeVar("M", bound=Callable[..., Any])


def _harmless(method: M) -> M:
    """Return a method that never fails, but returns None: telemetry is no reason for a call to fail."""

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  whatever a processor, an exporter or a propagator of the user's raises
            where = "".join(format_tb(error.__traceback__))  # without its text, which may be content
            LOGGER.debug("telemetry of a call failed: %s\n%s", type(error).__qualname__, where)
            return None

    return cast("M", guarded)


class GenAITelemetry:
    """Spans, metrics and events of this process.

    Args:
        tracer_provider: Where spans go; by default the global one.
        meter_provider: Where metrics go; by default the global one.
        logger_provider: Where events go; by default the global one.
    """

    def __init__(self, *, tracer_provider: Any = None, meter_provider: Any = None, logger_provider: Any = None) -> None:
        settings = {
            "meter_provider": meter_provider,
            "logger_provider": logger_provider,
            "completion_hook": load_completion_hook(),
            "instrumentation_scope_name": "inference_do",
            "instrumentation_scope_version": VERSION,
        }
        self._handler = TelemetryHandler(tracer_provider, **settings)
        self._without_spans = TelemetryHandler(NoOpTracerProvider(), **settings)

    @_harmless
    def of_call(self, path: str, body: Mapping[str, Any], *, api: str | None, base_url: str) -> _ReportedCall | None:
        """Return what is to be told of a call; see `Telemetry`."""
        operation = operation_of(path, body, api=api, base_url=base_url)
        if operation is None or not is_instrumentation_enabled() or get_value(REPORTED_ABOVE):
            return None
        handler = self._without_spans if has_span_elsewhere() else self._handler
        return _ReportedCall(handler, operation, body, base_url, has_content=api is not None)


class _ReportedCall:
    """Tells of one call; the context in which it was made is that of its span."""

    def __init__(
        self,
        handler: TelemetryHandler,
        operation: Operation,
        body: Mapping[str, Any],
        base_url: str,
        *,
        has_content: bool,
    ) -> None:
        self._handler, self._operation, self._body, self._base_url = handler, operation, body, base_url
        self._has_content = has_content
        self._context: Context = get_current()
        self._invocation: Invocation | None = None

    @_harmless
    def begin(self) -> None:
        """Start the span; it is not made the current one, since the caller's code runs between two chunks."""
        self._invocation = invocation = copy_context().run(self._start)
        for name, value in request_fields(self._operation, self._body).items():
            setattr(invocation, name, value)
        if self._operation.agent:
            invocation.attributes["gen_ai.agent.id"] = self._operation.agent
        if not invocation.should_capture_content:
            return
        if isinstance(invocation, RetrievalInvocation):
            query = self._body.get("query")
            invocation.query_text = query if isinstance(query, str) else None
        elif isinstance(invocation, InferenceInvocation) and self._has_content:
            self._take_request(invocation)

    def _start(self) -> Invocation:
        """Return the span; it is the current one here for a moment, wherefore this is run in a copy of the context."""
        invocation = self._opened()
        invocation.suspend()
        return invocation

    def _opened(self) -> Invocation:
        operation = self._operation
        host, port = server_of(self._base_url)
        model = self._body.get("model") if operation.name != "invoke_agent" else None
        given: dict[str, Any] = {
            "request_model": model if isinstance(model, str) else None,
            "server_address": host,
            "server_port": port,
            "context": self._context,
        }
        if operation.name == "embeddings":
            return self._handler.embedding(PROVIDER, **given)
        if operation.name == "retrieval":
            return self._handler.retrieval(provider=PROVIDER, data_source_id=operation.data_source, **given)
        return self._handler.inference(PROVIDER, operation_name=operation.name, **given)

    def _take_request(self, invocation: InferenceInvocation) -> None:
        messages, instructions = request_messages(self._body)
        invocation.input_messages = [InputMessage(role=role, parts=_typed(parts)) for role, parts in messages]
        invocation.system_instruction = [part for part in _typed(instructions) if isinstance(part, TextPart)]
        invocation.tool_definitions = [
            FunctionToolDefinition(name=name, description=description, parameters=parameters)
            if kind == "function"
            else GenericToolDefinition(name=name, type=kind)
            for kind, name, description, parameters in tool_definitions(self._body)
        ]

    def headers(self) -> dict[str, str]:
        """Return the headers of the trace, as the propagators that the user has set make them."""
        carrier: dict[str, str] = {}
        self._inject(carrier)
        return carrier

    @_harmless
    def _inject(self, carrier: dict[str, str]) -> None:
        if self._invocation is not None:
            propagate.inject(carrier, context=self._invocation.context)

    def scope(self) -> AbstractContextManager[Any]:
        """Make the span the current one, so that spans of HTTP stand below it, until the context is left."""
        stack = ExitStack()
        self._enter(stack)
        return stack

    @_harmless
    def _enter(self, stack: ExitStack) -> None:
        if self._invocation is not None:
            stack.enter_context(self._invocation.activate())

    @_harmless
    def chunk(self) -> None:
        """Measure the time to the first chunk, and between two."""
        if isinstance(invocation := self._invocation, InferenceInvocation):
            invocation.record_stream_chunk()

    @_harmless
    def end(self, answer: Callable[[], Any], failure: BaseException | None, *, attempts: int, info: Any) -> None:
        """End the span, once."""
        invocation, self._invocation = self._invocation, None
        if invocation is None:
            return
        try:
            self._take_http(invocation, attempts, info)
            self._take_answer(invocation, answer())
        finally:
            if failure is None:
                invocation.stop()
            else:
                kind = error_type(failure)
                status = f" ({kind})" if kind.isdecimal() else ""
                invocation.fail(Error(message=f"{type(failure).__name__}{status}", type=kind))

    def _take_http(self, invocation: Invocation, attempts: int, info: Any) -> None:
        if attempts > 1:
            invocation.attributes["http.request.resend_count"] = attempts - 1
        if info is not None:
            invocation.attributes["http.response.status_code"] = info.status
            if info.request_id:
                invocation.attributes["http.response.header.x-request-id"] = [info.request_id]

    def _take_answer(self, invocation: Invocation, answer: Any) -> None:
        if answer is None:
            return
        for name, value in answer_fields(self._operation, answer).items():
            setattr(invocation, name, value)
        if isinstance(invocation, InferenceInvocation) and self._has_content and invocation.should_capture_content:
            invocation.output_messages = [
                OutputMessage(role=role, parts=_typed(parts), finish_reason=reason)
                for role, parts, reason in answer_messages(answer.choices)
            ]


def _typed(parts: list[Part]) -> list[MessagePart]:
    return [PARTS[part["type"]](**part) for part in parts]
