"""What HTTP itself costs in Python: httpx used well by hand, and bare sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from benchmarks.scenarios import KEY, MODEL

from .base import Subject, Take
from .client import messages


def _body(scenario: str, *, stream: bool) -> dict[str, Any]:
    return {"model": MODEL, "messages": messages(scenario), "stream": stream}


class Httpx(Subject):
    """httpx, pydantic's JSON parser, and lines split on bytes."""

    def bring(self) -> Any:
        import httpx
        import pydantic_core

        return httpx, pydantic_core.from_json

    def build(self) -> Any:
        httpx, from_json = self.bring()
        options: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {KEY}"},
            "verify": False,
            "timeout": None,
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=None),
        }
        return httpx.Client(**options), httpx.AsyncClient(**options), from_json

    def call(self, model: Any, scenario: str) -> str:
        response = model[0].post(self.base_url + "/chat/completions", json=_body(scenario, stream=False))
        return model[2](response.content)["choices"][0]["message"]["content"]

    async def acall(self, model: Any, scenario: str) -> str:
        response = await model[1].post(self.base_url + "/chat/completions", json=_body(scenario, stream=False))
        return model[2](response.content)["choices"][0]["message"]["content"]

    def _deltas(self, lines: list[bytes], from_json: Any) -> Any:
        for line in lines:
            if line.startswith(b"data: {"):
                choices = from_json(line[6:])["choices"]
                if choices:
                    yield choices[0]["delta"]

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        url, rest = self.base_url + "/chat/completions", b""
        with model[0].stream("POST", url, json=_body(scenario, stream=True)) as response:
            for data in response.iter_bytes():
                *lines, rest = (rest + data).split(b"\n")
                for delta in self._deltas(lines, model[2]):
                    if text := delta.get("content"):
                        take(text)

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        url, rest = self.base_url + "/chat/completions", b""
        async with model[1].stream("POST", url, json=_body(scenario, stream=True)) as response:
            async for data in response.aiter_bytes():
                *lines, rest = (rest + data).split(b"\n")
                for delta in self._deltas(lines, model[2]):
                    if text := delta.get("content"):
                        take(text)

    def tools(self, model: Any, scenario: str) -> str:
        url, rest, parts = self.base_url + "/chat/completions", b"", []
        with model[0].stream("POST", url, json=_body(scenario, stream=True)) as response:
            for data in response.iter_bytes():
                *lines, rest = (rest + data).split(b"\n")
                for delta in self._deltas(lines, model[2]):
                    parts += [call["function"]["arguments"] for call in delta.get("tool_calls") or ()]
        return "".join(parts)


class RawSocket(Subject):
    """No HTTP library: what the kernel and the JSON parser leave to be paid. It knows this server's way of writing."""

    def bring(self) -> Any:
        import pydantic_core

        return pydantic_core.from_json, pydantic_core.to_json

    def build(self) -> Any:
        port = int(self.host.rpartition(":")[2])
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, ("127.0.0.1", port), *self.bring(), {}

    @staticmethod
    def _request(model: Any, scenario: str, *, stream: bool) -> bytes:
        body = model[3](_body(scenario, stream=stream))
        head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
        )
        return head % (KEY.encode(), len(body)) + body

    @staticmethod
    def _missing(received: bytes) -> int:
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]) - len(body)

    def _text(self, model: Any, received: bytes) -> str:
        return model[2](received.partition(b"\r\n\r\n")[2])["choices"][0]["message"]["content"]

    def call(self, model: Any, scenario: str) -> str:
        model[0].sendall(self._request(model, scenario, stream=False))
        received = model[0].recv(65536)
        while self._missing(received) > 0:
            received += model[0].recv(262144)
        return self._text(model, received)

    async def _ends(self, model: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        if loop not in model[4]:
            model[4][loop] = await asyncio.open_connection(*model[1], limit=1 << 20)
        return model[4][loop]

    async def acall(self, model: Any, scenario: str) -> str:
        reader, writer = await self._ends(model)
        writer.write(self._request(model, scenario, stream=False))
        received = await reader.read(65536)
        while self._missing(received) > 0:
            received += await reader.read(262144)
        return self._text(model, received)

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        model[0].sendall(self._request(model, scenario, stream=True))
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):
            *lines, rest = (rest + model[0].recv(65536)).split(b"\n\n")
            self._take(model, lines, take)

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        reader, writer = await self._ends(model)
        writer.write(self._request(model, scenario, stream=True))
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):
            *lines, rest = (rest + await reader.read(65536)).split(b"\n\n")
            self._take(model, lines, take)

    @staticmethod
    def _take(model: Any, lines: list[bytes], take: Take) -> None:
        for line in lines:
            data = line.rpartition(b"data: ")[2]
            if data[:1] == b"{" and (choices := model[2](data)["choices"]):
                text = choices[0]["delta"].get("content")
                if text:
                    take(text)
