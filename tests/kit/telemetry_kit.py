"""What OpenTelemetry's SDK was given while calls were reported: spans, points of metrics, events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from inference_do.telemetry import instrument, uninstrument


class Reported:
    """Providers that keep what they are given."""

    def __init__(self) -> None:
        self._spans, self._metrics, self._logs = (
            InMemorySpanExporter(),
            InMemoryMetricReader(),
            InMemoryLogRecordExporter(),
        )
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider([self._metrics])
        self.logger_provider = LoggerProvider()
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))

    def instrument(self) -> None:
        instrument(
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            logger_provider=self.logger_provider,
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()

    @property
    def span(self) -> ReadableSpan:
        """The only one."""
        (span,) = self.spans
        return span

    @property
    def events(self) -> list[Any]:
        return [data.log_record for data in self._logs.get_finished_logs()]

    def metrics(self) -> dict[str, Any]:
        """Return the metrics by name; what was read is not forgotten."""
        data = self._metrics.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def clear(self) -> None:
        self._spans.clear()

    def shutdown(self) -> None:
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()
        self.logger_provider.shutdown()


@contextmanager
def reported() -> Iterator[Reported]:
    kept = Reported()
    kept.instrument()
    try:
        yield kept
    finally:
        uninstrument()
        kept.shutdown()


@contextmanager
def instrumented(module: str | None, name: str | None) -> Iterator[Reported]:
    """Report to an instrumentation of a framework's as well, by its module and class; None for none."""
    with reported() as kept:
        if module is None or name is None:
            yield kept
            return
        instrumentor = getattr(import_module(module), name)()
        instrumentor.instrument(tracer_provider=kept.tracer_provider, meter_provider=kept.meter_provider)
        try:
            yield kept
        finally:
            instrumentor.uninstrument()
