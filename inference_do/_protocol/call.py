"""What flows and drivers say to each other, and what a flow knows of its call.

Nothing here does I/O, and nothing here knows an HTTP library.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from inference_do.config import Timeout
from inference_do.errors import APIConnectionError, APITimeoutError, InferenceError, Phase, ProtocolError
from inference_do.types import ResponseInfo

from .retry import Budget, Policy


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


@dataclass(slots=True, eq=False)  # not frozen: one is made for each delta, and a frozen one takes thrice as long
class Read(Command):
    """Answer with more of the body, `b""` at its end; `timeout` in seconds."""

    timeout: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Sleep(Command):
    """Wait."""

    seconds: float


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
    on_empty: Callable[[int], None] = lambda _spent: None
    """What to do when an answer ran out of tokens before any text; it is given the tokens spent."""
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    attempts: int = field(default=0, init=False)
    info: ResponseInfo | None = field(default=None, init=False)
    """The last response's side of HTTP, once its head has come."""
    ambiguous: bool = field(default=False, init=False)
    """Whether the API may be working on the last request although no answer came."""
    is_complete: bool = field(default=False, init=False)
    """Whether the answer came to its end."""
    ends: float | None = field(default=None, init=False)

    def begin(self) -> None:
        """Fix the deadline."""
        if self.timeout.total is not None:
            self.ends = self.clock() + self.timeout.total

    def begin_attempt(self) -> None:
        """Count another request."""
        self.attempts += 1
        self.info = None
        self.ambiguous = False

    def pause_after(self, failure: InferenceError) -> float | None:
        """Return the seconds to wait before the request is sent again, or None to give up.

        The policy, the server's wish, the deadline and the client's budget each have a veto.
        """
        if not self.policy.allows(failure, ambiguous=self.ambiguous):
            return None
        pause = self.policy.pause(failure)
        if pause is None or (self.ends is not None and self.clock() + pause >= self.ends):
            return None
        return pause if self.budget.take() else None

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


RETRIED_PHASES = frozenset({"connect", "pool", "write", "first_token"})

WAITED_FOR: dict[Phase, str] = {
    "connect": "no connection to the API",
    "pool": "no free connection in the pool",
    "write": "the request could not be written",
    "first_token": "the API did not begin to answer",
    "idle": "the API fell silent: nothing came",
    "total": "the call was not done",
}
