"""Responses as a server may send them, and what becomes of each of them, here and at httpcore."""

# ruff: noqa: E501  the rows of the table stay rows

from __future__ import annotations

from dataclasses import dataclass

from http11_kit import CHUNKED, in_chunks, sized, written

GOOD = sized(b"ok")
FORGED = sized(b"forged")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TWO = in_chunks(b"ok")


@dataclass(frozen=True)
class Row:
    """A response, and what becomes of it."""

    name: str
    raw: bytes
    verdict: str
    body: bytes = b"ok"
    status: int = 200
    closes: bool = False
    known: str = ""
    """What httpcore and h11 make of it, if that differs."""
    why: str = ""


def start(line: bytes) -> bytes:
    return sized(b"ok", start=line)


def header(line: bytes) -> bytes:
    return sized(b"ok", line)


def chunk(size: bytes) -> bytes:
    return written(CHUNKED, body=size + b"\r\nok\r\n0\r\n\r\n")


def coded(value: bytes) -> bytes:
    return written(b"Transfer-Encoding: " + value, body=TWO)


def length(value: bytes) -> bytes:
    return written(b"Content-Length: " + value)


ROWS = [
    # --- how a body ends ---
    Row("content-length", GOOD, "kept"),
    Row("content-length of zero", sized(b""), "kept", body=b""),
    Row("chunked", written(CHUNKED, body=TWO), "kept"),
    Row("chunked, in several", written(CHUNKED, body=in_chunks(b"o", b"k")), "kept"),
    Row("chunked, large sizes in either case", written(CHUNKED, body=b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), "kept", body=b"0123456789" * 2),
    Row("chunk extensions", written(CHUNKED, body=b'2;a=b;c="d"\r\nok\r\n0;x\r\n\r\n'), "kept"),
    Row("trailers", written(CHUNKED, body=in_chunks(b"ok", trailers=b"X: y\r\nZ: w\r\n")), "kept"),
    Row("until close", written(), "closed", closes=True, known="kept", why="httpcore looks at the socket later"),
    Row("until close, nothing", written(body=b""), "closed", body=b"", closes=True, known="kept", why="as above"),
    Row("204", written(body=b"", start=b"HTTP/1.1 204 No Content\r\n"), "kept", body=b"", status=204),
    Row("204 with a length of zero", sized(b"", start=b"HTTP/1.1 204 No Content\r\n"), "kept", body=b"", status=204),
    Row("304 with a length", written(b"Content-Length: 2", body=b"", start=b"HTTP/1.1 304 Not Modified\r\n"), "kept", body=b"", status=304),
    Row("304 with a coding", written(CHUNKED, body=b"", start=b"HTTP/1.1 304 Not Modified\r\n"), "kept", body=b"", status=304),
    # --- whether another request may follow ---
    Row("connection: close", sized(b"ok", b"Connection: close"), "closed"),
    Row("connection: close in a list", sized(b"ok", b"Connection: x, Close"), "closed"),
    Row("connection: keep-alive and close", sized(b"ok", b"Connection: keep-alive", b"Connection: close"), "closed"),
    Row("connection: close between blanks", sized(b"ok", b"Connection:\tclose "), "closed"),
    Row("connection: closed", sized(b"ok", b"Connection: closed"), "kept"),
    Row("connection: close among trailers", written(CHUNKED, body=in_chunks(b"ok", trailers=b"Connection: close\r\n")), "closed", known="kept", why="a connection too few is no harm"),
    Row("an upgrade that is only offered", sized(b"ok", b"Upgrade: h2c", b"Connection: upgrade"), "kept"),
    Row("HTTP/1.0", written(start=b"HTTP/1.0 200 OK\r\n"), "closed", closes=True),
    Row("HTTP/1.0 with a length", start(b"HTTP/1.0 200 OK\r\n"), "closed"),
    Row("HTTP/1.0 that would stay", sized(b"ok", b"Connection: keep-alive", start=b"HTTP/1.0 200 OK\r\n"), "closed"),
    Row("HTTP/1.0 in chunks", written(CHUNKED, b"Connection: keep-alive", body=TWO, start=b"HTTP/1.0 200 OK\r\n"), "closed"),
    # --- before the response ---
    Row("100", CONTINUE + GOOD, "kept"),
    Row("103 with headers", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + GOOD, "kept"),
    Row("100, 103, 102", CONTINUE + b"HTTP/1.1 103 X\r\nX: y\r\n\r\nHTTP/1.1 102 X\r\n\r\n" + GOOD, "kept"),
    Row("3,000 of 100", CONTINUE * 3000 + GOOD, "kept"),
    Row("103 with a length", b"HTTP/1.1 103 X\r\nContent-Length: 2\r\n\r\n" + GOOD, "kept"),
    Row("103 with a body", sized(b"no", start=b"HTTP/1.1 103 X\r\n") + GOOD, "refused"),
    Row("103 in chunks", written(CHUNKED, body=TWO, start=b"HTTP/1.1 103 X\r\n") + GOOD, "refused"),
    Row("100 and then the end", CONTINUE, "refused", closes=True),
    Row("103 with connection: close", b"HTTP/1.1 103 X\r\nConnection: close\r\n\r\n" + GOOD, "refused", known="kept", why="it says that nothing follows, and something does"),
    Row("100 of HTTP/1.0", b"HTTP/1.0 100 X\r\n\r\n" + GOOD, "refused", known="kept", why="as above; that version has none"),
    Row("101", b"HTTP/1.1 101 X\r\n\r\n", "closed", body=b"", status=101, known="refused", why="the caller is told the status"),
    Row("101 with an upgrade", b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxyz", "closed", body=b"", status=101, known="refused", why="as above"),
    Row("101 with a length", sized(b"xyz", start=b"HTTP/1.1 101 X\r\n"), "closed", body=b"", status=101, known="refused", why="as above"),
    # --- status lines ---
    Row("no reason", start(b"HTTP/1.1 200\r\n"), "kept"),
    Row("an empty reason", start(b"HTTP/1.1 200 \r\n"), "kept"),
    Row("a reason beyond ASCII", start("HTTP/1.1 200 Ö\r\n".encode()), "kept"),
    Row("NUL in a reason", start(b"HTTP/1.1 200 O\0K\r\n"), "kept", known="refused", why="nobody reads the reason"),
    Row("CR in a reason", start(b"HTTP/1.1 200 O\rK\r\n"), "refused"),
    Row("status 999", start(b"HTTP/1.1 999 X\r\n"), "kept", status=999),
    Row("status 099 with a body", sized(b"no", start=b"HTTP/1.1 099 X\r\n") + GOOD, "refused"),
    Row("status 000", start(b"HTTP/1.1 000 X\r\n") + GOOD, "refused"),
    Row("status 20", start(b"HTTP/1.1 20 OK\r\n"), "refused"),
    Row("status 2000", start(b"HTTP/1.1 2000 OK\r\n"), "refused"),
    Row("status 2x0", start(b"HTTP/1.1 2x0 OK\r\n"), "refused"),
    Row("status -20", start(b"HTTP/1.1 -20 OK\r\n"), "refused"),
    Row("two spaces before the status", start(b"HTTP/1.1  200 OK\r\n"), "refused"),
    Row("tabs in place of spaces", start(b"HTTP/1.1\t200\tOK\r\n"), "refused"),
    Row("http in small letters", start(b"http/1.1 200 OK\r\n"), "refused"),
    Row("another protocol", start(b"RTSP/1.0 200 OK\r\n"), "refused"),
    Row("HTTPS", start(b"HTTPS/1.1 200 OK\r\n"), "refused"),
    Row("ICY", start(b"ICY 200 OK\r\n"), "refused"),
    Row("HTML", start(b"<html>\r\n"), "refused"),
    Row("a request", start(b"GET / HTTP/1.1\r\n"), "refused"),
    Row("a space first", start(b" HTTP/1.1 200 OK\r\n"), "refused"),
    Row("an empty line first", start(b"\r\nHTTP/1.1 200 OK\r\n"), "refused"),
    Row("version 0.9", start(b"HTTP/0.9 200 OK\r\n"), "closed"),
    Row("version 1", start(b"HTTP/1 200 OK\r\n"), "refused"),
    Row("version 1.10", start(b"HTTP/1.10 200 OK\r\n"), "refused"),
    Row("version 1.2", start(b"HTTP/1.2 200 OK\r\n"), "refused", known="kept", why="there is none"),
    Row("version 2.0", start(b"HTTP/2.0 200 OK\r\n"), "closed", known="kept", why="it does not look like this"),
    # --- headers ---
    Row("an empty value", header(b"X:"), "kept"),
    Row("blanks for a value", header(b"X: \t "), "kept"),
    Row("blanks around a value", header(b"X: \t y \t "), "kept"),
    Row("a tab in a value", header(b"X: a\tb"), "kept"),
    Row("a value beyond ASCII", header(b"X: \xe4"), "kept"),
    Row("the same name twice", sized(b"ok", b"X: a", b"x: b"), "kept"),
    Row("500 headers", sized(b"ok", *(b"X%d: y" % number for number in range(500))), "kept"),
    Row("a value of 90 KB", header(b"X: " + b"y" * 90_000), "kept"),
    Row("a value of 200 KB", header(b"X: " + b"y" * 200_000), "refused"),
    Row("a name of 200 KB", header(b"X" * 200_000 + b": y"), "refused"),
    Row("20,000 headers", sized(b"ok", *[b"X: yyyyyy"] * 20_000), "refused"),
    Row("no colon", header(b"Xa"), "refused"),
    Row("no name", header(b": a"), "refused"),
    Row("a space in a name", header(b"X Y: a"), "refused"),
    Row("a space before the colon", header(b"X : a"), "refused"),
    Row("a name beyond ASCII", header(b"X\xe4: a"), "refused"),
    Row("NUL in a name", header(b"X\0: a"), "refused"),
    Row("NUL in a value", header(b"X: a\0b"), "refused"),
    Row("CR in a value", header(b"X: a\rb"), "refused"),
    Row("a blank before the first name", header(b" X: a"), "refused"),
    Row("another control character in a value", header(b"X: a\x01b"), "refused", known="kept", why="no value may hold one"),
    Row("DEL in a value", header(b"X: a\x7fb"), "refused", known="kept", why="as above"),
    Row("a folded value", header(b"X: a\r\n b"), "refused", known="kept", why="obsolete, and a way to hide headers"),
    Row("a folded length", header(b"X: a\r\n Content-Length: 5"), "refused", known="kept", why="as above"),
    Row("lines that end without CR", GOOD.replace(b"\r\n", b"\n"), "refused", known="kept", why="llhttp would then take it at the end of chunks, too"),
    Row("one line that ends without CR", header(b"X: a\nY: b"), "refused", known="kept", why="as above"),
    # --- lengths ---
    Row("zeros before the length", length(b"0002"), "kept"),
    Row("blanks behind the length", length(b"2  "), "kept"),
    Row("two different lengths", sized(b"ok", b"Content-Length: 3"), "refused"),
    Row("two different lengths in one", length(b"2, 3"), "refused"),
    Row("the same length twice", sized(b"ok", b"Content-Length: 2"), "refused", known="kept", why="RFC 9110, 8.6 allows both; event loops refuse it too"),
    Row("the same length twice in one", length(b"2, 2"), "refused", known="kept", why="as above"),
    Row("an empty length", length(b""), "refused", closes=True),
    Row("a negative length", length(b"-2"), "refused"),
    Row("a length with a plus", length(b"+2"), "refused"),
    Row("a length in hexadecimal", length(b"0x2"), "refused"),
    Row("a length with a space in it", length(b"2 2"), "refused"),
    Row("a length that overflows", length(b"18446744073709551618"), "refused", closes=True),
    Row("a space before the length's colon", written(b"Content-Length : 2"), "refused"),
    Row("a length and then chunked", written(b"Content-Length: 2", CHUNKED, body=TWO), "refused", known="kept", why="RFC 9112, 6.3: it may be an attack"),
    Row("chunked and then a length", written(CHUNKED, b"Content-Length: 2", body=TWO), "refused", known="kept", why="as above"),
    Row("a length among trailers", written(CHUNKED, body=in_chunks(b"ok", trailers=b"Content-Length: 5\r\n")), "refused", known="kept", why="as above"),
    Row("204 with a body", sized(b"ok", start=b"HTTP/1.1 204 X\r\n"), "closed", body=b"", status=204, known="kept", why="its bytes would begin the next response"),
    # --- codings ---
    Row("chunked in other letters", coded(b"chunked").replace(b"Transfer-Encoding", b"tRANSFER-eNCODING"), "kept"),
    Row("gzip", coded(b"gzip"), "refused", closes=True),
    Row("identity", coded(b"identity"), "refused", closes=True),
    Row("gzip, chunked", coded(b"gzip, chunked"), "refused"),
    Row("chunked, gzip", coded(b"chunked, gzip"), "refused", closes=True),
    Row("chunked twice", written(CHUNKED, CHUNKED, body=TWO), "refused"),
    Row("gzip and then chunked", written(b"Transfer-Encoding: gzip", CHUNKED, body=TWO), "refused"),
    Row("xchunked", coded(b"xchunked"), "refused", closes=True),
    Row("chunked in quotes", coded(b'"chunked"'), "refused", closes=True),
    Row("chunked with a parameter", coded(b"chunked;q=1"), "refused", closes=True),
    Row("chunked behind a control character", coded(b"\x0bchunked"), "refused", closes=True),
    Row("an empty coding", coded(b""), "refused", closes=True),
    # --- chunks ---
    Row("chunk size 0002", chunk(b"0002"), "kept"),
    Row("chunk size with blanks behind", chunk(b"2 \t"), "kept"),
    Row("chunk size -2", chunk(b"-2"), "refused"),
    Row("chunk size +2", chunk(b"+2"), "refused"),
    Row("chunk size 0x2", chunk(b"0x2"), "refused"),
    Row("chunk size 0_2", chunk(b"0_2"), "refused"),
    Row("chunk size 2G", chunk(b"2G"), "refused"),
    Row("chunk size of nothing", chunk(b""), "refused"),
    Row("chunk size with a space before", chunk(b" 2"), "refused"),
    Row("chunk size that overflows", chunk(b"10000000000000002"), "refused", closes=True),
    Row("chunk size behind twenty zeros", chunk(b"0" * 20 + b"2"), "kept", known="refused", why="it is still 2"),
    Row("a control character in an extension", chunk(b"2;\x01"), "refused", known="kept", why="none may hold one"),
    Row("a line end in an extension", chunk(b"2;a\n"), "refused"),
    Row("chunk lines without CR", written(CHUNKED, body=b"2\nok\n0\n\n"), "refused", closes=True),
    Row("chunk lines without LF", written(CHUNKED, body=b"2\rok\r0\r\r"), "refused", closes=True),
    Row("a chunk without a line end", written(CHUNKED, body=b"2\r\nok0\r\n\r\n"), "refused"),
    Row("a chunk that is longer", written(CHUNKED, body=b"2\r\nokk\r\n0\r\n\r\n"), "refused"),
    Row("a chunk that is shorter", written(CHUNKED, body=b"3\r\nok\r\n0\r\n\r\n"), "refused", closes=True),
    Row("a trailer without a colon", written(CHUNKED, body=in_chunks(b"ok", trailers=b"X y\r\n")), "refused"),
    # --- what has no bound of its own ---
    Row("10,000 of 100", CONTINUE * 10_000, "refused", closes=True),
    Row("7,000 of 100 and a response", CONTINUE * 7000 + GOOD, "refused", known="kept", why="180 KB of it"),
    Row("a trailer of 400 KB", written(CHUNKED, body=in_chunks(b"ok", trailers=b"X: " + b"y" * 400_000 + b"\r\n")), "refused"),
    Row("400 KB of trailers", written(CHUNKED, body=in_chunks(b"ok", trailers=b"X: yyyyy\r\n" * 40_000)), "refused"),
    Row("an extension of 400 KB", chunk(b"2;x=" + b"y" * 400_000), "refused"),
    # --- behind the response ---
    Row("another response behind it", GOOD + FORGED, "closed", known="kept", why="h11 takes it for the next answer"),
    Row("the first letter of another", GOOD + b"H", "closed", known="kept", why="as above"),
    Row("junk behind it", GOOD + b"junk", "closed", known="kept", why="it would spoil the next answer"),
    Row("a blank behind it", GOOD + b" ", "closed", known="kept", why="as above"),
    Row("NUL behind it", GOOD + b"\0", "closed", known="kept", why="as above"),
    Row("an empty line behind it", GOOD + b"\r\n", "kept"),
    Row("another response behind the last chunk", written(CHUNKED, body=TWO) + FORGED, "closed", known="kept", why="as above"),
    Row("another response behind nothing", sized(b"") + FORGED, "closed", body=b"", known="kept", why="as above"),
    Row("another response behind 204", written(body=b"", start=b"HTTP/1.1 204 X\r\n") + FORGED, "closed", body=b"", status=204, known="kept", why="as above"),
    Row("100 behind it", GOOD + CONTINUE, "closed", known="kept", why="as above"),
    Row("another response behind one that closes", sized(b"ok", b"Connection: close") + FORGED, "closed"),
]  # fmt: skip
