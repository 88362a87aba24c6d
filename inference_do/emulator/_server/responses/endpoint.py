"""`POST /v1/responses`: from a request's body to its response."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import ServerResponse, json_response, request_id
from inference_do.emulator._server.named_events import named_events

from .events import events_of
from .family import is_openai
from .output import output_of
from .request import read_request
from .response import begun_response, response_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator._server.wires import WireCall

    from .store import StoredResponses


def respond(body: Mapping[str, Any], call: WireCall, stored: StoredResponses) -> ServerResponse:
    """Answer a request.

    Raises:
        Refusal: What the API would refuse.
    """
    info = call.info
    if call.allow_unknown:
        body = {name: value for name, value in body.items() if value is not None}
    asked = read_request(body, info, stored, allow_unknown=call.allow_unknown)
    quirks = replace(call.quirks, usage_excludes_cached=False)
    completion, search, quirks = call.complete(asked.chat, quirks, forces_search=asked.tools.forces_search)
    output = output_of(completion, asked, body, info, search)
    ended = response_of(completion, asked, body, info, output)
    if search is not None and "tool_usage" in ended:
        ended["tool_usage"] = {**ended["tool_usage"], "web_search": {"num_requests": 1}}
    if body.get("store", True):
        stored.keep(ended["id"], asked.items, output)
    tokens = ended["usage"].get("total_tokens") or 0
    if not body.get("stream"):
        return json_response(ended, headers=call.headers, kind=quirks.json_content_type, tokens=tokens)
    wants = (body.get("stream_options") or {}).get("include_obfuscation", True)
    events = events_of(
        begun_response(completion, asked, body, info),
        ended,
        quirks,
        openai=is_openai(info),
        padded=is_openai(info) and quirks.obfuscation and wants,
    )
    kind = (("content-type", quirks.stream_content_type), ("cache-control", "no-cache"))
    headers = (*kind, *call.headers, request_id())
    return ServerResponse(headers=headers, pieces=named_events(events, quirks), chunked=True, tokens=tokens)
