"""JSON as the emulator writes it."""

from __future__ import annotations

import json


def to_json(value: object) -> bytes:
    """Encode compactly, in UTF-8; text with lone surrogates falls back to escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
