"""Record and replay: what answers the emulator's requests in place of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do._secrets import Secrets
from inference_do.emulator._http import ServerResponse, json_response
from inference_do.emulator._json import to_json
from inference_do.emulator._wire_errors import event_bytes, wire_error, wire_of

from ._cassettes import Cassette, RecordedExchange, as_json, canonical, difference, events_of, readable
from ._guard import recording

if TYPE_CHECKING:
    from inference_do.emulator import Request

PASSING = frozenset({408, 429})
"""Statuses that say nothing of the request; as those from 500 up, they are handed on and not recorded."""
KEPT_HEADERS = ("content-type", "retry-after")
SENT_HEADERS = ("content-type", "accept", "x-model-affinity", "anthropic-version", "anthropic-beta")
SECONDS = 600.0


class Player:
    """Answers from a recording; each exchange once, in whatever order they are asked for."""

    def __init__(self, cassette: Cassette) -> None:
        self._left = list(cassette.exchanges)
        self._secrets = Secrets()
        self.problems: list[str] = []

    def __call__(self, request: Request) -> ServerResponse:
        """Answer a request with what was recorded for it; a request that was not recorded gets 400."""
        asked = self._secrets.hide(canonical(request))
        for position, exchange in enumerate(self._left):
            if exchange.request == asked:
                del self._left[position]
                return response_of(exchange.response)
        message = f"{request.method} {request.path} is not in the recording"
        self.problems.append(f"{message}:\n{difference(asked, self._left)}")
        text = f"{message}; the test reports how it differs, and --digitalocean-record records it anew"
        return json_response(wire_error(wire_of(request.path), 400, text), status=400)

    @property
    def unused(self) -> list[str]:
        """What was recorded and has not been asked for."""
        return [readable(exchange.request)[:300] for exchange in self._left]


class Recorder:
    """Hands requests on to the real API, and keeps what comes back.

    Requests are handed on one after another, and a stream when it is over.

    Args:
        cassette: Takes the exchanges.
        base_url: Of the real API.
        key: For it; it is in no file.
    """

    def __init__(self, cassette: Cassette, *, base_url: str, key: str) -> None:
        self.cassette = cassette
        self._base_url, self._key = base_url, key
        self._secrets = Secrets(key)
        self.problems: list[str] = []
        self.unused: list[str] = []

    def __call__(self, request: Request) -> ServerResponse:
        """Answer a request with the real API's response."""
        import httpx  # noqa: PLC0415  only where somebody records

        headers = {name: request.headers[name] for name in SENT_HEADERS if name in request.headers}
        url = self._base_url + request.path.removeprefix("/v1") + (f"?{request.query}" if request.query else "")
        try:
            with recording(), httpx.Client(timeout=SECONDS) as client:
                answered = client.request(
                    request.method,
                    url,
                    content=request.body,
                    headers={**headers, "authorization": f"Bearer {self._key}"},
                )
        except httpx.HTTPError as error:
            text = f"the real API could not be asked: {type(error).__name__}"
            self.problems.append(f"{text}: {self._secrets.hide(str(error))}")
            return json_response(wire_error(wire_of(request.path), 400, text), status=400)
        response = self._secrets.hide(recorded(answered.status_code, dict(answered.headers), answered.content))
        self._secrets.hide_split(response.get("events", []))
        if answered.status_code not in PASSING and answered.status_code < 500:  # noqa: PLR2004  failures of the server
            asked = self._secrets.hide(canonical(request))
            self.cassette.exchanges.append(RecordedExchange(request=asked, response=response))
        return response_of(response)


def recorded(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Return a response as a recording has it."""
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    content: dict[str, Any]
    if kept.get("content-type", "").startswith("text/event-stream"):
        content = {"events": events_of(body)}
    else:
        text = body.decode("utf-8", "replace")
        value = as_json(text)
        content = {"text" if isinstance(value, str) else "json": value}
    return {"status": status, "headers": kept, **content}


def response_of(response: dict[str, Any]) -> ServerResponse:
    """Return what the emulator sends for a recorded response."""
    is_stream = "events" in response
    if is_stream:
        pieces = tuple(
            event_bytes(event.get("event"), _bytes(event["data"]).replace(b"\n", b"\ndata: "))
            for event in response["events"]
        )
    else:
        pieces = (_bytes(response["json"] if "json" in response else response.get("text", "")),)
    headers = tuple(response.get("headers", {}).items())
    return ServerResponse(status=response["status"], headers=headers, pieces=pieces, chunked=is_stream)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else to_json(value)
