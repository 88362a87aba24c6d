"""What a client has to bring back unchanged: signatures of thinking, encrypted reasoning, and ids of items.

Each says whose it is: a seal holds its kind, its model and what it belongs to, and a code that only the emulator can
make. The key is the same for all emulators, so that an answer of one can go back to another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference_do.emulator._json import to_json

KEY = b"what the emulator signs with; it keeps no secret"
CODE = 16
"""Bytes of a seal's code."""
ID_CODE = 8
"""Characters of an item id's code."""


def digest(text: str) -> str:
    """Return a short fingerprint of a text."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:24]


def seal(kind: str, model: str, content: Mapping[str, Any]) -> str:
    """Return content in a form that cannot be changed: it is packed, not secret."""
    packed = zlib.compress(to_json([kind, model, content]))
    return base64.b64encode(_code(packed) + packed).decode()


def opened(kind: str, model: str, sealed: str) -> dict[str, Any] | None:
    """Return the content of a seal; None if it was changed, or is of another kind or model."""
    try:
        data = base64.b64decode(sealed, validate=True)
        if not hmac.compare_digest(data[:CODE], _code(data[CODE:])):
            return None
        found = json.loads(zlib.decompress(data[CODE:]))
    except (ValueError, zlib.error):
        return None
    return found[2] if found[:2] == [kind, model] else None


def _code(data: bytes) -> bytes:
    return hmac.new(KEY, data, hashlib.sha256).digest()[:CODE]


@dataclass(frozen=True, slots=True)
class ItemId:
    """What the id of an item says: of which answer it is, and whether reasoning came before it."""

    answer: str
    is_reasoned: bool


def item_id(prefix: str, model: str, item: ItemId, index: int) -> str:
    """Return the id of an item.

    Args:
        prefix: Of its kind: `rs`, `fc`, `msg`, …
        model: The model.
        item: What it says.
        index: The item's position in its answer.
    """
    body = f"{item.answer}{index:02x}{int(item.is_reasoned)}"
    return f"{prefix}_{body}{_id_code(prefix, model, body).decode()}"


def read_item_id(prefix: str, model: str, id_: str) -> ItemId | None:
    """Return what an id says; None if it was not given to an item of this kind and model."""
    found, _, rest = id_.partition("_")
    body, code = rest[:-ID_CODE], rest[-ID_CODE:]
    if found != prefix or len(body) <= 3 or not hmac.compare_digest(code.encode(), _id_code(prefix, model, body)):
        return None
    return ItemId(body[:-3], body[-1] == "1")


def _id_code(prefix: str, model: str, body: str) -> bytes:
    return _code(f"{prefix} {model} {body}".encode()).hex()[:ID_CODE].encode()
