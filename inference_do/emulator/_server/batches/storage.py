"""Object storage with presigned URLs, as far as batches need it: a PUT of a file, and GETs of results.

It is strict where real storage is: a URL is signed for its method, path and expiry; a media type that is not
`application/octet-stream` breaks the signature, an `Authorization` header is a second way to sign, and a body without a
length is not taken. Errors are in XML and, like real ones, spell out what was signed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from inference_do.emulator._http import ServerResponse, request_id
from inference_do.emulator._server.seals import KEY

if TYPE_CHECKING:
    from inference_do.emulator._server.records import Request

PATH = "/batch-storage/"
LIFETIME = 900
"""Seconds for which a URL is good."""
CREDENTIAL = "EMULATOR/20260101/nyc3/s3/aws4_request"


class StorageRefusal(Exception):  # noqa: N818 - it is storage's answer, not a defect
    """A request that storage answers with an error."""

    def __init__(self, status: int, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message>{detail}</Error>'
        self.response = ServerResponse(
            status=status, headers=(("content-type", "application/xml"), request_id()), pieces=(text.encode(),)
        )


@dataclass(slots=True)
class Storage:
    """What was uploaded, by names; names are asked for before."""

    clock: Callable[[], float]
    awaited: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)

    def url(self, method: str, name: str) -> tuple[str, float]:
        """Return a presigned path, and the Unix second until which it is good."""
        now = self.clock()
        date = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote(CREDENTIAL, safe='')}&X-Amz-Date={date}"
            f"&X-Amz-Expires={LIFETIME}&X-Amz-SignedHeaders=host&x-ends={int(now) + LIFETIME}"
        )
        return f"{PATH}{name}?{query}&X-Amz-Signature={_signature(method, PATH + name, query)}", now + LIFETIME

    def check(self, request: Request) -> str:
        """Return the name that a request is for.

        Raises:
            StorageRefusal: It is not signed, or not any more.
        """
        if "authorization" in request.headers:
            raise StorageRefusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        signed, _, given = request.query.partition("&X-Amz-Signature=")
        media = request.headers.get("content-type", "application/octet-stream")
        is_right = hmac.compare_digest(given.encode(), _signature(request.method, request.path, signed).encode())
        if not is_right or media != "application/octet-stream":
            detail = f"<CanonicalRequest>{request.method}\n{request.path}\n{request.query}</CanonicalRequest>"
            message = "The request signature we calculated does not match the signature you provided."
            raise StorageRefusal(403, "SignatureDoesNotMatch", message, detail.replace("&", "&amp;"))
        if self.clock() > float(parse_qs(signed)["x-ends"][0]):
            raise StorageRefusal(403, "AccessDenied", "Request has expired")
        return request.path.removeprefix(PATH)

    def put(self, request: Request) -> ServerResponse:
        """Take a file."""
        name = self.check(request)
        if "content-length" not in request.headers:
            raise StorageRefusal(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        self.files[name] = request.body
        self.awaited.discard(name)
        return ServerResponse(headers=(("etag", f'"{hashlib.sha256(request.body).hexdigest()[:32]}"'), request_id()))


def _signature(method: str, path: str, query: str) -> str:
    return hmac.new(KEY, f"{method}\n{path}\n{query}".encode(), hashlib.sha256).hexdigest()
