"""Requests to another host than the API's, at presigned URLs: made apart from the client that sends them.

Such a URL is signed for a method, a host and few headers, and it is as good as a key. So nothing of a client is added
to the request, be it the key, default headers or cookies; and no rendering shows the URL, httpx's log lines included.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any, BinaryIO

from inference_do._protocol.call import KeylessRequest

from .sockets import PARTS

PIECE = 256 * 1024
"""Bytes of a file that are read at once."""


def keyless_request(face: Any, request: KeylessRequest, extensions: dict[str, Any]) -> Any:
    """Return a request of httpx's, or of whichever package the client is of.

    Args:
        face: That package.
        request: What is sent.
        extensions: Timeouts, and what else the transport is to know.
    """
    hidden_url, file_stream = _kinds(face)
    url = hidden_url(request.url)
    headers = {"host": url.netloc.decode("ascii"), **request.headers}
    if request.file is None:
        made = face.Request(request.method, url, headers=headers, content=request.content, extensions=extensions)
    else:
        stream = file_stream(request.file)
        made = face.Request(request.method, url, headers=headers, stream=stream, extensions={**extensions, PARTS: True})
    made.url = url
    return made


@cache
def _kinds(face: Any) -> tuple[Any, Any]:
    """Return a package's URL that shows its host only, and its stream of a file, for threads and event loops."""

    class HiddenURL(face.URL):  # type: ignore[misc]
        def __str__(self) -> str:
            return f"{self.scheme}://{self.netloc.decode('ascii', 'replace')}/..."

        def __repr__(self) -> str:
            return f"URL({str(self)!r})"

    class FileStream(face.SyncByteStream, face.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, file: BinaryIO) -> None:
            self._file = file

        def __iter__(self) -> Iterator[bytes]:
            self._file.seek(0)
            while piece := self._file.read(PIECE):
                yield piece

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in self:
                yield piece

    return HiddenURL, FileStream
