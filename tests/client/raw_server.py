"""A server that plays a function to each connection, and responses for it to send.

Unlike the emulator it knows nothing of HTTP but where a request ends, so it can send whatever no server should.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import trustme
from client_modes import FAR_OFF

# --- what is answered ---


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in [f"HTTP/1.1 {status}", *lines, ""]).encode()


def sized(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    """Write a response with its length."""
    return head(f"Content-Length: {len(body)}", *lines, status=status) + body


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def completion(text: str) -> bytes:
    """Write the body of a whole answer."""
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


def event(raw: Any) -> bytes:
    return b"data: " + (raw if isinstance(raw, bytes) else json.dumps(raw).encode()) + b"\n\n"


def delta(reason: str | None = None, index: int = 0, **answered: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": answered, "finish_reason": reason}]}


def events(text: str) -> bytes:
    """Write the body of a streamed answer."""
    return event(delta(role="assistant", content=text)) + event(delta("stop")) + event(b"[DONE]")


STREAM_HEAD = head("Content-Type: text/event-stream", "Transfer-Encoding: chunked")
STREAM_END = chunked(b"")
MODELS = sized(b'{"object": "list", "data": [{"id": "m", "object": "model"}]}', "Content-Type: application/json")


def answer(text: str, *, streamed: bool) -> bytes:
    """Write a whole response with an answer, to a request for a stream or for all of it."""
    if streamed:
        return STREAM_HEAD + chunked(events(text)) + STREAM_END
    return sized(completion(text), "Content-Type: application/json")


def is_streamed(request: bytes) -> bool:
    return b'"stream":true' in request


# --- the server ---


class Peer:
    """The client at the other end of a connection."""

    def __init__(self, server: RawServer, raw: socket.socket, number: int) -> None:
        self.raw, self.number = raw, number
        self._server = server
        self._received = b""

    def take(self) -> bytes:
        """Read the next request to its end, and count it; nothing if the client has left."""
        while b"\r\n\r\n" not in self._received:
            if not (data := self.raw.recv(65536)):
                return b""
            self._received += data
        before, _, rest = self._received.partition(b"\r\n\r\n")
        named = [
            line.partition(b":")[2] for line in before.lower().split(b"\r\n") if line.startswith(b"content-length")
        ]
        parts, size, length = [rest], len(rest), sum(map(int, named))
        while size < length and (data := self.raw.recv(65536)):
            parts.append(data)
            size += len(data)
        body = b"".join(parts)
        self._received = body[length:]
        request = before + b"\r\n\r\n" + body[:length]
        self._server.requests.append(request)
        return request

    def send(self, *parts: bytes, every: float = 0.0) -> None:
        for number, part in enumerate(parts):
            if number:
                self.pause(every)
            self.raw.sendall(part)

    def pause(self, seconds: float) -> None:
        """Wait; the server's end ends it."""
        if seconds and self._server.is_over.wait(seconds):
            raise ConnectionAbortedError

    def wait_for_end(self) -> None:
        """Wait until the client leaves."""
        while self.raw.recv(65536):
            pass

    def reset(self) -> None:
        """End the connection without its goodbye."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.raw.close()


class RawServer:
    """Plays a function to each connection, in a thread of its own.

    Args:
        play: What is done with a client; the connection is closed when it returns.
        context: TLS, spoken before `play` is called.
        before_tls: Seconds that the handshake waits.
        host: The address to listen at.
        window: Bytes that the system takes for a server that does not read.
    """

    def __init__(
        self,
        play: Callable[[Peer], Any],
        *,
        context: ssl.SSLContext | None = None,
        before_tls: float = 0.0,
        host: str = "127.0.0.1",
        window: int | None = None,
    ) -> None:
        self._play, self._context, self._before_tls = play, context, before_tls
        self._listener = socket.socket()
        if window is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self._listener.bind((host, 0))
        self._listener.listen(100)
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self.is_over = threading.Event()
        self.address: tuple[str, int] = self._listener.getsockname()
        self.port = self.address[1]
        self.url = f"{'https' if context else 'http'}://{'localhost' if context else host}:{self.port}/v1"
        self.connections = 0
        self.requests: list[bytes] = []

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._accept))
        self._threads[0].start()
        return self

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(raw, self.connections)))
                self._threads[-1].start()

    def _serve(self, raw: socket.socket, number: int) -> None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.settimeout(FAR_OFF)
        self._open.add(raw)
        with suppress(OSError):
            if self._context is not None:
                Peer(self, raw, number).pause(self._before_tls)
                self._open.discard(raw)
                raw = self._context.wrap_socket(raw, server_side=True)
                self._open.add(raw)
            self._play(Peer(self, raw, number))
        self._open.discard(raw)
        raw.close()

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for raw in [self._listener, *self._open]:
            with suppress(OSError):
                socket.socket.shutdown(raw, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        self._listener.close()


def serving(*responses: bytes | Callable[[Peer], Any]) -> Callable[[Peer], None]:
    """Return what answers the requests of all connections with these, one after another, and the last one for ever.

    A function is called with the client, after its request was read, in place of an answer.
    """
    left = list(responses)

    def play(peer: Peer) -> None:
        while peer.take():
            response = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(response, bytes):
                peer.send(response)
            else:
                response(peer)

    return play


def silent(peer: Peer) -> None:
    """Read, and say nothing."""
    peer.wait_for_end()


def answering(peer: Peer) -> None:
    """Answer every request as one should."""
    while request := peer.take():
        peer.send(answer("right", streamed=is_streamed(request)))


class SocksServer(RawServer):
    """A SOCKS5 proxy (RFC 1928, 1929) that takes every name for one address."""

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(self._lead)
        self._target = target
        self.asked: list[tuple[bytes, int]] = []
        self.logins: list[tuple[bytes, bytes]] = []

    def _lead(self, peer: Peer) -> None:
        client = peer.raw.makefile("rb")
        with client:
            _, count = client.read(2)
            if 2 in client.read(count):
                peer.send(b"\5\2")
                client.read(1)
                self.logins.append((client.read(client.read(1)[0]), client.read(client.read(1)[0])))
                peer.send(b"\1\0")
            else:
                peer.send(b"\5\0")
            kind = client.read(4)[3]
            name = client.read(client.read(1)[0]) if kind == 3 else client.read(4 if kind == 1 else 16)
            self.asked.append((name, int.from_bytes(client.read(2))))
        with socket.create_connection(self._target) as onward:
            peer.send(b"\5\0\0\1\0\0\0\0\0\0")
            back = threading.Thread(target=_copy, args=(onward, peer.raw))
            back.start()
            _copy(peer.raw, onward)
            back.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for either in (source, target):
        with suppress(OSError):
            either.shutdown(socket.SHUT_RDWR)


def authority() -> tuple[str, ssl.SSLContext]:
    """Return an authority, as `ca` takes it, and a server's context with a certificate that it signed."""
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("localhost", "api.test").configure_cert(context)
    return made.cert_pem.bytes().decode(), context


STEP = 0.02
"""Seconds that a thread sleeps to see how late it is woken."""


@contextmanager
def timed(most: float) -> Iterator[None]:
    """Fail if this takes longer, not counting what a busy machine keeps any thread of this process waiting."""
    is_over = threading.Event()
    held_up = 0.0

    def watch() -> None:
        nonlocal held_up
        while not is_over.is_set():
            begun = time.monotonic()
            is_over.wait(STEP)
            held_up += max(0.0, time.monotonic() - begun - STEP)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    started = time.monotonic()
    try:
        yield
        taken = time.monotonic() - started
    finally:
        is_over.set()
        watching.join()
    assert taken - held_up < most, f"{taken:.2f} s, {held_up:.2f} of them of the machine"
