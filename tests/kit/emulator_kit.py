"""Shared by the emulator's tests: short ways to ask it over HTTP, with or without a client library."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator import Emulator

MODEL = "gemma-4-31B-it"


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def tool(name: str, description: str = "", required: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    needed = list(properties) if required is None else required
    schema = {"type": "object", "properties": properties, "required": needed}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def body(prompt: Any = "Hello", **fields: Any) -> dict[str, Any]:
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    return {"model": MODEL, "messages": messages, **fields}


class Asker:
    """One httpx client on one emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.http = httpx.Client(
            base_url=emulator.base_url,
            headers={"authorization": f"Bearer {emulator.api_key}"},
            timeout=5,
            verify=False,
        )

    def post(self, prompt: Any = "Hello", **fields: Any) -> httpx.Response:
        return self.http.post("/chat/completions", json=body(prompt, **fields))

    def message(self, prompt: Any, **fields: Any) -> dict[str, Any]:
        response = self.post(prompt, **fields)
        assert response.status_code == 200, response.text
        message: dict[str, Any] = response.json()["choices"][0]["message"]
        return message

    def says(self, prompt: Any, **fields: Any) -> str:
        text: str = self.message(prompt, **fields)["content"]
        return text

    def calls(self, prompt: Any, tools: list[dict[str, Any]], **fields: Any) -> list[tuple[str, Any]]:
        found = self.message(prompt, tools=tools, **fields).get("tool_calls", ())
        return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in found]

    def stream(self, prompt: Any = "Hello", **fields: Any) -> list[Any]:
        """Read a stream to its end: chunks as objects, `[DONE]` as text."""
        response = self.post(prompt, stream=True, **fields)
        assert response.status_code == 200, response.text
        data = [line[5:].strip() for line in response.text.splitlines() if line.startswith("data:")]
        return [text if text == "[DONE]" else json.loads(text) for text in data]


def raw_request(emulator: Emulator, payload: Mapping[str, Any] | None = None, *, close: bool = True) -> bytes:
    """Spell out a chat request."""
    data = json.dumps(payload or body()).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {emulator.api_key}\r\n"
        f"content-length: {len(data)}\r\n{'connection: close' if close else 'x-nothing: 1'}\r\n\r\n"
    )
    return head.encode() + data


def connect(emulator: Emulator) -> socket.socket:
    port = int(emulator.base_url.rsplit(":", 1)[1].split("/")[0])
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def raw(emulator: Emulator, payload: Mapping[str, Any] | None = None) -> tuple[bytes, str]:
    """Ask over a bare socket; returns every byte that came and how it ended: `fin`, `rst` or `timeout`."""
    received = b""
    with connect(emulator) as sock:
        sock.sendall(raw_request(emulator, payload))
        sock.settimeout(1)
        while True:
            try:
                data = sock.recv(65536)
            except ConnectionResetError:
                return received, "rst"
            except TimeoutError:
                return received, "timeout"
            if not data:
                return received, "fin"
            received += data


def chunks_of(received: bytes) -> list[bytes]:
    """Undo chunked framing, chunk by chunk; an unfinished one is dropped."""
    rest = received.partition(b"\r\n\r\n")[2]
    found = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length or len(rest) < length + 2:
            break
        found.append(rest[:length])
        rest = rest[length + 2 :]
    return found
