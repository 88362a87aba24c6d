"""`POST /v1/messages`: from a request's body to its response."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import ServerResponse, json_response, request_id
from inference_do.emulator._server.named_events import named_events

from .content import blocks_of
from .events import events_of
from .request import read_request
from .response import message_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator._server.wires import WireCall


def respond(body: Mapping[str, Any], call: WireCall) -> ServerResponse:
    """Answer a request.

    Raises:
        Refusal: What the API would refuse.
    """
    info = call.info
    if call.allow_unknown:
        body = {name: value for name, value in body.items() if value is not None}
    asked = read_request(body, info, allow_unknown=call.allow_unknown)
    quirks = replace(call.quirks, usage_excludes_cached=True)
    completion, search, quirks = call.complete(asked.chat, quirks, forces_search=asked.tools.forces_search)
    written = blocks_of(
        completion.answers[0],
        info,
        search,
        shows_thinking=asked.shows_thinking,
        redacts=quirks.redacted_thinking,
    )
    is_stream = bool(body.get("stream"))
    message = message_of(
        completion,
        info,
        written,
        search,
        has_long_marks='"ttl": "1h"' in str(body).replace("'", '"'),
        is_stream=is_stream,
    )
    usage = message["usage"]
    tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    if not is_stream:
        return json_response(message, headers=call.headers, kind=quirks.json_content_type, tokens=tokens)
    events = events_of(message, written, info, quirks)
    kind = (("content-type", quirks.stream_content_type), ("cache-control", "no-cache"))
    headers = (*kind, *call.headers, request_id())
    return ServerResponse(headers=headers, pieces=named_events(events, quirks), chunked=True, tokens=tokens)
