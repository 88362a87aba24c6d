"""The control plane's catalogue of models: `GET /v2/gen-ai/models/catalog`, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from inference_do.models import known_models

if TYPE_CHECKING:
    from inference_do.models import ModelInfo

CAPABILITIES = {
    "tools": "tool-calling",
    "structured_output": "structured-output",
    "reasoning": "reasoning",
    "vision": "vision",
    "prompt_caching": "prompt-caching",
}


def catalogue(query: str) -> dict[str, Any]:
    """Answer one page; `page` counts from 1."""
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    page, limit = int(given.get("page", 1)), int(given.get("limit", 20))
    listed = [info for info in known_models().values() if info.listed and not info.is_router]
    return {"models": [_card(info) for info in listed[(page - 1) * limit : page * limit]], "total": len(listed)}


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
