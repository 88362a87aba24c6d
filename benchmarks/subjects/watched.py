"""The bare client with somebody who watches: a log of every call, or OpenTelemetry."""

from __future__ import annotations

import os
from typing import Any

from .client import Ours


class Logged(Ours):
    """Each call is a line at DEBUG, which is written to nowhere."""

    def build(self) -> Any:
        import logging

        logger = logging.getLogger("inference_do")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(logging.FileHandler(os.devnull))
        logger.propagate = False
        return super().build()


class Traced(Ours):
    """Each call is a span and points of metrics in OpenTelemetry's SDK, whose exporter drops them."""

    def build(self) -> Any:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        from inference_do.telemetry import instrument

        class Dropping(SpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                return SpanExportResult.SUCCESS

        traces = TracerProvider()
        traces.add_span_processor(BatchSpanProcessor(Dropping()))
        instrument(tracer_provider=traces, meter_provider=MeterProvider([InMemoryMetricReader()]))
        return super().build()
