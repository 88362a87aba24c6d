"""What flows and drivers say to each other, and what a flow knows of its call.

Nothing here does I/O, and nothing here knows an HTTP library.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from inference_do._hooks import CallTelemetry
from inference_do._observer import report_usage, report_wait
from inference_do.config import Timeout
from inference_do.errors import (
    APIConnectionError,
    APITimeoutError,
    InferenceError,
    Phase,
    ProtocolError,
    RateLimitError,
)
from inference_do.retries import OnRetry, RetryDetails
from inference_do.types import ResponseInfo

from .pacing import Pacer, Turn
from .ratelimits import LOOK_SECONDS
from .retry import TOO_MANY_REQUESTS, Budget, Policy

LOGGER = logging.getLogger("inference_do")


class Command:
    """What a flow asks its driver to do; whatever else it yields is a result."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Send(Command):
    """Send the request; answer with the `Head` of its response. Seconds, None for ever."""

    connect: float | None
    pool: float | None
    write: float | None
    read: float | None
    deadline: float | None = None
    """The moment at which the call ends, by `time.monotonic`; None if it has no end."""
    telemetry: CallTelemetry | None = None
    """Whose headers are sent with the request, and in whose scope."""


@dataclass(slots=True, eq=False)  # not frozen: one is made for each delta, and a frozen one takes thrice as long
class Read(Command):
    """Answer with more of the body, `b""` at its end; `timeout` in seconds."""

    timeout: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Sleep(Command):
    """Wait, until `turn` is woken at the latest."""

    seconds: float
    turn: Turn | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Release(Command):
    """Release the response: back to the pool if it was read to its end, closed otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRequest:
    """What is sent, the same bytes on every attempt. The key is added when it is sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, Any] = field(repr=False)  # gateways take keys in it
    content: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeylessRequest(PreparedRequest):
    """A request to another host, at a presigned URL: without the key, and without any header that is not in it.

    The URL is as good as a key, so that no rendering shows it.
    """

    file: BinaryIO | None = None
    """What is sent from its beginning, in place of `content`; the header `content-length` says how much it is."""

    def __repr__(self) -> str:
        return f"KeylessRequest({self.method})"


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A response's status and headers, these by lower-case name."""

    status: int
    headers: Mapping[str, str]


class Disconnected(Exception):  # noqa: N818  a marker, which no caller sees
    """The connection could not be made or broke."""

    def __init__(self, reason: str, *, sent: bool, non_retryable: bool = False, malformed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        """Whether the API may have begun to work on the request."""
        self.non_retryable = non_retryable
        """Whether trying again cannot help: a certificate that does not verify, for instance."""
        self.malformed = malformed
        """Whether something came that is not HTTP as it should be: the same would come again."""


class TimedOut(Exception):  # noqa: N818  a marker, which no caller sees
    """A wait was over; `phase` is None where only the flow knows what was waited for."""

    def __init__(self, phase: Phase | None = None) -> None:
        super().__init__(phase)
        self.phase = phase


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One call: what its flow goes by, and, when it has been answered, how."""

    timeout: Timeout
    policy: Policy
    budget: Budget
    scrub: Callable[[str], str] = str
    hint: Callable[[int, str], str | None] = lambda _status, _body: None
    """What is known of the model and the address that may explain a status and its body."""
    peer: str | None = None
    """The host and port that the request goes to."""
    api: str | None = None
    """Which API a chat request takes."""
    path: str = ""
    """What follows the base URL."""
    telemetry: CallTelemetry | None = None
    on_empty: Callable[[int], None] = lambda _spent: None
    """What to do when an answer ran out of tokens before any text; it is given the tokens spent."""
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    pacer: Pacer | None = None
    """What is known of the model's rate limits; None where a call does not wait for them."""
    rate_limit_wait: float | None = 60.0
    """Seconds that the call waits for them in all, None for no bound."""
    model: str | None = None
    on_retry: OnRetry | None = None
    attempts: int = field(default=0, init=False)
    paced: int = field(default=0, init=False)
    """How many requests were refused by a rate limit that said when there is room."""
    waited: float = field(default=0.0, init=False)
    """Seconds that were waited for the rate limit."""
    refusal: InferenceError | None = field(default=None, init=False)
    """The last such refusal."""
    in_vain: int = field(default=0, init=False)
    """How many refusals in a row said that there is room."""
    turn: Turn | None = field(default=None, init=False)
    is_refused: bool = field(default=False, init=False)
    """Whether the last response's head said when there is room."""
    info: ResponseInfo | None = field(default=None, init=False)
    """The last response's side of HTTP, once its head has come."""
    ambiguous: bool = field(default=False, init=False)
    """Whether the API may be working on the last request although no answer came."""
    is_complete: bool = field(default=False, init=False)
    """Whether the answer came to its end."""
    ends: float | None = field(default=None, init=False)

    def begin(self) -> None:
        """Fix the deadline, and take a place among the calls that wait for the model."""
        if self.timeout.total is not None:
            self.ends = self.clock() + self.timeout.total
        if self.pacer is not None:
            self.turn = self.pacer.turn()

    def begin_attempt(self) -> None:
        """Count another request."""
        self.attempts += 1
        self.info = None

    def pause_after(self, failure: InferenceError) -> float | None:
        """Return the seconds to wait before the request is sent again, or None to give up.

        The policy, the server's wish, the deadline and the client's budget each have a veto.
        """
        if not self.policy.allows(failure, ambiguous=self.ambiguous, paced=self.paced):
            return None
        pause = self.policy.pause(failure, paced=self.paced)
        if pause is None or (self.ends is not None and self.clock() + pause >= self.ends):
            return None
        if isinstance(failure, RateLimitError) and failure.retry_after and self.wait_left < pause:
            return None
        if not self.budget.take():
            _add_note(failure, NO_BUDGET)
            return None
        self.report("retry", pause, failure)
        return pause

    def is_paced(self, failure: InferenceError) -> bool:
        """Return whether a failure is a refusal by a rate limit that said when there is room; it is no retry then.

        With `max_retries=0` nothing is sent again. A moment that has passed each time is none.
        """
        self.refusal = None
        if not (
            isinstance(failure, RateLimitError) and failure.retryable and self.is_refused and self.policy.max_retries
        ):
            return False
        self.paced += 1
        self.refusal = failure
        return True

    @property
    def wait_left(self) -> float:
        """Seconds that may still be waited for the rate limit."""
        left = math.inf if self.rate_limit_wait is None else self.rate_limit_wait - self.waited
        return left if self.ends is None else min(left, self.ends - self.clock())

    def check_wait(self, seconds: float) -> None:
        """Raise if the wait for the rate limit would be longer than the call may wait.

        Raises:
            RateLimitError: It would.
        """
        if seconds <= max(self.wait_left, LOOK_SECONDS):
            return
        waited = f"after {self.waited:.3g} s of waiting, " if self.waited else ""
        total, own = self.timeout.total, self.rate_limit_wait
        is_deadline = total is not None and (own is None or total <= own)
        bound = f"the timeout's total={total:g}" if is_deadline else f"rate_limit_wait={own:g}"
        note = f"{waited}there is room for another request in {seconds:.3g} s, which is more than {bound} allows"
        failure = self.refusal
        if failure is None:
            message = f"the rate limit of {self.model!r} is used up: {note}; nothing was sent"
            failure = RateLimitError(
                message, status=TOO_MANY_REQUESTS, retry_after=seconds, retryable=True, **self.details
            )
        else:
            _add_note(failure, note)
        raise failure

    def for_log(self, text: str | None) -> str:
        """Return the user's text as the log shows it: on its line, and without the key."""
        plain = self.scrub(text or "-")
        return plain if plain.isprintable() else repr(plain)

    def report(self, reason: Literal["retry", "rate_limit"], seconds: float, failure: InferenceError | None) -> None:
        """Tell the log and who asked for it of a wait."""
        details = RetryDetails(
            reason=reason,
            wait_for=seconds,
            waited_so_far=self.waited,
            attempts=self.attempts,
            model=self.model,
            caused_by=failure,
        )
        LOGGER.info(
            "%s in %.2f s: %s (model %s, %d sent so far, request id %s)",
            "sending again" if reason == "retry" else "sending when the rate limit has room",
            seconds,
            _why(failure),
            self.for_log(self.model),
            self.attempts,
            details.request_id,
        )
        if self.on_retry is not None:
            self.on_retry(details)
        if isinstance(failure, RateLimitError) or reason == "rate_limit":
            report_wait(seconds)

    def take_usage(self, model: Any, usage: Any) -> None:
        """Take the model and the usage that an answer names, once there is no more of it to come."""
        report_usage(self.model, model, usage)
        if self.turn is not None and self.turn.pacer.counts_tokens:
            tokens = usage.get("total_tokens") if isinstance(usage, Mapping) else getattr(usage, "total_tokens", None)
            if isinstance(tokens, int | float):
                self.turn.used(tokens)

    def left(self, limit: float | None) -> float | None:
        """Return `limit`, cut to what is left until the deadline.

        Raises:
            APITimeoutError: Nothing is left.
        """
        if self.ends is None:
            return limit
        left = self.ends - self.clock()
        if left <= 0:
            raise self.timed_out(phase="total")
        return left if limit is None else min(limit, left)

    def left_of(self, phase: Phase, since: float) -> float | None:
        """Return what is left of a phase that began at `since`, cut to the deadline.

        Raises:
            APITimeoutError: Nothing is left.
        """
        limit: float | None = getattr(self.timeout, phase)
        if limit is not None:
            limit -= self.clock() - since
            if limit <= 0:
                raise self.timed_out(phase=phase)
        return self.left(limit)

    def response_info_of(self, head: Head) -> ResponseInfo:
        """Return a response's side of HTTP; a server that repeats the key in a header is not repeated."""
        headers = head.headers
        text = "\n".join([*headers, *headers.values()])
        if self.scrub(text) != text:
            headers = {self.scrub(name): self.scrub(value) for name, value in headers.items()}
        if self.turn is not None:
            wait = self.turn.answered(head.status, headers, self.now())
            self.in_vain = 0 if wait is None or wait > 0 else self.in_vain + 1
            self.is_refused = wait is not None and self.in_vain <= MOST_IN_VAIN
        return ResponseInfo(head.status, headers, self.attempts, self.api)

    @property
    def request_id(self) -> str | None:
        """The response's id, if there was one."""
        return self.info.request_id if self.info else None

    @property
    def details(self) -> dict[str, Any]:
        """The attributes of every error."""
        return {"attempts": self.attempts, "request_id": self.request_id}

    def timed_out(self, *, phase: Phase) -> APITimeoutError:
        """Make the error of a phase that took too long; the deadline is named where it was what ended it."""
        if self.ends is not None and self.clock() >= self.ends - 0.001:
            phase = "total"
        limit = self.timeout.of_phase(phase)
        limit_text = "in time" if limit is None else f"within {limit:g} s"
        message = f"{WAITED_FOR[phase]} {limit_text} (timeout phase {phase!r})"
        self.ambiguous = phase == "first_token"
        return APITimeoutError(message, phase=phase, peer=self.peer, retryable=phase in RETRIED_PHASES, **self.details)

    def fault(self, marker: Disconnected | TimedOut, phase: Phase) -> InferenceError:
        """Make the error for what the driver reported while `phase` lasted."""
        if isinstance(marker, TimedOut):
            return self.timed_out(phase=marker.phase or phase)
        if marker.malformed:
            return ProtocolError(marker.reason, **self.details)
        self.ambiguous = marker.sent
        return APIConnectionError(marker.reason, peer=self.peer, retryable=not marker.non_retryable, **self.details)


NO_BUDGET = "not sent again: the client's budget of retries is used up, because too many calls failed just before"
MOST_IN_VAIN = 5
"""Refusals in a row that say that there is room: with their pauses more than the second that may be rounded away."""


def _add_note(failure: InferenceError, note: str) -> None:
    """Add to what an error says."""
    failure.message = f"{failure.message}; {note}"
    failure.args = (failure.message,)


def _why(failure: InferenceError | None) -> str:
    """Say what a wait is for, without what the API wrote: it may repeat what was asked."""
    if failure is None:
        return "the API's last response left no room"
    if isinstance(failure, APIConnectionError):
        return failure.message
    status = getattr(failure, "status", None)
    return type(failure).__name__ + (f", status {status}" if status else "")


RETRIED_PHASES = frozenset({"connect", "pool", "write", "first_token"})

WAITED_FOR: dict[Phase, str] = {
    "connect": "no connection to the API",
    "pool": "no free connection in the pool",
    "write": "the request could not be written",
    "first_token": "the API did not begin to answer",
    "idle": "the API fell silent: nothing came",
    "total": "the call was not done",
}
