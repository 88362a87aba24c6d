"""A server that sends what it is told, and two clients that read it: ours, and httpcore's with h11."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Self

import httpcore
from inference_do._http import Address, Outgoing
from inference_do._http11 import Connection, ProtocolError
from inference_do._sockets import Socket, Sockets

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
PATIENCE = {"connect": 5.0, "pool": 5.0, "write": 5.0, "read": 5.0}
INCOMPLETE = ("without sending complete message", "disconnected without sending")
"""How httpcore and h11 say that the connection ended before the reply."""


def reply(*headers: bytes, body: bytes = b"ok", start: bytes = OK) -> bytes:
    """Write a reply; its headers have no line ends."""
    return start + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def sized(body: bytes, *headers: bytes, start: bytes = OK) -> bytes:
    """Write a reply that tells the length of its body."""
    return reply(b"Content-Length: %d" % len(body), *headers, body=body, start=start)


def in_chunks(*chunks: bytes, trailers: bytes = b"") -> bytes:
    """Write a body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"


@dataclass(frozen=True)
class Script:
    """What a server sends on one connection: a list of pieces for each request; then it closes, or waits for that."""

    answers: list[Iterable[bytes]]
    closes: bool = False


class ScriptedServer:
    """Plays a script to each connection, in the order in which they are put."""

    def __init__(self, prepare: Callable[[socket.socket], socket.socket] = lambda peer: peer) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._scripts: SimpleQueue[Script | None] = SimpleQueue()
        self._prepare = prepare
        self._thread = threading.Thread(target=self._run)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.heads: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._scripts.put(None)
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def will(self, *answers: bytes | Iterable[bytes], closes: bool = False) -> None:
        """Play this on the next connection."""
        pieces = [[answer] if isinstance(answer, bytes) else answer for answer in answers]
        self._scripts.put(Script(pieces, closes))

    def _run(self) -> None:
        while (script := self._scripts.get()) is not None:
            accepted, _ = self._listener.accept()
            self.connections += 1
            with suppress(OSError), accepted:
                accepted.settimeout(10)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._prepare(accepted) as peer:
                    self._play(peer, script)

    def _play(self, peer: socket.socket, script: Script) -> None:
        for pieces in script.answers:
            if not (head := take_request(peer)):
                return
            self.heads.append(head)
            for piece in pieces:
                peer.sendall(piece)
        if script.closes:
            peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


def take_request(peer: socket.socket) -> bytes:
    """Read a request to its end; return its head, or nothing if the peer has none."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (more := peer.recv(65536)):
            return b""
        request += more
    head, _, body = request.partition(b"\r\n\r\n")
    told = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = sum(map(int, told)) - len(body)
    while left > 0 and (more := peer.recv(65536)):
        left -= len(more)
    return head


@dataclass(frozen=True)
class Seen:
    """What a client made of a reply."""

    verdict: str
    """`kept` for another request, `closed` behind it, or `refused`."""
    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    """What was handed out, also before it was refused."""
    reason: str = field(default="", compare=False)

    @property
    def is_cut(self) -> bool:
        """Whether it was refused because it was not whole."""
        return any(words in self.reason for words in INCOMPLETE)


class InPieces:
    """Reads no more at once than it is told, so that each test cuts where it means to.

    Args:
        sizes: The most bytes of each read; after that, as many as come.
        prepare: Is given the socket when it is connected.
    """

    def __init__(self, sizes: Iterable[int] = (), *, prepare: Callable[[socket.socket], Any] = lambda _: None) -> None:
        self._sizes = iter(sizes)
        self._prepare = prepare
        self.count = 0

    def of(self, inner: Any) -> _Pieces:
        self._prepare(inner.get_extra_info("socket"))
        return _Pieces(inner, self)

    def size(self, most: int) -> int:
        return min(most, next(self._sizes, most))


class _Pieces(httpcore.NetworkStream):
    def __init__(self, inner: Any, pieces: InPieces) -> None:
        self._inner, self._pieces = inner, pieces
        self.write, self.close, self.get_extra_info = inner.write, inner.close, inner.get_extra_info

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        size = self._pieces.size(max_bytes)
        data: bytes = self._inner.read(size, timeout)
        while size < max_bytes and len(data) < size and (more := self._inner.read(size - len(data), timeout)):
            data += more
        self._pieces.count += len(data)
        return data


class _OurSockets(Sockets):
    def __init__(self, pieces: InPieces) -> None:
        super().__init__()
        self._pieces = pieces

    def connect(self, *args: Any) -> Socket:
        made = super().connect(*args)
        made._inner = self._pieces.of(made._inner)
        return made


class _TheirSockets(httpcore.NetworkBackend):
    def __init__(self, pieces: InPieces) -> None:
        self._pieces = pieces

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return self._pieces.of(httpcore.SyncBackend().connect_tcp(*args, **options))


def asked(port: int) -> Outgoing:
    return Outgoing("GET", Address("http", "127.0.0.1", port, f"127.0.0.1:{port}", "/"), {}, None)


def connected(port: int, pieces: InPieces | None = None, *, keepalive: float = 60) -> Connection:
    """Return a connection of ours that nobody has used yet."""
    return Connection(asked(port).address, None, _OurSockets(pieces or InPieces()), keepalive)


def ours(port: int, pieces: InPieces) -> Seen:
    """Ask through a connection of ours."""
    connection = connected(port, pieces)
    received: list[bytes] = []
    try:
        answer = connection.send(asked(port), PATIENCE)
        for piece in answer:
            assert piece
            received.append(piece)
        answer.close()
    except ProtocolError as error:
        assert not connection.is_available()
        return Seen("refused", body=b"".join(received), reason=str(error))
    else:
        headers = tuple((name.lower(), value) for name, value in answer.headers)
        verdict = "kept" if connection.is_available() else "closed"
        return Seen(verdict, answer.status, headers, b"".join(received))
    finally:
        connection.close()


def theirs(port: int, pieces: InPieces) -> Seen:
    """Ask through a connection of httpcore's."""
    received: list[bytes] = []
    address = f"http://127.0.0.1:{port}/"
    to = httpcore.Origin(b"http", b"127.0.0.1", port)
    with httpcore.HTTPConnection(to, keepalive_expiry=60, network_backend=_TheirSockets(pieces)) as connection:
        try:
            request = httpcore.Request("GET", address, headers=[("Host", "x")], extensions={"timeout": PATIENCE})
            answer = connection.handle_request(request)
            received.extend(_body(answer))
            answer.close()
        except httpcore.ProtocolError as error:
            assert not connection.is_available()
            return Seen("refused", body=b"".join(received), reason=str(error))
        headers = tuple((name.lower(), value) for name, value in answer.headers)
        verdict = "kept" if connection.is_available() else "closed"
        return Seen(verdict, answer.status, headers, b"".join(received))


def _body(answer: httpcore.Response) -> Iterator[bytes]:
    assert isinstance(answer.stream, Iterable)
    return iter(answer.stream)


def both(server: ScriptedServer, raw: bytes, sizes: Iterable[int] = (), *, closes: bool = False) -> tuple[Seen, Seen]:
    """Have a reply read by both, in the same pieces."""
    seen = []
    for ask in (ours, theirs):
        server.will(raw, closes=closes)
        seen.append(ask(server.port, InPieces(sizes)))
    return seen[0], seen[1]
