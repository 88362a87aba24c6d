"""What an HTTP library raises, in the protocol's two words: `Disconnected` and `TimedOut`.

No exception of a library goes further: it may hold the request, and with it the key. The library is httpx, or httpx2
where a caller's own client is one of that; they have the same names for the same things.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
from types import ModuleType
from typing import Any

from .._call import Disconnected, TimedOut
from ..config import HTTP_LIBRARIES

CUT = ("Server disconnected", "peer closed connection")
"""How httpcore says that a connection ended before its response, which is the class for malformed responses there."""


def face_of(client: Any) -> ModuleType | None:
    """Return the package that a client is of; None if it is of neither."""
    packages = (kind.__module__.partition(".")[0] for kind in type(client).__mro__)
    return next((sys.modules[package] for package in packages if package in HTTP_LIBRARIES), None)


def closed() -> Disconnected:
    """Return the failure of a call whose client was closed while it was under way: it ends and is not sent again."""
    return Disconnected("the client was closed", sent=False, non_retryable=True)


def interrupted() -> Disconnected:
    """Return the failure of a stream that was closed by another thread or task than the one that reads it."""
    return Disconnected("it was closed while it was read", sent=True, non_retryable=True)


def failure_of(error: Exception, handled: BaseException | None, face: Any) -> Disconnected | TimedOut:
    """Return what an exception means.

    Args:
        error: What was raised.
        handled: What the caller was already handling when it called: it led to nothing here.
        face: The package of the client that raised it.
    """
    if (timeout := _timeout(error, face)) is not None:
        return timeout
    chain = _chain(error, handled)
    text = " ".join(str(error).split())[:300]
    match error:
        case face.DecodingError():
            return Disconnected(f"the response cannot be decompressed: {text}", sent=True, malformed=True)
        case face.RemoteProtocolError() if not text.startswith(CUT):
            return Disconnected(f"the response is not HTTP as it should be: {text}", sent=True, malformed=True)
        case face.ProxyError():
            refused = text[:1] in {"3", "4"}
            return Disconnected(f"no connection to the API: the proxy answered {text}", sent=False, non_retryable=refused)
        case face.ConnectError():
            reason = next((_reason(link) for link in reversed(chain) if isinstance(link, OSError) and link.errno), "")
            untrusted = any(isinstance(link, ssl.SSLCertVerificationError) for link in chain)
            return Disconnected(f"no connection to the API{reason}", sent=False, non_retryable=untrusted)
        case face.NetworkError() | face.RemoteProtocolError() | OSError():
            return Disconnected("the connection to the API broke before the response was complete", sent=True)
        case _:
            return Disconnected(f"the request cannot be sent: {text}", sent=False, non_retryable=True)


def _timeout(error: Exception, face: Any) -> TimedOut | None:
    match error:
        case face.ConnectTimeout():
            return TimedOut("connect")
        case face.PoolTimeout():
            return TimedOut("pool")
        case face.WriteTimeout():
            return TimedOut("write")
        case face.TimeoutException() | TimeoutError():
            return TimedOut(None)
        case _:
            return None


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return ": the host's name was not found"
    if isinstance(error, ssl.SSLError):  # its errno is not the system's
        return f": TLS failed ({(error.reason or 'no reason was given').replace('_', ' ').lower()})"
    return f": {os.strerror(error.errno or 0)}"


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
    for link in _chain(error, handled):
        link.__traceback__ = None
    return error
