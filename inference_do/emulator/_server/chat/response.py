"""The response to a chat completions request: a body, or a stream of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import HeaderList, ServerResponse, json_response, request_id
from inference_do.emulator._server.sse import data_events

from .body import body_of
from .chunks import chunks_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator._server.completion import Completion
    from inference_do.emulator.quirks import Quirks


def chat_response(
    request: Mapping[str, Any],
    completion: Completion,
    quirks: Quirks,
    *,
    headers: HeaderList = (),
) -> ServerResponse:
    """Return a completion in the way that the request asks for.

    Args:
        request: The canonical request.
        completion: The completion.
        quirks: The habits to copy.
        headers: Further headers.
    """
    tokens = completion.usage.get("total_tokens") or 0
    if not request.get("stream"):
        body = body_of(completion, quirks)
        return json_response(body, headers=headers, kind=quirks.json_content_type, tokens=tokens)
    wanted = bool((request.get("stream_options") or {}).get("include_usage"))
    chunks = completion.raw_chunks or chunks_of(completion, quirks, include_usage=wanted)
    kind = (("content-type", quirks.stream_content_type), ("cache-control", "no-cache"))
    headers = (*kind, *headers, request_id())
    return ServerResponse(headers=headers, pieces=data_events(chunks, quirks), chunked=True, tokens=tokens)
