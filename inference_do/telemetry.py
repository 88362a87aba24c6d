"""OpenTelemetry for every call of this package, whichever framework makes it.

    from inference_do.telemetry import instrument

    instrument()

Needs `pip install "inference-do[otel]"`. Each call is one span of OpenTelemetry's conventions for generative AI,
whatever its attempts, and points of their metrics: see docs/observability.md. Messages are left out unless
`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._hooks import INSTALLED
from .errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument", "uninstrument"]


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
) -> None:
    """Report the calls of this process from now on. Called again, it takes the new providers.

    Args:
        tracer_provider: Where spans go; by default OpenTelemetry's global one.
        meter_provider: Where metrics go; by default the global one.
        logger_provider: Where events go, which carry messages where that was asked for; by default the global one.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """
    try:
        from ._otel.calls import GenAITelemetry  # noqa: PLC0415  few need it
    except ImportError as error:
        missing = error.name or str(error)
    else:
        INSTALLED.telemetry = GenAITelemetry(
            tracer_provider=tracer_provider, meter_provider=meter_provider, logger_provider=logger_provider
        )
        return
    message = f'telemetry needs OpenTelemetry ({missing} is missing): pip install "inference-do[otel]"'
    raise ConfigError(message)


def uninstrument() -> None:
    """Report no more calls. Those that are under way are reported to their end."""
    INSTALLED.telemetry = None
