"""Shared by the tests of the emulator's wires beside chat completions: ways to ask it, and to read its events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from inference_do.emulator import Emulator

OPENAI, PLAIN_OPENAI, HOSTED, CLAUDE, CLAUDE_5 = (
    "openai-gpt-5.4",
    "openai-gpt-6-astra",
    "hosted-thinker",
    "anthropic-claude-haiku-4.5",
    "anthropic-claude-sonnet-5.5",
)
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
BOTH = "What is the weather in Paris and London?"
PNG = "iVBORw0KGgo="


class WireAsker:
    """One httpx client on one of the emulator's wires."""

    def __init__(self, emulator: Emulator, path: str, **defaults: Any) -> None:
        self.emulator = emulator
        self.path = path
        self.defaults = defaults
        self.http = httpx.Client(
            base_url=emulator.base_url,
            headers={"authorization": f"Bearer {emulator.api_key}"},
            timeout=5,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def post(self, **fields: Any) -> httpx.Response:
        return self.http.post(self.path, json={**self.defaults, **fields})

    def whole(self, **fields: Any) -> dict[str, Any]:
        response = self.post(**fields)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def refused(self, **fields: Any) -> str:
        """Return why a request is refused with 400, in this wire's shape of errors."""
        response = self.post(**fields)
        assert response.status_code == 400, response.text
        body = response.json()
        if self.path == "/messages":
            assert body["type"] == "error"
            assert body["error"].keys() == {"type", "message"}
        else:
            assert body["error"].keys() == {"type", "message", "param", "code"}
        assert body["error"]["type"] == "invalid_request_error"
        message: str = body["error"]["message"]
        return message

    def events(self, **fields: Any) -> list[dict[str, Any]]:
        response = self.post(stream=True, **fields)
        assert response.status_code == 200, response.text
        return events_in(response.text)


def events_in(text: str) -> list[dict[str, Any]]:
    """Return a stream's events; each is named by its type."""
    found = []
    for block in filter(None, text.split("\n\n")):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def deltas_of(events: list[dict[str, Any]], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")
