"""What users are told of a failure: plain words, and no text of another server."""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

from inference_do import ContextLengthError, InferenceError, QuotaExceededError, RateLimitError

LOGGER = logging.getLogger("service")


class Problem(NamedTuple):
    """A failure, as the service's users see it."""

    status: int
    """Of the response, if none was sent before."""
    message: str
    retry_after: int | None = None
    """Seconds."""


FULL = Problem(503, "The service is busy. Please try again in a moment.", retry_after=2)
STOPPING = Problem(503, "The service is being restarted. Please ask again.", retry_after=2)
DEFECT = Problem(500, "Something went wrong in the service.")


def problem_of(error: Exception, seconds: float) -> Problem:
    """Return what to say of an exception, which goes to the log.

    Args:
        error: What was raised.
        seconds: The limit of an answer's time.
    """
    match error:
        case QuotaExceededError():
            problem = Problem(503, "The service cannot answer at present.")
        case RateLimitError():
            wait = math.ceil(error.retry_after or 1)
            problem = Problem(503, "The model is busy. Please try again in a moment.", retry_after=wait)
        case ContextLengthError():
            problem = Problem(413, "The question is too long for the model.")
        case InferenceError():
            problem = Problem(502, "The model could not be reached, or its answer broke off. Please ask again.")
        case TimeoutError():
            problem = Problem(504, f"The answer took longer than {seconds:g} seconds and was stopped.")
        case _:
            LOGGER.error("an answer failed", exc_info=error)
            return DEFECT
    LOGGER.warning("an answer failed: %s: %s", type(error).__name__, error)
    return problem
