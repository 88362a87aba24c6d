"""Faults that change what a response is: its status, headers and body."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace

from inference_do.emulator import faults as f
from inference_do.emulator._http import HeaderList, ServerResponse, Wire, request_id
from inference_do.emulator._json import to_json
from inference_do.emulator._wire_errors import error_event_bytes, failed_body, wire_error

MEBIBYTE = 1 << 20


def change_content(response: ServerResponse, fault: f.Fault) -> ServerResponse:  # noqa: PLR0911 - one case a fault
    """Return the response after one fault; a fault of the delivery changes nothing here."""
    match fault:
        case f.Status(status, body, headers, kind):
            return _status_response(status, body, _pairs(headers), kind, response.wire)
        case f.RateLimited(reset_after):
            return _rate_limited(reset_after, response.wire)
        case f.Redirect(status, location):
            return ServerResponse(status=status, headers=(("location", location),))
        case f.Truncate(n):
            return replace(response, pieces=response.pieces[:n])
        case f.Corrupt(n, data):
            return replace(response, pieces=(*response.pieces[:n], data, *response.pieces[n + 1 :]))
        case f.ErrorEvent():
            return _with_error(response, fault)
        case f.RawBody(data, kind, status, headers):
            return ServerResponse(status=status, headers=_typed(kind, headers), pieces=(data,))
        case f.RawStream(chunks, kind, status, headers, _):
            return ServerResponse(status=status, headers=_typed(kind, headers), pieces=tuple(chunks), chunked=True)
        case f.GzipBomb(size):
            return _gzip_bomb(response, size)
        case _:
            return response


def _pairs(headers: f.Headers) -> HeaderList:
    return tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)


def _typed(kind: str | None, headers: f.Headers) -> HeaderList:
    return ((("content-type", kind),) if kind is not None else ()) + _pairs(headers)


def _status_response(status: int, body: f.Content, headers: HeaderList, kind: str | None, wire: Wire) -> ServerResponse:
    match body:
        case bytes():
            data, default = body, "application/octet-stream"
        case str():
            data, default = body.encode(), "text/html" if body.lstrip().startswith("<") else "text/plain"
        case _:
            data, default = to_json(wire_error(wire, status) if body is None else body), "application/json"
    return ServerResponse(
        status=status, headers=(("content-type", kind or default), *headers, request_id()), pieces=(data,)
    )


def _rate_limited(reset_after: float, wire: Wire) -> ServerResponse:
    trio = (
        ("x-ratelimit-limit-requests", "120"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", str(math.ceil(time.time() + reset_after))),
    )
    return _status_response(429, None, trio, None, wire)


def _with_error(response: ServerResponse, fault: f.ErrorEvent) -> ServerResponse:
    if not response.chunked:
        body = failed_body(response.wire) if fault.body is None else fault.body
        return replace(response, pieces=(body.encode() if isinstance(body, str) else to_json(body),))
    sent = response.pieces[: fault.after_events]
    event = error_event_bytes(response.wire, sent, fault.event_name, fault.body)
    done = (b"data: [DONE]\n\n",) if fault.done and response.wire == "chat" else ()
    return replace(response, pieces=(*sent, event, *done))


def _gzip_bomb(response: ServerResponse, size: int) -> ServerResponse:
    """Pack one mebibyte once, with a full flush, and repeat its bytes: still one valid gzip stream."""
    start = b'data: {"a":"' if response.chunked else b'{"a":"'
    block = b"a" * MEBIBYTE
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)]
    repeated = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    count = max(1, round(size / MEBIBYTE))
    crc = zlib.crc32(start)
    for _ in range(count):
        crc = zlib.crc32(block, crc)
    end = b'"}\n\n'
    crc = zlib.crc32(end, crc)
    total = len(start) + count * MEBIBYTE + len(end)
    packed += [repeated] * count + [packer.compress(end) + packer.flush()]
    packed.append(crc.to_bytes(4, "little") + (total & 0xFFFFFFFF).to_bytes(4, "little"))
    kind = next((value for name, value in response.headers if name == "content-type"), "application/json")
    return ServerResponse(
        headers=(("content-type", kind), ("content-encoding", "gzip")), pieces=tuple(packed), chunked=True
    )
