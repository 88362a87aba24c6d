"""How a stream's bytes may look: line ends, byte order marks, comments, pieces, encodings, sizes (rows 1 to 20).

Inputs after the WHATWG's rules for event streams and the Web Platform Tests' `eventsource/format-*`.
"""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

import json
import zlib

from rows import DONE, STREAM, UNICODE, Row, data, delta, hello, served

from inference_do.emulator import Quirks

SNOW = data(delta(UNICODE)) + data(delta(finish="stop")) + DONE
SPLIT = b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\n'
NAMED = b"event: message\nid: 7\nretry: 10\nunknown: x\nunknown\n" + hello()
EMPTY = b"data\n\ndata:\n\nevent: ping\n\nid: 1\n\n" + hello()
LARGE = "x" * (4 * 1024 * 1024)
LARGE_EVENT = data(delta(LARGE)) + data(delta(finish="stop")) + DONE
TINY = b"".join(data(delta("ab")) for _ in range(5000)) + data(delta(finish="stop")) + DONE
GZIP = {"content-encoding": "gzip"}
TOO_LARGE = "an event of the stream is larger than 8,388,608 bytes"


def kilobytes(body: bytes, size: int = 1024) -> list[bytes]:
    return [body[i : i + size] for i in range(0, len(body), size)]


def gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(body) + packer.flush()


ROWS = [
    Row(name="1 CRLF line ends", modes=STREAM, quirks=Quirks(line_end="\r\n")),
    Row(name="2 CR line ends", modes=STREAM, quirks=Quirks(line_end="\r")),
    Row(name="2b CRLF in single bytes", modes=STREAM, script=[served(*kilobytes(hello().replace(b"\n", b"\r\n"), 1))], text="Hello"),
    Row(name="3 every line end in one stream", modes=STREAM, script=[served(b"data: " + json.dumps(delta("Hel")).encode() + b"\r\n\r\ndata: " + json.dumps(delta("lo")).encode() + b"\r\r" + data(delta(finish="stop")) + DONE)], text="Hello"),
    Row(name="4 no space behind the colon", modes=STREAM, quirks=Quirks(no_space=True)),
    Row(name="5 byte order mark", modes=STREAM, quirks=Quirks(bom=True)),
    Row(name="5b byte order mark in single bytes", modes=STREAM, script=[served(*kilobytes(b"\xef\xbb\xbf" + hello(), 1))], text="Hello"),
    Row(name="6 comments before every event", modes=STREAM, quirks=Quirks(comments=True)),
    Row(name="6b comments of every kind", modes=STREAM, script=[served(b":\n\n: ping\n\n:data: x\n" + hello())], text="Hello"),
    Row(name="7 single bytes, characters of four", modes=STREAM, script=[served(*kilobytes(SNOW, 1))], text=UNICODE),
    Row(name="8 separators of Unicode inside JSON", modes=STREAM, script=[served(SNOW)], text=UNICODE),
    Row(name="9 another charset in the head", modes=STREAM, script=[served(SNOW, content_type="text/event-stream; charset=iso-8859-1")], text=UNICODE),
    Row(name="10 JSON over two data lines", modes=STREAM, script=[served(SPLIT + DONE)], text="Hello"),
    Row(name="11 other fields and unknown ones", modes=STREAM, script=[served(NAMED)], text="Hello"),
    Row(name="11b events without data", modes=STREAM, script=[served(EMPTY)], text="Hello"),
    Row(name="12 blank lines first", modes=STREAM, script=[served(b"\n\r\n\r" + hello())], text="Hello"),
    Row(name="13 an event of 4 MiB in kilobytes", modes=("collect",), script=[served(LARGE_EVENT[:1024], *kilobytes(LARGE_EVENT[1024:], 65536))], text=LARGE),
    Row(name="13b thousands of events at once", modes=("collect",), script=[served(TINY)], text="ab" * 5000),
    Row(name="15 a line of 9 MB", modes=STREAM, script=[served(b"data: " + b"x" * 9_000_000)], error="ProtocolError", message=TOO_LARGE, retryable=False),
    Row(name="15b an event of 9 MB in lines", modes=STREAM, script=[served((b"data: " + b"x" * 999_993 + b"\n") * 9)], error="ProtocolError", message=TOO_LARGE),
    Row(name="15c a comment of 9 MB", modes=STREAM, script=[served(hello(end=b""), b":" + b"x" * 9_000_000)], error="ProtocolError", message=TOO_LARGE, partial="Hello"),
    Row(name="16 gzip although not asked for", modes=STREAM, quirks=Quirks(gzip=True)),
    Row(name="16b gzip in single bytes", modes=STREAM, script=[served(*kilobytes(gzipped(SNOW), 1), headers=GZIP)], text=UNICODE),
    Row(name="16c gzip that is none", modes=STREAM, script=[served(hello(), headers=GZIP)], error="ProtocolError", message="the response cannot be decompressed"),
    Row(name="16d gzip cut short", modes=STREAM, script=[served(gzipped(hello() * 50)[:-20], headers=GZIP)], text="Hello"),
    Row(name="17 text that is not UTF-8", modes=STREAM, script=[served(data(delta("Hel")), b'data: {"choices":[{"delta":{"content":"l\xff"}}]}\n\n', hello())], error="ProtocolError", message="an event of the stream is not a chunk of an answer", partial="Hel"),
    Row(name="17b Latin-1 first", modes=STREAM, script=[served(b'data: {"choices":[{"delta":{"content":"w\xf6rld"}}]}\n\n')], error="ProtocolError", message="an event of the stream is not a chunk of an answer", partial=""),
    Row(name="18 no line end behind [DONE]", modes=STREAM, script=[served(hello(end=data(delta(finish="stop")) + b"data: [DONE]"))], text="Hello"),
    Row(name="18b no blank line behind the last chunk", modes=STREAM, script=[served(hello(end=data(delta("!", finish="stop"))[:-1]))], error="StreamInterrupted", message="the stream ended without a finish reason", partial="Hello"),
    Row(name="18c a space behind [DONE]", modes=STREAM, script=[served(hello(end=b"data:   [DONE] \n\n"))], text="Hello", finish=None),
    Row(name="18d a line of data before an unended [DONE]", modes=STREAM, script=[served(data(delta("Hel")) + data(delta("lo"))[:-1] + b"data: [DONE]")], error="StreamInterrupted", message="the stream ended without a finish reason", partial="Hel"),
    Row(name="19 the content type is missing", modes=STREAM, script=[served(hello(), content_type=None)], text="Hello"),
    Row(name="19b the content type is plain text", modes=STREAM, script=[served(hello(), content_type="text/plain")], text="Hello"),
    Row(name="20 events behind [DONE]", modes=STREAM, script=[served(hello(), data(delta("more")), b"garbage\n\n")], text="Hello"),
    Row(name="20b an error behind [DONE]", modes=STREAM, script=[served(hello(), data({"error": {"message": "no"}}))], text="Hello"),
    Row(name="20c a head that names no chunk", modes=STREAM, script=[served(b"garbage\n\n" * 3)], error="ProtocolError", message="the response is not JSON: garbage"),
    Row(name="20d plain words that call themselves a stream", modes=STREAM, script=[served(b"upstream connect error or disconnect")], error="ProtocolError", message="the response is not JSON: upstream connect error"),
]  # fmt: skip
