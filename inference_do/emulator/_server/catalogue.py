"""The control plane's catalogue of models: `GET /v2/gen-ai/models/catalog`, page by page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from inference_do.emulator._http import Refusal
from inference_do.models import known_models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

CAPABILITIES = {
    "tools": "tool-calling",
    "structured_output": "structured-output",
    "reasoning": "reasoning",
    "vision": "vision",
    "prompt_caching": "prompt-caching",
}


def catalogue(query: str) -> dict[str, Any]:
    """Answer one page; `page` counts from 1.

    Raises:
        Refusal: 400, for a page or limit that is none.
    """
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    page, limit = _count(given, "page", 1), _count(given, "limit", 20)
    listed = [info for info in known_models().values() if info.listed and not info.is_router]
    return {"models": [_card(info) for info in listed[(page - 1) * limit : page * limit]], "total": len(listed)}


def _count(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise Refusal(400, f"{name} must be a whole number from 1 up, not {text[:40]!r}")
    return int(text)


def _card(info: ModelInfo) -> dict[str, Any]:
    prices = {
        "input_price_per_million": info.input_price,
        "output_price_per_million": info.output_price,
        "cache_read_input_price_per_million": info.cache_read_price,
    }
    return {
        "model_id": info.id,
        "name": info.id,
        "creator": info.provider,
        "type": "text-to-text" if info.kind == "chat" else info.kind,
        "context_window": None if info.context_window is None else str(info.context_window),
        "max_output_tokens": info.max_output_tokens,
        "capabilities": [name for fact, name in CAPABILITIES.items() if getattr(info, fact)],
        "pricing": {name: price for name, price in prices.items() if price is not None},
    }
