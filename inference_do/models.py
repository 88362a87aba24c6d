"""What is known of each model, as data.

The facts live in `_models.json`, one entry an id: context window, output limit, capabilities, prices. They come from
DigitalOcean's model pages, the listing of `GET /v1/models` and published measurements (August to November 2026), and
they age: nothing in the client refuses a call because of them. An id that is not listed gets an entry of unknowns.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ModelInfo", "closest_models", "known_models", "model_info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model's facts. `None` means: not known.

    Token counts are in tokens, prices in US dollars per million tokens.
    """

    id: str
    provider: str | None = None
    kind: str | None = None
    """`chat`, `embedding`, `router`, `rerank`, `image`, `tts`, `video`, …"""
    status: str | None = None
    """`active`, `beta`, `deprecated`, `retired`, or `uncertain` where the sources disagree."""
    listed: bool = False
    """Whether `GET /v1/models` showed it (2026-08-21)."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    catalog_max_output_tokens: int | None = None
    """The `max_output_tokens` of the `/v1/models` entry: often lower than the model's limit, and not enforced."""
    tools: bool | None = None
    vision: bool | None = None
    reasoning: bool | None = None
    structured_output: bool | None = None
    prompt_caching: bool | None = None
    temperature: bool | None = None
    """Whether a custom `temperature` is accepted."""
    reasoning_efforts: tuple[str, ...] = ()
    refused_parameters: tuple[str, ...] = ()
    """Request fields that the model answers with 400, whatever their value."""
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    dimensions: int | None = None
    """Length of the vectors of an embedding model."""
    endpoints: tuple[str, ...] = ()
    owned_by: str | None = None
    created: int | None = None
    """Unix seconds, as `/v1/models` gives it."""
    input_price: float | None = None
    output_price: float | None = None
    cache_read_price: float | None = None
    cache_write_price: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether the data has an entry for this id."""
        return self.kind is not None

    @property
    def is_router(self) -> bool:
        """Whether the id names a router, which answers with another model."""
        return self.id.startswith("router:")


def model_info(model: str) -> ModelInfo:
    """Tell what is known of a model; never fails, an unknown id has only unknowns.

    Args:
        model: An id as the API spells it; ids are case sensitive and may hold `/` and `:`.
    """
    return known_models().get(model) or ModelInfo(id=model)


def closest_models(model: str, *, limit: int = 3) -> list[str]:
    """Return the known chat and embedding ids that look most like `model`, best first."""
    ids = [info.id for info in known_models().values() if info.kind in {"chat", "embedding", "router"}]
    return difflib.get_close_matches(model, ids, n=limit, cutoff=0.6)


@cache
def known_models() -> Mapping[str, ModelInfo]:
    """Return every known model by its id."""
    text = resources.files(__package__).joinpath("_models.json").read_text(encoding="utf-8")
    return MappingProxyType({id_: _entry(id_, facts) for id_, facts in json.loads(text).items()})


def _entry(id_: str, facts: dict[str, Any]) -> ModelInfo:
    names = {field.name for field in fields(ModelInfo)}
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return ModelInfo(id=id_, **{name: value for name, value in values.items() if name in names})
