"""How a connection goes through a SOCKS5 proxy (RFC 1928, 1929), by socksio.

httpcore waits for such a proxy without any limit.
"""

from __future__ import annotations

from typing import Any, Protocol

import httpx


class Readable(Protocol):
    """A connected socket."""

    async def read(self, ends: float) -> bytes:
        """Return what has come."""

    async def write(self, data: bytes, limit: float | None, ends: float) -> bool:
        """Send bytes."""


async def open_socks(socket: Readable, host: str, port: int, proxy: httpx.Proxy, ends: float) -> None:
    """Ask a proxy to lead a connection on to a host, whose name it looks up.

    Raises:
        httpx.ProxyError: It refused.
    """
    from socksio import socks5  # noqa: PLC0415  an extra of httpx, which reports it if it is missing
    from socksio.exceptions import ProtocolError as MalformedError  # noqa: PLC0415

    connection = socks5.SOCKS5Connection()

    async def answer_to(request: Any) -> Any:
        connection.send(request)
        await socket.write(connection.data_to_send(), None, ends)
        data = await socket.read(ends)
        try:
            return connection.receive_data(data)
        except (MalformedError, ValueError):
            return None

    method = socks5.SOCKS5AuthMethod.USERNAME_PASSWORD if proxy.raw_auth else socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED
    chosen = await answer_to(socks5.SOCKS5AuthMethodsRequest([method]))
    if getattr(chosen, "method", None) != method:
        raise httpx.ProxyError("that it " + ("takes no password" if proxy.raw_auth else "wants a password"))
    if proxy.raw_auth:
        admitted = await answer_to(socks5.SOCKS5UsernamePasswordRequest(*proxy.raw_auth))
        if not getattr(admitted, "success", False):
            message = "that the user name or password is wrong"
            raise httpx.ProxyError(message)
    command = socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (host, port))
    code = getattr(await answer_to(command), "reply_code", None)
    if code != socks5.SOCKS5ReplyCode.SUCCEEDED:
        raise httpx.ProxyError(getattr(code, "name", "what is not SOCKS5").replace("_", " ").lower())
