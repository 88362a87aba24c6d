"""Whether OpenInference makes the span of a framework's call already; it does not say so in the context."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Literal

from inference_do._hooks import INSTALLED, with_span_elsewhere

__all__ = ["with_spans_of"]

INSTRUMENTORS = {"langchain": "LangChainInstrumentor", "llama_index": "LlamaIndexInstrumentor"}
"""OpenInference's classes, by their modules; each has one instance."""


def with_spans_of(framework: Literal["langchain", "llama_index"]) -> AbstractContextManager[None]:
    """Return a context for a call, or for making a stream, that a framework reports to its callbacks.

    With OpenInference's instrumentation of the framework, the call gets no second span. Its spans of models are never
    the current ones where LangChain runs callbacks elsewhere and where LlamaIndex has handed out a stream, so that the
    instrumentation itself is looked for. Nothing is looked at without telemetry.

    Args:
        framework: Whose call it is.
    """
    if INSTALLED.telemetry is None:
        return with_span_elsewhere(found=False)
    module = sys.modules.get(f"openinference.instrumentation.{framework}")
    instrumentor = getattr(module, INSTRUMENTORS[framework], None)
    found = instrumentor is not None and instrumentor().is_instrumented_by_opentelemetry
    return with_span_elsewhere(found=bool(found))
