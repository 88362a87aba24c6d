"""What an HTTP library raises, as the protocol's two exceptions: `Disconnected` and `TimedOut`.

No exception of a library goes further: it may hold the request, and with it the key. The library is httpx, or httpx2
where a caller's own client is one of that; they have the same names for the same things.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from typing import Any

from inference_do._protocol.call import Disconnected, TimedOut
from inference_do.config import HTTP_LIBRARIES
from inference_do.errors import Phase

CUT = ("Server disconnected", "peer closed connection")
"""How httpcore says that a connection ended before its response, in the class that it has for malformed responses."""


def face_of(client: Any) -> Any:
    """Return the package that a client is of."""
    packages = (kind.__module__.partition(".")[0] for kind in type(client).__mro__)
    return next(sys.modules[package] for package in packages if package in HTTP_LIBRARIES)


def closed() -> Disconnected:
    """Return the failure of a call whose client was closed while it was under way: it ends and is not sent again."""
    return Disconnected("the client was closed", sent=False, non_retryable=True)


def interrupted() -> Disconnected:
    """Return the failure of a stream that was closed by another thread or task than the one that reads it."""
    return Disconnected("it was closed while it was read", sent=True, non_retryable=True)


def cancelled() -> Disconnected:
    """Return the failure of a call whose `CancelScope` was cancelled: it ends and is not sent again."""
    return Disconnected("its CancelScope was cancelled", sent=True, non_retryable=True)


def failure_of(error: Exception, handled: BaseException | None, face: Any) -> Disconnected | TimedOut:
    """Return what an exception means.

    Args:
        error: What was raised.
        handled: What the caller was already handling when it called: it led to nothing here.
        face: The package of the client that raised it.
    """
    if isinstance(error, face.TimeoutException | TimeoutError):
        phases: dict[Any, Phase] = {
            face.ConnectTimeout: "connect",
            face.PoolTimeout: "pool",
            face.WriteTimeout: "write",
        }
        return TimedOut(next((phase for kind, phase in phases.items() if isinstance(error, kind)), None))
    chain = _chain(error, handled)
    text = " ".join(str(error).split())[:300]
    sent = non_retryable = malformed = False
    match error:
        case face.DecodingError():
            reason, sent, malformed = f"the response cannot be decompressed: {text}", True, True
        case face.RemoteProtocolError() if not text.startswith(CUT):
            reason, sent, malformed = f"the response is not HTTP as it should be: {text}", True, True
        case face.ProxyError():
            reason, non_retryable = f"no connection to the API: the proxy answered {text}", text[:1] in {"3", "4"}
        case face.ConnectError():
            reason = f"no connection to the API{next(filter(None, map(_reason, reversed(chain))), '')}"
            non_retryable = any(isinstance(link, ssl.SSLCertVerificationError) for link in chain)
        case face.NetworkError() | face.RemoteProtocolError() | OSError():
            reason, sent = "the connection to the API broke before the response was complete", True
        case _:
            reason, non_retryable = f"the request cannot be sent: {text}", True
    return Disconnected(reason, sent=sent, non_retryable=non_retryable, malformed=malformed)


def _reason(error: BaseException) -> str:
    """Return why there is no connection, as far as an exception says."""
    match error:
        case socket.gaierror() | UnicodeError():
            return ": the host's name was not found"
        case ssl.SSLError():  # its errno is not the system's
            reason = (error.reason or "no reason was given").replace("_", " ").lower()
            detail = getattr(error, "verify_message", None)
            return f": TLS failed ({reason}{f': {detail}' if detail else ''})"
        case OSError(errno=int(number)) if number:
            return f": {os.strerror(number)}"
        case _:
            return ""


def _chain(error: BaseException, handled: BaseException | None) -> list[BaseException]:
    """Return an exception and what led to it, up to what the caller was already handling when it called us."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link is not handled and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links


def without_frames(error: BaseException, handled: BaseException | None) -> BaseException:
    """Return an exception without the frames below, whose variables hold the key: Ctrl-C's or a cancellation's."""
    error.__traceback__ = error.__cause__ = None
    error.__context__ = handled
    return error
