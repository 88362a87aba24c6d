"""TLS on this machine, with certificates that are made for the test: a front that passes bytes on to the emulator."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import trustme


class Server:
    """An asyncio server in a thread of its own."""

    def __init__(self, serve: Callable[..., Awaitable[None]], context: ssl.SSLContext | None = None) -> None:
        self._serve, self._context = serve, context
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self.connections = 0
        self.port = 0

    async def _run(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # clients that refuse a certificate are what is tested
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0.01)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            await self._serve(reader, writer)
        except OSError:
            pass  # the client left
        finally:
            writer.close()
            self._open.discard(writer)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()


class Authority:
    """Signs certificates; `file` is what clients are to trust."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def server_context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1) if expired else None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*names, not_after=yesterday).configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


def passing_on(
    base_url: str, *, cut_after: int | None = None, times: int = 1_000_000
) -> Callable[..., Awaitable[None]]:
    """Return a server that hands everything to the emulator and back.

    Args:
        base_url: The emulator's.
        cut_after: Bytes of responses after which the connection is cut, without the close_notify that TLS asks for.
        times: How many connections are cut.
    """
    target = urlsplit(base_url)
    cuts = iter(range(times))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ahead: bytes = b"") -> None:
        limit = cut_after if cut_after is not None and next(cuts, None) is not None else None
        inner, outer = await asyncio.open_connection(target.hostname, target.port)
        outer.write(ahead)
        up = asyncio.create_task(_copy(reader, outer))
        try:
            await _copy(inner, writer, limit)
        finally:
            up.cancel()
            outer.close()
        if limit is not None:
            _cut(writer)

    return serve


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None = None) -> None:
    while (limit is None or limit > 0) and (data := await reader.read(65_536 if limit is None else limit)):
        writer.write(data)
        await writer.drain()
        if limit is not None:
            limit -= len(data)


def _cut(writer: asyncio.StreamWriter) -> None:
    """End the TCP connection under the TLS one."""
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as raw, suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)
