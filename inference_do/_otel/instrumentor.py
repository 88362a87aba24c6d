"""The entry point by which `opentelemetry-instrument` and the like find this package."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # untyped

from inference_do.telemetry import instrument, uninstrument

__all__ = ["InferenceDoInstrumentor"]


class InferenceDoInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """What `inference_do.telemetry` does, in OpenTelemetry's form."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed: this package, which it is."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        names = ("tracer_provider", "meter_provider", "logger_provider")
        instrument(**{name: kwargs.get(name) for name in names})

    def _uninstrument(self, **_: Any) -> None:
        uninstrument()
