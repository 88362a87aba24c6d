"""Facts of models, from what the API says of itself: `GET /v1/models` and the control plane's catalogue.

`_models.json` is made of such facts by `tools/refresh_models.py`; a user's own file by `inference-do refresh`. Both
sources are read leniently: what they do not say stays unknown, and nothing is concluded from silence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from .client import Client
from .errors import ConfigError, InferenceError
from .models import checked_facts

__all__ = ["CONTROL_PLANE", "as_text", "fetch", "from_catalogue", "from_listing", "merged"]

CONTROL_PLANE = "https://api.digitalocean.com/v2"
PAGE = 100
MOST_PAGES = 50

Facts = dict[str, Any]
Table = dict[str, Facts]

PRICES: Mapping[str, str] = {
    "input_price_per_million": "input_price",
    "output_price_per_million": "output_price",
    "cache_read_input_price_per_million": "cache_read_price",
    "cache_write_5m_input_price_per_million": "cache_write_price",
}

CAPABILITIES: Mapping[str, str] = {
    "tool": "tools",
    "function": "tools",
    "structured": "structured_output",
    "json": "structured_output",
    "reason": "reasoning",
    "think": "reasoning",
    "vision": "vision",
    "cach": "prompt_caching",
}
"""Parts of a capability's name, and the fact that it states."""

KINDS: Mapping[str, str] = {
    "chat": "chat",
    "reasoning": "chat",
    "coding": "chat",
    "text-to-text": "chat",
    "embedding": "embedding",
    "image": "image",
    "text-to-image": "image",
}


def fetch(client: Client, control_plane: Client | None = None) -> Table:
    """Ask what the API says of its models today.

    Args:
        client: A client of the inference API.
        control_plane: A client of `CONTROL_PLANE` whose key is a personal access token; None leaves its facts out.

    Raises:
        InferenceError: Either of them does not answer.
    """
    today = datetime.now(UTC).date().isoformat()
    listing = from_listing([model.model_dump() for model in client.models()], date=today)
    catalogue = {} if control_plane is None else from_catalogue(_pages(control_plane), date=today)
    found = merged(listing, {id_: facts for id_, facts in catalogue.items() if id_ in listing})
    return {id_: _readable(id_, facts) for id_, facts in found.items()}


def _readable(id_: str, facts: Facts) -> Facts:
    """Return the facts that can be read again: one odd fact must not make a whole file unusable."""
    return {name: value for name, value in facts.items() if _is_readable(id_, name, value)}


def _is_readable(id_: str, name: str, value: Any) -> bool:
    try:
        checked_facts(id_, {name: value})
    except ConfigError:
        return False
    return True


def _pages(client: Client) -> list[Facts]:
    entries: list[Facts] = []
    for page in range(1, MOST_PAGES):
        response = client.request("/gen-ai/models/catalog", extra_query={"page": page, "limit": PAGE})
        found = next((value for value in (response.model_extra or {}).values() if isinstance(value, list)), None)
        if found is None:
            message = "the control plane's catalogue holds no list of models"
            raise InferenceError(message, request_id=response.request_id)
        entries += [entry for entry in found if isinstance(entry, dict)]
        if len(found) < PAGE:
            break
    return entries


def from_listing(entries: Iterable[Mapping[str, Any]], *, date: str) -> Table:
    """Read the entries of `GET /v1/models`."""
    names = {"owned_by": "owned_by", "created": "created", "max_output_tokens": "catalog_max_output_tokens"}
    return {
        entry["id"]: {
            "listed": True,
            **{fact: entry[name] for name, fact in names.items() if entry.get(name)},
            "dates": {"listing": date},
        }
        for entry in entries
    }


def from_catalogue(entries: Iterable[Mapping[str, Any]], *, date: str) -> Table:
    """Read entries of the control plane's list or catalogue of models."""
    table: Table = {}
    for entry in entries:
        id_ = entry.get("model_id") or entry.get("id")
        if isinstance(id_, str):
            table[id_] = _catalogued(entry, date)
    return table


def _catalogued(entry: Mapping[str, Any], date: str) -> Facts:
    facts = _limits_and_abilities(entry)
    if kind := KINDS.get(str(entry.get("type"))):
        facts["kind"] = kind
    modalities = _mapping(entry.get("modalities"))
    for way in ("input", "output"):
        if names := _texts(modalities.get(way)):
            facts[f"{way}_modalities"] = names
    if endpoints := _texts([_mapping(place).get("endpoint") for place in _list(entry.get("endpoints"))]):
        facts["endpoints"] = endpoints
    if status := {"deprecated": "deprecated", "end_of_life": "retired"}.get(str(entry.get("lifecycle_status"))):
        facts["status"] = status
    prices = {fact: _price(entry, name) for name, fact in PRICES.items()}
    facts.update({fact: price for fact, price in prices.items() if price is not None})
    facts["dates"] = {"facts": date, **({"prices": date} if "input_price" in facts else {})}
    return facts


def _limits_and_abilities(entry: Mapping[str, Any]) -> Facts:
    facts: Facts = {}
    for name in ("context_window", "max_output_tokens"):
        if count := _count(entry.get(name)):
            facts[name] = count
    for capability in _list(entry.get("capabilities")):
        facts.update({fact: True for part, fact in CAPABILITIES.items() if part in str(capability).lower()})
    if efforts := _texts(entry.get("reasoning_efforts")):
        facts["reasoning_efforts"] = efforts
    if entry.get("thinking"):
        facts["reasoning"] = True
    return facts


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in _list(value) if isinstance(item, str) and item]


LARGEST_COUNT = 10**15
"""Tokens; what is larger is a mistake."""


def _count(value: Any) -> int | None:
    """Read a count, which the catalogue gives as a number or as its text."""
    try:
        count = None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return count if count and 0 < count < LARGEST_COUNT else None


def _price(entry: Mapping[str, Any], name: str) -> float | None:
    value = _mapping(entry.get("pricing")).get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < LARGEST_COUNT else None


def merged(*layers: Mapping[str, Facts]) -> Table:
    """Lay tables of facts over each other, fact by fact; the later ones win."""
    table: Table = {}
    for layer in layers:
        for id_, facts in layer.items():
            below = table.get(id_, {})
            dates = {**below.get("dates", {}), **facts.get("dates", {})}
            table[id_] = {**below, **facts, **({"dates": dates} if dates else {})}
    return table


def as_text(models: Mapping[str, Facts], families: Mapping[str, Facts] | None = None) -> str:
    """Write facts in the form of `_models.json`: one entry a line, in the order of the ids."""
    parts = {"families": families, "models": models} if families is not None else {"models": models}
    blocks = [f"{json.dumps(name)}: {_lines(table)}" for name, table in parts.items()]
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def _lines(table: Mapping[str, Facts]) -> str:
    lines = (f"  {json.dumps(id_)}: {json.dumps(facts)}" for id_, facts in sorted(table.items()))
    return "{\n" + ",\n".join(lines) + "\n}"
