"""The protocol of a call, whole and without I/O: what is sent, when it is sent again, what counts as an answer.

A flow is a generator. It yields commands (`Send`, `Read`, `Sleep`, `Release`) and is sent what came of them: a `Head`,
bytes (none at the end of the body), nothing. Where a connection failed, the driver throws `Disconnected` or `TimedOut`
into it. Everything else that a flow yields is a result: one for a call, a chunk each for a stream. Two drivers perform
flows, one in threads and one in event loops, so the rules stand here once. The sequence of a stream:

1. `Send`, with timeouts that never reach beyond the call's deadline; the response's `Head` comes back.
2. A status other than success: its body is read, bounded, and becomes an error.
3. Success: events are read until the first that has content: a role, a ping or `response.created` has none. An error up
   to here goes to the retry policy, which may answer with `Sleep`, and then it begins again at 1.
4. Each event is parsed, checked, put into the accumulator and handed out. From here on nothing is sent again: an error
   carries what was delivered as `partial`.
5. `[DONE]` or the end of the body: with neither a finish reason nor `[DONE]`, the answer was cut. After `[DONE]` the
   little that is left is read, for a bounded time, so that the connection can be used again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from inference_do._wires.codec import Codec, ReportedError, is_reported
from inference_do.accumulate import Accumulator
from inference_do.errors import APIConnectionError, InferenceError, ProtocolError, StreamInterrupted
from inference_do.types import ChatCompletionChunk, ResponseInfo

from .call import Call, Disconnected, Head, Read, Release, Send, Sleep, TimedOut
from .json import load_json
from .observe import watched
from .pacing import Turn
from .ratelimits import LOOK_SECONDS
from .retry import is_retryable, wait_hint
from .sse import BOM, MAX_EVENT_BYTES, Event, EventTooLarge, Parser
from .status import from_event, from_status, parse_error_body, snippet

T = TypeVar("T")

BODY_LIMIT = 64 * 1024 * 1024
STREAM_LIMIT = 256 * 1024 * 1024
ERROR_BODY_LIMIT = 64 * 1024
WHOLE_LIMIT = MAX_EVENT_BYTES  # of what comes in place of a stream
MAX_WITHOUT_CONTENT = 1_000  # chunks that are held back until there is content
DRAIN_LIMIT = 64 * 1024
DRAIN_SECONDS = 0.1
PEEK_LIMIT = 64 * 1024
SSE_FIELDS = (b"", b"data", b"event", b"id", b"retry", b"error")

Step = Generator[Any, Any, T]


def call_flow(call: Call, read: Callable[[bytes], T]) -> Generator[Any, Any, None]:
    """Run a call whose answer is one JSON body.

    Args:
        call: The call's settings.
        read: Turns the body into the result; a ValueError says that it is not what was asked for.
    """
    return watched(call, _call_flow(call, read))


def _call_flow(call: Call, read: Callable[[bytes], T]) -> Generator[Any, Any, None]:
    call.begin()

    def attempt() -> Step[T]:
        yield from _open(call)
        body = yield from _read_body(call, BODY_LIMIT, cut=False)
        return _parse_body(call, body, read)

    result: T = yield from _with_retries(call, attempt)
    call.take_usage(getattr(result, "model", None), getattr(result, "usage", None))
    yield Release()
    yield result


def stream_flow(call: Call, accumulator: Accumulator, wire: Codec) -> Generator[Any, Any, None]:
    """Run a call whose answer is an event stream; yields `ChatCompletionChunk`s, which `accumulator` has taken."""
    return watched(call, _stream_flow(call, accumulator, wire), accumulator)


def _stream_flow(call: Call, accumulator: Accumulator, wire: Codec) -> Generator[Any, Any, None]:
    call.begin()
    stream = _StreamReading(call, accumulator, wire)
    begun = yield from _with_retries(call, stream.open)
    yield from stream.run(begun)


def _with_retries(call: Call, attempt: Callable[[], Step[T]]) -> Step[T]:
    """Run attempts until one succeeds or the policy, the budget or the deadline ends them."""
    try:
        while True:
            if call.turn is not None:
                yield from _wait_for_room(call)
            call.begin_attempt()
            try:
                result = yield from attempt()
            except InferenceError as error:
                failure = error
            else:
                call.budget.refund()
                return result
            yield Release()
            if call.is_paced(failure):
                continue
            pause = call.pause_after(failure)
            if pause is None:
                raise failure
            yield from _sleep(call, pause)
    finally:
        if call.turn is not None:
            call.turn.leave()


def _wait_for_room(call: Call) -> Step[None]:
    """Wait until the model's rate limit has room for this call and for those that came before it."""
    turn, is_reported = call.turn, False
    assert turn is not None  # noqa: S101  for the type checker
    while True:
        pause, seconds = turn.look(call.wait_left)
        if not pause:
            return
        call.check_wait(seconds)
        if not is_reported and (seconds > LOOK_SECONDS or call.refusal is not None):
            is_reported = True
            call.report("rate_limit", seconds, call.refusal)
        started = call.clock()
        yield from _sleep(call, pause, turn)
        call.waited += call.clock() - started


def _sleep(call: Call, seconds: float, turn: Turn | None = None) -> Step[None]:
    try:
        yield Sleep(seconds, turn)
    except Disconnected as marker:
        reported = marker
    else:
        return
    raise call.fault(reported, "total")


def _open(call: Call) -> Step[ResponseInfo]:
    """Send the request and return what the head of a success says."""
    limits = call.timeout
    command = Send(
        connect=call.left(limits.connect),
        pool=call.left(limits.pool),
        write=call.left(limits.write),
        read=call.left(limits.first_token),
        deadline=call.ends,
    )
    try:
        head: Head = yield command
    except (Disconnected, TimedOut) as marker:
        reported = marker
    else:
        call.info = info = call.response_info_of(head)
        del head  # it has the key, should the server have repeated it
        if HTTPStatus.OK <= info.status < HTTPStatus.MULTIPLE_CHOICES:
            return info
        raise (yield from _refusal(call, info))
    raise call.fault(reported, "first_token")


def _refusal(call: Call, info: ResponseInfo) -> Step[InferenceError]:
    """Make the error for a status other than success, after reading what the body says."""
    if info.status < HTTPStatus.BAD_REQUEST:
        return _redirected(call, info)
    body = yield from _read_body(call, ERROR_BODY_LIMIT, cut=True)
    return _status_error(call, info.status, body)


def _redirected(call: Call, info: ResponseInfo) -> ProtocolError:
    if not (location := info.headers.get("location")):
        return ProtocolError(f"the API answered {info.status}, which is neither an answer nor an error", **call.details)
    try:
        target = urlsplit(location).hostname or "another path"
    except ValueError:
        target = "something that is no URL"
    message = f"the API answered {info.status}, a redirect to {target!r}: not followed, nothing was sent there"
    return ProtocolError(message, **call.details)


def _status_error(call: Call, status: int, body: bytes) -> InferenceError:
    headers = call.info.headers if call.info else {}
    text = body.decode("utf-8-sig", "replace")
    error = from_status(
        status,
        text,
        scrub=call.scrub,
        retry_after=wait_hint(headers, now=call.now()),
        hint=call.hint(status, text),
        **call.details,
    )
    error.retryable = is_retryable(error, headers)
    return error


def _read_body(call: Call, limit: int, *, cut: bool) -> Step[bytes]:
    """Read a body to its end.

    An answer has begun with the first byte that is no white space, as a stream has with its first event: some servers
    send blank lines while the model thinks.

    Args:
        call: The call.
        limit: The most bytes to take, after decompression.
        cut: Whether the start is enough if there is more, or if the rest does not come.
    """
    parts: list[bytes] = []
    size = 0
    started, has_begun = call.clock(), cut
    while True:
        try:
            data: bytes = yield Read(
                call.left(call.timeout.idle) if has_begun else call.left_of("first_token", started)
            )
        except (Disconnected, TimedOut) as marker:
            reported = marker
            break
        if not data:
            return b"".join(parts)
        parts.append(data)
        size += len(data)
        has_begun = has_begun or not data.isspace()
        if size > limit:
            if cut:
                return b"".join(parts)[:limit]
            message = f"the response is larger than {limit:,} bytes"
            raise ProtocolError(message, **call.details)
    if cut:
        return b"".join(parts)
    raise call.fault(reported, "idle" if has_begun else "first_token")


def _parse_body(call: Call, body: bytes, read: Callable[[bytes], T]) -> T:
    """Turn a success's body into the result, or into the error that it is."""
    try:
        return read(body.removeprefix(BOM))
    except ValueError as error:
        failure = _not_an_answer(call, body, _reason(error))
    raise failure


def _not_an_answer(call: Call, body: bytes, reason: str) -> InferenceError:
    """Make the error for a success that is no answer; an error in its place counts as the status that it names."""
    text = body[:ERROR_BODY_LIMIT].decode("utf-8", "replace")
    try:
        parsed = load_json(body.removeprefix(BOM))
    except ValueError:
        return ProtocolError(f"the response is not JSON: {snippet(call.scrub(text)) or 'it is empty'}", **call.details)
    detail = parse_error_body(parsed) if is_reported(parsed, has_answer=False) else None
    if detail is None:
        return ProtocolError(f"the response is not what was asked for: {reason}", **call.details)
    if detail.status:
        return _status_error(call, detail.status, body)
    return ProtocolError(f"the API answered 200 with an error: {call.scrub(detail.message)[:500]}", **call.details)


def _reason(error: ValueError) -> str:
    """Say what is wrong with a response, without repeating what is in it."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else first["msg"]
    return str(error)[:200]


def is_event_stream(start: bytes, *, says_so: bool) -> bool | None:
    """Return whether a body is an event stream, by its start; None if that is not yet clear.

    Args:
        start: The first bytes of the body.
        says_so: Whether the media type is that of an event stream. If it is not, a line of one must be seen; if it is,
            a page of HTML or a JSON object is still neither.
    """
    text = start.removeprefix(BOM).lstrip()
    if not text or BOM.startswith(start):
        return None
    if text[:1] in b"{[<":
        return False
    if says_so:
        return True
    name, colon, _ = text.partition(b":")
    if colon:
        return name in SSE_FIELDS
    return None if any(field.startswith(name) for field in SSE_FIELDS) else False


def has_content(chunk: dict[str, Any]) -> bool:
    """Return whether a chunk has a part of an answer: more than a role, and more than names."""
    return any(
        choice.get("finish_reason")
        or any(value for name, value in (choice.get("delta") or {}).items() if name != "role")
        for choice in chunk.get("choices") or ()
    )


@dataclass(slots=True)
class _Begun:
    """The beginning of a stream: its chunks up to the first that has content, and the events that came with it."""

    chunks: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    is_done: bool = False
    """Whether the stream has ended."""


class _StreamReading:
    """The state of one stream, from the first byte to the last."""

    __slots__ = ("_accumulator", "_between", "_call", "_parser", "_read", "_size", "_wire")

    def __init__(self, call: Call, accumulator: Accumulator, wire: Codec) -> None:
        self._call = call
        self._wire = wire
        self._size = self._between = 0  # bytes of the stream, and since the last event
        self._accumulator = accumulator

    def open(self) -> Step[_Begun]:
        """Send, and read until the first content."""
        call, begun = self._call, _Begun()
        self._parser, self._read = Parser(), self._wire.events()
        info = yield from _open(call)
        started = call.clock()
        start = yield from self._peek(started, says_so="event-stream" in info.headers.get("content-type", ""))
        data = start
        while data is not None:
            if self._begins(begun, self._feed(data)):
                return begun
            data = (yield from self._read_first(started)) or None
            if start and data and len(start) < PEEK_LIMIT:
                start += data  # to say what it was, if no event comes
        if self._begins(begun, self._parser.finish()):
            return begun
        if start and is_event_stream(start, says_so=False) is False:
            raise self._not_a_stream(start)
        call.ambiguous = True
        message = f"the stream ended before its first {'content' if begun.chunks else 'event'}"
        raise APIConnectionError(message, retryable=True, **call.details)

    def _begins(self, begun: _Begun, events: list[Event]) -> bool:
        """Take events up to the first that has content; return whether one has."""
        for position, (name, data) in enumerate(events):
            try:
                chunk = self._read(name, data)
            except ReportedError:
                failure = self._reported(data)
            except ValueError as error:
                failure = self._malformed(error)
                failure.partial = self._accumulator.completion()
            else:
                chunks = (chunk,) if isinstance(chunk, dict) else chunk or ()
                begun.chunks.extend(chunks)
                begun.is_done = chunk is None
                if begun.is_done or any(map(has_content, chunks)) or len(begun.chunks) > MAX_WITHOUT_CONTENT:
                    begun.events = events[position + 1 :]
                    return True
                continue
            raise failure
        return False

    def _peek(self, started: float, *, says_so: bool) -> Step[bytes | None]:
        """Read until it is clear that this is an event stream, and return what was read; None if there is no more."""
        seen, size = b"", 0
        while (verdict := is_event_stream(seen, says_so=says_so)) is None and size < PEEK_LIMIT:
            data = yield from self._read_first(started)
            if not data and (says_so or not seen):
                return None
            if not data:
                break
            size += len(data)
            seen = (seen + data).lstrip()  # blank lines before the first event mean nothing
        if verdict or (says_so and verdict is None):
            return seen
        rest = yield from _read_body(self._call, WHOLE_LIMIT, cut=True)
        raise self._not_a_stream(seen + rest)

    def run(self, begun: _Begun) -> Step[None]:
        """Hand out the chunks of a stream that has begun, check its end and leave the connection fit for use."""
        is_done = False
        try:
            for raw in begun.chunks:
                yield ChatCompletionChunk(raw, self._accumulator.add(raw))
            is_done = begun.is_done or (yield from self._chunks(begun.events))
            self._judge(is_done=is_done)
        except InferenceError as error:
            if not self._is_whole_despite(error):
                error.partial = self._accumulator.completion()
                error.attempts, error.request_id = self._call.attempts, self._call.request_id
                raise
        finally:
            self._call.take_usage(self._accumulator.model, self._accumulator.usage)
        self._call.is_complete = True
        if self._accumulator.is_empty:
            self._call.on_empty((self._accumulator.usage or {}).get("completion_tokens") or 0)
        if is_done:
            yield from self._drain()
        yield Release()

    def _chunks(self, events: list[Event]) -> Step[bool]:  # noqa: C901  one loop: a call more would cost each delta
        """Hand out chunks until the stream's end; return whether the wire ended it, as `[DONE]` does."""
        call, add, read = self._call, self._accumulator.add, self._read
        failure: InferenceError | None = None
        silent_since, idle = call.clock(), call.timeout.idle
        while True:
            try:
                for name, data in events:
                    chunk = read(name, data)
                    if chunk is None:
                        return True
                    if isinstance(chunk, dict):
                        yield ChatCompletionChunk(chunk, add(chunk))
                        continue
                    for raw in chunk:
                        yield ChatCompletionChunk(raw, add(raw))
            except ReportedError:
                failure = from_event(data.decode("utf-8", "replace"), scrub=call.scrub, **call.details)
            except ValueError as error:
                failure = self._malformed(error)
            if failure is not None:
                raise failure
            if events:
                silent_since = call.clock()  # a comment is no content, and the consumer's own work is no silence
            whole_limit = bool(events) and call.ends is None
            try:
                got: bytes = yield Read(idle if whole_limit else call.left_of("idle", silent_since))
            except (Disconnected, TimedOut) as marker:
                reported = marker
                break
            if got:
                events = self._feed(got)
            elif not (events := self._parser.finish()):
                return False
        raise self._broken(reported)

    def _is_whole_despite(self, error: InferenceError) -> bool:
        """Return whether a connection failed only after the answer had its finish reason: nothing of it is missing."""
        return self._accumulator.is_finished and isinstance(error, APIConnectionError | StreamInterrupted)

    def _read_first(self, started: float) -> Step[bytes]:
        """Read while nothing has been handed out."""
        call = self._call
        try:
            data: bytes = yield Read(call.left_of("first_token", started))
        except (Disconnected, TimedOut) as marker:
            reported = marker
        else:
            return data
        raise call.fault(reported, "first_token")

    def _feed(self, data: bytes) -> list[Event]:
        """Return the events that say something."""
        self._size += len(data)
        if self._size > STREAM_LIMIT:
            message = f"the stream is larger than {STREAM_LIMIT:,} bytes"
            raise ProtocolError(message, **self._call.details)
        try:
            events = [event for event in self._parser.feed(data) if event[1] or event[0] == "error"]
        except EventTooLarge as error:
            reason = str(error)
        else:
            self._between = 0 if events else self._between + len(data)
            if self._between <= MAX_EVENT_BYTES:
                return events
            reason = f"more than {MAX_EVENT_BYTES:,} bytes came without an event"
        raise ProtocolError(reason, **self._call.details)

    def _malformed(self, error: ValueError) -> InferenceError:
        """Make the error for an event that is none of the wire's."""
        message = f"an event of the stream is not a chunk of an answer: {_reason(error)}"
        return ProtocolError(message, **self._call.details)

    def _reported(self, data: bytes) -> InferenceError:
        """Make the error for an event that reports one in place of an answer: it counts as the status that it names."""
        try:
            detail = parse_error_body(load_json(data))
        except ValueError:
            detail = None
        if detail and detail.status:
            return _status_error(self._call, detail.status, data)
        failure = from_event(data.decode("utf-8", "replace"), scrub=self._call.scrub, **self._call.details)
        failure.partial = self._accumulator.completion()
        return failure

    def _is_reported(self, event: Event) -> bool:
        """Return whether the first event is an error."""
        try:
            self._wire.events()(*event)
        except ReportedError:
            return True
        except ValueError:
            pass
        return False

    def _not_a_stream(self, body: bytes) -> InferenceError:
        """Make the error for a body that is no event stream."""
        try:
            whole = self._wire.read(body)
        except ValueError as error:
            first = next(iter(Parser(limit=2 * len(body)).feed(body + b"\n\n")), ("", b""))
            is_error_first = self._is_reported(first)  # bare JSON, behind which `[DONE]` stands
            return _not_an_answer(self._call, first[1] if is_error_first else body, _reason(error))
        message = "the API answered a request for a stream with a whole response, which is in .partial"
        return ProtocolError(message, partial=whole, **self._call.details)

    def _broken(self, marker: Disconnected | TimedOut) -> InferenceError:
        fault = self._call.fault(marker, "idle")
        fault.retryable = False
        if isinstance(marker, TimedOut) or marker.malformed:
            return fault
        return StreamInterrupted(f"the stream broke off: {fault.message}", **self._call.details)

    def _judge(self, *, is_done: bool) -> None:
        """Raise unless the stream came to an end of its own.

        A finish reason or `[DONE]` says that it did. `[DONE]` alone does not if it cuts a tool call's arguments.
        """
        seen = self._accumulator
        if seen.is_finished:
            return
        if not is_done:
            message = "the stream ended without a finish reason or [DONE]: the answer is incomplete"
            raise StreamInterrupted(message, **self._call.details)
        if not seen.has_begun:
            message = "the stream ended without an answer in it"
            raise ProtocolError(message, **self._call.details)
        if seen.has_broken_call:
            message = "the stream ended inside a tool call's arguments"
            raise StreamInterrupted(message, **self._call.details)

    def _drain(self) -> Step[None]:
        """Read the little that follows `[DONE]`, so that the connection can be used again."""
        ends = self._call.clock() + DRAIN_SECONDS
        size = 0
        while size < DRAIN_LIMIT and (left := ends - self._call.clock()) > 0:
            try:
                data: bytes = yield Read(left)
            except (Disconnected, TimedOut):
                return
            if not data:
                return
            size += len(data)
