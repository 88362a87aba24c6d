"""What an exchange of a thread and one of an event loop share: all but the words `await` and `async`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from .._call import Disconnected, Head, Request, Send, TimedOut
from ..config import Config
from ..errors import ConfigError, InferenceError
from .decompress import Decompressor, decompressor
from .faults import closed, face_of, failure_of, without_frames
from .pool import PooledResponse
from .request import auth_of, build_request
from .sockets import Attempt


class Exchange:
    """The requests of one call, sent one after another by httpx clients.

    A client of ours sends through its own transport, a caller's through whatever it has: nothing here asks which, but
    where the one can do more, as ending a wait from another thread.
    """

    __slots__ = (
        "__weakref__",
        "_attempt",
        "_body",
        "_client",
        "_config",
        "_decompressor",
        "_face",
        "_is_framed",
        "_interruption",
        "_is_ours",
        "_limits",
        "_pieces",
        "_request",
        "_response",
    )

    def __init__(self, request: Request, config: Config) -> None:
        self._request, self._config = request, config
        self._client: Any = None
        self._face: Any = httpx
        self._attempt = Attempt()
        self._limits: dict[str, float | None] = {}  # of the request that is under way; a transport may look again
        self._response: Any = None
        self._body: Any = None
        self._pieces: Iterator[bytes] = iter(())
        self._decompressor: Decompressor | None = None
        self._is_framed = False
        self._is_ours = False  # the response is of our transport, which looks at the limits before each read
        self._interruption: Disconnected | None = None

    def _interrupt(self, reason: Disconnected) -> None:
        self._interruption = self._interruption or reason
        self._attempt.interrupt()

    def _check(self) -> None:
        if self._interruption is not None:
            raise self._interruption

    def _begin(self, client: Any, command: Send) -> dict[str, Any]:
        """Return the arguments of the client's `send` for another request."""
        self._check()
        if client is not self._client and self._client is not None:
            raise closed()  # it was closed while the call was under way, and this is the next one
        self._client, self._face = client, face_of(client) or httpx
        self._attempt = Attempt(command.deadline if command.deadline is not None else float("inf"))
        self._limits = {
            "connect": command.connect,
            "pool": command.pool,
            "write": command.write,
            "read": command.read,
        }
        handled = sys.exception()
        try:
            request = build_request(client, self._request, self._config, self._limits, self._attempt)
        except Exception:
            raise  # the key function's own
        except BaseException as error:
            raise without_frames(error, handled) from None
        return {
            "request": request,
            "stream": True,
            "auth": auth_of(client, self._face),
            "follow_redirects": False,
        }

    def _head(self, response: Any, iterate: Callable[[Any], Any]) -> Head:
        """Take a response, and return what its head says; `iterate` is `iter` or `aiter`."""
        self._response = response
        named = _by_name(response.headers)
        if response.is_stream_consumed or response.is_closed:
            self._pieces = iter((_content(response, self._face),))  # a hook, an auth flow or a transport has read it
        else:
            self._is_ours = isinstance(response.extensions.get("network_stream"), PooledResponse)
            self._is_framed = "content-length" in named or "transfer-encoding" in named
            self._decompressor = decompressor(named)
            self._body = iterate(response.stream)
        return Head(response.status_code, named)

    def _next_piece(self) -> bytes:
        """Return more of what is decompressed already, nothing if nothing is left."""
        return next(self._pieces, b"")

    def _decompress(self, data: bytes) -> bytes:
        if self._decompressor is None:
            return data
        self._pieces = self._decompressor.feed(data)
        return self._next_piece()

    def _end(self) -> bytes:
        """Take the end of the body."""
        if not self._is_framed and (self._interruption or not self._is_current(self._client)):
            raise self._interruption or closed()  # the server has not ended the connection, which alone would complete this response
        self._body = None
        return b""

    def _failure(self, error: BaseException, handled: BaseException | None) -> BaseException:
        """Return what is to be raised for an exception: in our words, and without frames that have the key."""
        if isinstance(error, Disconnected | TimedOut):
            return error
        if not isinstance(error, Exception) or isinstance(error, InferenceError):
            return without_frames(error, handled)
        if self._interruption is not None:
            return self._interruption
        if not self._is_current(self._client):
            return closed()
        return failure_of(error, handled, self._face)

    def _is_current(self, client: Any) -> bool:
        """Return whether a client that was used is still the one to use."""
        raise NotImplementedError

    def _forget(self) -> Any:
        """Be done with the response; return it, to be closed."""
        response, self._response, self._body = self._response, None, None
        self._pieces = iter(())
        return response


def _by_name(headers: Any) -> dict[str, str]:
    """Return headers by their lower-case names; what stands there more than once is joined with commas."""
    named: dict[str, str] = {}
    for name, value in headers.raw:
        key, text = name.decode("latin-1").lower(), _text(value)
        named[key] = f"{named[key]}, {text}" if key in named else text
    return named


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _content(response: Any, face: Any) -> bytes:
    """Return a body that somebody has read and kept, decompressed.

    Raises:
        httpx.RemoteProtocolError: It was not kept, and it is not that of an error, whose status says enough.
    """
    try:
        return response.content  # type: ignore[no-any-return]
    except face.ResponseNotRead:
        if not httpx.codes.is_success(response.status_code):
            return b""
        message = "its body was read by an event hook or a transport and not kept: use response.read() there"
    raise face.RemoteProtocolError(message)


def built(make: Callable[[], Any], config: Config) -> Any:
    """Make what connects.

    Raises:
        ConfigError: The environment names a proxy or certificates that cannot be used.
    """
    try:
        return make()
    except (ValueError, OSError, ImportError) as error:
        reason = str(error)
    where = "ca or the environment" if config.ca else "the environment"
    message = f"the proxy or certificates that {where} names cannot be used: {reason[:300]}"
    raise ConfigError(message)
