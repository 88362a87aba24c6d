"""Where a request has its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def key_of(headers: Mapping[str, str], path: str) -> str:
    """Return a request's `Authorization`; messages take `x-api-key` in its place."""
    if path == "/v1/messages" and "authorization" not in headers and headers.get("x-api-key"):
        return f"Bearer {headers['x-api-key']}"
    return headers.get("authorization", "")
