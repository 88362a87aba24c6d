"""The server that everybody is measured against: sockets, bytes made beforehand, and a process of its own.

    python -m benchmarks.server

It prints two ports: one answers requests, one answers each line with what the server has done so far (`stats`), as
JSON, and forgets it (`reset`). It runs until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import time
from functools import cache
from typing import Any

from . import apis, scenarios

HOLD_SECONDS = 30.0


class Counters:
    """What the server has done since it was last reset."""

    def __init__(self) -> None:
        self.open = 0
        self.reset()

    def reset(self) -> None:
        self.connections = self.requests = 0
        self._cpu, self._started = _cpu_seconds(), time.monotonic()

    def stats(self) -> dict[str, Any]:
        return {
            "connections": self.connections,
            "open": self.open,
            "requests": self.requests,
            "cpu_s": _cpu_seconds() - self._cpu,
            "wall_s": time.monotonic() - self._started,
        }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@cache
def _reply(scenario: str, *, streamed: bool, path: str = "") -> bytes:
    if path in apis.EVENTS:
        return apis.stream_reply(path, scenario)
    return scenarios.stream_reply(scenario) if streamed else scenarios.whole_reply(scenario)


class Connection(asyncio.Protocol):
    """One client's connection: requests in, responses out."""

    waiting: dict[str, list[Connection]] = {}  # noqa: RUF012  of all connections: who is held until enough have come

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._counters.connections += 1
        self._counters.open += 1

    def connection_lost(self, _: Exception | None) -> None:
        self._counters.open -= 1
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = bytes(received[:end]).lower()
            if b"expect: 100-continue" in head:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            start = end + 4
            if b"transfer-encoding: chunked" in head:
                if (stop := received.find(b"0\r\n\r\n", start)) < 0:
                    return
                stop += 5
            else:
                stop = start + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(received) < stop:
                return
            body = bytes(received[start:stop])
            del received[:stop]
            self._answer(head.split(b" ", 2)[1].decode(), body)

    def _answer(self, path: str, body: bytes) -> None:
        self._counters.requests += 1
        if path.endswith("/embeddings"):
            asked = json.loads(body)
            packed = asked.get("encoding_format") == "base64"
            self._transport.write(scenarios.vectors_reply(len(asked["input"]), packed=packed))
            return
        named = scenarios.NAMED.search(body)
        scenario = named[1].decode() if named else "text"
        streamed = b'"stream":true' in body or b'"stream": true' in body
        match scenario.split("-"):
            case ["paced", count, pause]:
                self._transport.write(scenarios.stream_begin())
                seconds = int(pause) / 1000
                self._pace(0, int(count), seconds, self._loop.time() + seconds)
            case ["hold", count]:
                self._hold(scenario, int(count), streamed=streamed)
            case _:
                self._transport.write(_reply(scenario, streamed=streamed, path=path))

    def _pace(self, number: int, count: int, seconds: float, at: float) -> None:
        if number:
            self._transport.write(scenarios.event({"content": f"{number}@{time.monotonic_ns()} "}))
        if number == count:
            self._transport.write(scenarios.stream_end("stop"))
            return
        self._timer = self._loop.call_at(at, self._pace, number + 1, count, seconds, at + seconds)

    def _hold(self, scenario: str, count: int, *, streamed: bool) -> None:
        held = self.waiting.setdefault(scenario, [])
        held.append(self)
        if len(held) == 1:
            self._loop.call_later(HOLD_SECONDS, self._let_go, scenario, held, streamed)
        if len(held) >= count:
            self._let_go(scenario, held, streamed)

    def _let_go(self, scenario: str, held: list[Connection], streamed: bool) -> None:
        if self.waiting.get(scenario) is held:
            del self.waiting[scenario]
            for connection in held:
                connection._transport.write(_reply("text", streamed=streamed))  # noqa: SLF001  the same class


async def _control(counters: Counters, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readline()
    if line.strip() == b"reset":
        counters.reset()
    writer.write(json.dumps(counters.stats()).encode())
    writer.close()


async def _serve() -> None:
    loop, counters = asyncio.get_running_loop(), Counters()
    listener = await loop.create_server(lambda: Connection(counters), "127.0.0.1", 0, backlog=4096)
    control = await asyncio.start_server(lambda *ends: _control(counters, *ends), "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], control.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
