"""What is known of each model, as data.

The facts live in `_models.json`: what holds for a whole family of ids, and one entry an id. They come from
DigitalOcean's model pages, the listing of `GET /v1/models` and published measurements, each with its date, and they
age. An id that is not listed gets what is known of its family, and unknowns. Facts can be added or put right:

* `register_model("my-model", context_window=32_768)`, for this process;
* `INFERENCE_DO_MODELS=models.json`, a file of the same form as `_models.json`, read when a fact is first asked for.
  `inference-do refresh models.json` writes one from what the API says today.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from .errors import ConfigError

__all__ = ["ModelInfo", "PriceTier", "closest_models", "known_models", "model_info", "register_model"]

MODELS_VARIABLE = "INFERENCE_DO_MODELS"

CHAT_PATH = "/v1/chat/completions"
EMBEDDINGS_PATH = "/v1/embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTier:
    """Prices of a request with more input tokens than `above`; US dollars per million tokens."""

    above: int
    input_price: float
    output_price: float
    cache_read_price: float | None = None
    cache_write_price: float | None = None


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
    """Whether `GET /v1/models` showed it; `date_of("listed")` says when."""
    context_window: int | None = None
    accepted_prompt: int | None = None
    """The largest prompt that was seen to be taken."""
    refused_prompt: int | None = None
    """The smallest prompt that was seen to be refused although the documented window is larger."""
    max_output_tokens: int | None = None
    catalog_max_output_tokens: int | None = None
    """The `max_output_tokens` of the `/v1/models` entry: often lower than the model's limit, and not enforced."""
    tools: bool | None = None
    vision: bool | None = None
    images_on_chat: bool | None = None
    """False where chat completions refuse the images that the model takes on another endpoint."""
    reasoning: bool | None = None
    thinks_unasked: bool | None = None
    """Whether it was seen to think without being asked to, and to spend small token limits on that alone."""
    structured_output: bool | None = None
    prompt_caching: bool | None = None
    cache_control: bool | None = None
    """Whether text parts may carry `cache_control`."""
    cache_retention: bool | None = None
    """Whether `prompt_cache_retention` means something to it."""
    temperature: bool | None = None
    """Whether a custom `temperature` is accepted."""
    reasoning_efforts: tuple[str, ...] = ()
    refused_parameters: tuple[str, ...] = ()
    """Request fields that the model answers with 400, whatever their value."""
    refused_values: tuple[tuple[str, Any], ...] = ()
    """Fields and values that were seen to be answered with 400."""
    failing: tuple[str, ...] = ()
    """Request fields that were seen to be answered with 500 again and again."""
    limit_field: str = "max_completion_tokens"
    """The field that bounds the answer's tokens; servers of one's own may know `max_tokens` only."""
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
    price_tiers: tuple[PriceTier, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()
    """When the facts were seen, by group: `facts`, `prices`, `behaviour`, `listing`. ISO days or months."""

    def __hash__(self) -> int:
        return hash(self.id)  # a refused value may be an object of JSON, which has no hash

    @property
    def is_known(self) -> bool:
        """Whether the data has an entry for this id."""
        return self.kind is not None

    @property
    def is_router(self) -> bool:
        """Whether the id names a router, which answers with another model."""
        return self.id.startswith("router:")

    @property
    def usable_context(self) -> int | None:
        """The prompt size to plan with: the documented window, or what was measured where that is less or all."""
        if self.context_window is None:
            return self.accepted_prompt
        return self.context_window if self.refused_prompt is None else min(self.context_window, self.refused_prompt)

    def date_of(self, fact: str) -> str | None:
        """Return the date of a fact, an ISO day or month.

        Args:
            fact: A field's name.
        """
        dates = dict(self.dates)
        return dates.get(GROUPS.get(fact, "facts")) or dates.get("facts")

    def accepts(self, parameter: str, value: Any = None) -> bool | None:
        """Return whether the model takes a field of the request; None if nothing speaks against it.

        Args:
            parameter: A field's name.
            value: The value it would have; None asks for the field as such.
        """
        if parameter == "reasoning" and isinstance(value, Mapping):
            parameter, value = "reasoning_effort", value.get("effort")
        if parameter in self.refused_parameters or (parameter == "temperature" and self.temperature is False):
            return False
        if value is not None and any(name == parameter and value == refused for name, refused in self.refused_values):
            return False
        if parameter == "reasoning_effort" and value is not None and self.reasoning_efforts:
            return value in self.reasoning_efforts
        known = FLAGS.get(parameter)
        return getattr(self, known) if known else None


FLAGS: Mapping[str, str] = {
    "temperature": "temperature",
    "tools": "tools",
    "prompt_cache_retention": "cache_retention",
}
"""Fields of a request, and the facts that say whether a model takes them."""

GROUPS: Mapping[str, str] = {
    **dict.fromkeys(("listed", "created", "owned_by", "catalog_max_output_tokens"), "listing"),
    **dict.fromkeys(("input_price", "output_price", "cache_read_price", "cache_write_price", "price_tiers"), "prices"),
    **dict.fromkeys(
        (
            "endpoints",
            "accepted_prompt",
            "refused_prompt",
            "images_on_chat",
            "thinks_unasked",
            "cache_control",
            "cache_retention",
            "refused_parameters",
            "refused_values",
            "failing",
        ),
        "behaviour",
    ),
}
"""Which date a fact goes by; all others go by `facts`."""


def model_info(model: str) -> ModelInfo:
    """Return what is known of a model. Never fails: an unknown id has its family's facts and else unknowns.

    Args:
        model: An id as the API spells it; ids are case sensitive and may hold `/` and `:`.
    """
    if not isinstance(model, str):
        return ModelInfo(id=str(model))  # type: ignore[unreachable]  # whoever sends it says what is wrong
    return _REGISTERED.get(model) or _found(model)


def register_model(model: str, **facts: Any) -> ModelInfo:
    """Add a model, or put right what is known of one, in this process.

    Args:
        model: Its id.
        **facts: Fields of `ModelInfo`; those not given stay as they are.

    Returns:
        What is known of it now.

    Raises:
        ConfigError: It is no id, there is no such field, or its value is of another type.
    """
    if not isinstance(model, str) or not model.strip():
        message = f"model must be a model's id, not {model!r}"
        raise ConfigError(message)
    registered = _with_facts(model_info(model), checked_facts(model, facts))
    _REGISTERED[model] = registered
    known_models.cache_clear()
    return registered


_REGISTERED: dict[str, ModelInfo] = {}
"""What this process added; a table that users fill, like that of `codecs.register`."""


@cache
def known_models() -> Mapping[str, ModelInfo]:
    """Return every known model by its id."""
    ids = {**_shipped().models, **_users_file()}
    return MappingProxyType({**{id_: _found(id_) for id_ in ids}, **_REGISTERED})


@lru_cache(maxsize=1024)
def _found(model: str) -> ModelInfo:
    """Return what the data says of a model; only the entries that are asked for are made."""
    shipped = _shipped()
    info = entry_of(model, shipped.facts_of(model), shipped.families)
    facts = _users_file().get(model)
    return info if facts is None else _with_facts(info, facts)


def _with_facts(info: ModelInfo, facts: Mapping[str, Any]) -> ModelInfo:
    """Lay facts over an entry; dates, group by group: a new date of the listing says nothing of the prices."""
    dates = {**dict(info.dates), **dict(facts.get("dates", ()))}
    return replace(info, **{"kind": info.kind or "chat", **facts, "dates": tuple(dates.items())})


def closest_models(model: str, *, limit: int = 3) -> list[str]:
    """Return the known chat and embedding ids that look most like `model`, best first.

    Case, separators, the order of an id's words and the provider before them do not count: the API's own ids differ in
    all four.
    """
    kinds = {"chat", "embedding", "router"}
    known = known_models().values()
    providers = {info.provider.lower() for info in known if info.provider}
    wanted = _normalized(model, providers)
    scores = ((_similarity(wanted, _normalized(info.id, providers)), info.id) for info in known if info.kind in kinds)
    best = sorted((-score, id_) for score, id_ in scores if score >= ALIKE)
    return [id_ for _, id_ in best[:limit]]


ALIKE = 0.6
"""How much of two ids must agree, from 0 to 1."""


def _normalized(model: str, providers: AbstractSet[str]) -> tuple[str, str]:
    """Return an id in lower case without its provider, as it is and with its words in order."""
    provider, separator, name = model.lower().replace("/", "-", 1).partition("-")
    bare = name if separator and provider in providers else model.lower()
    return bare, " ".join(sorted(re.findall(r"[a-z]+|\d+(?:\.\d+)*", bare)))


def _similarity(left: tuple[str, str], right: tuple[str, str]) -> float:
    import difflib  # noqa: PLC0415  only needed to explain a mistake

    return max(difflib.SequenceMatcher(None, a, b).ratio() for a, b in zip(left, right, strict=True))


# --- reading the data ---


class _Shipped(NamedTuple):
    """What `_models.json` says."""

    families: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]

    def facts_of(self, model: str) -> dict[str, Any]:
        return self.models.get(model, {})


@cache
def _shipped() -> _Shipped:
    try:
        data = json.loads(resources.files(__package__).joinpath("_models.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        warnings.warn(NO_DATA, RuntimeWarning, stacklevel=2)
        return _Shipped({}, {})
    return _Shipped(data["families"], data["models"])


NO_DATA = (
    "inference_do was packed without its file _models.json, so nothing is known of any model: calls work, but are not "
    "checked against what a model takes. Tell what packs it to take the package's data files."
)


@cache
def _users_file() -> dict[str, dict[str, Any]]:
    """Return the facts of the file that the environment names.

    Raises:
        ConfigError: It cannot be read, or is not of the form of `_models.json`.
    """
    if not (name := os.environ.get(MODELS_VARIABLE)):
        return {}
    try:
        models = json.loads(Path(name).read_text(encoding="utf-8-sig"))["models"]
        return {id_: checked_facts(id_, facts) for id_, facts in models.items()}
    except ConfigError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) if isinstance(error, OSError | ValueError) else "it has no object of models by id"
    message = f"{MODELS_VARIABLE}: {name!r} is no file of models: {reason}"
    raise ConfigError(message)


def entry_of(id_: str, facts: Mapping[str, Any], families: Mapping[str, Mapping[str, Any]]) -> ModelInfo:
    """Make an entry of a model's own facts and those of its family, whose longest prefix says most.

    Args:
        id_: The model.
        facts: Its own facts, as in `_models.json`.
        families: Facts by prefixes of ids.
    """
    merged: dict[str, Any] = {}
    dates: dict[str, str] = {}
    shared = [own for prefix, own in sorted(families.items()) if id_.startswith(prefix)]
    for layer in (*shared, facts):
        merged.update(layer)
        dates.update(layer.get("dates", {}))
    merged["dates"] = dates
    known = {name: _read(name, value) for name, value in merged.items() if name in TYPES}
    return ModelInfo(id=id_, **known)


TYPES: Mapping[str, str] = {field.name: str(field.type).partition("[")[0] for field in fields(ModelInfo)}

PYTHON_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "bool": bool,
    "int": int,
    "float": (int, float),
    "tuple": (list, tuple, dict),
}


def _read(name: str, value: Any) -> Any:
    """Return a fact of JSON as the field has it."""
    match name, value:
        case "dates", _:
            return _dates(dict(value))
        case "price_tiers", list() | tuple():
            return tuple(tier if isinstance(tier, PriceTier) else PriceTier(**tier) for tier in value)
        case _, dict():
            return tuple(value.items())
        case _, list() | tuple():
            return tuple(tuple(item) if isinstance(item, list) else item for item in value)
        case _:
            return value


def _dates(dates: Mapping[Any, Any]) -> tuple[tuple[str, str], ...]:
    if not all(isinstance(text, str) for pair in dates.items() for text in pair):
        message = "a date is a text, and so is its group"
        raise TypeError(message)
    return tuple(dates.items())


def checked_facts(model: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts that a user gave, as fields.

    Raises:
        ConfigError: There is no such field, or its value is of another type.
    """
    checked: dict[str, Any] = {}
    for name, value in facts.items():
        if name == "id" or name not in TYPES:
            import difflib  # noqa: PLC0415  as above

            close = difflib.get_close_matches(name, TYPES.keys() - {"id"}, n=1)
            message = f"{model!r}: there is no fact {name!r}" + (f": did you mean {close[0]!r}?" if close else "")
            raise ConfigError(message)
        kind = TYPES[name].partition(" ")[0]
        fits = "None" in TYPES[name] if value is None else isinstance(value, PYTHON_TYPES[kind])
        if not fits or (isinstance(value, bool) and kind != "bool"):
            message = f"{model!r}: {name} must be {TYPES[name]}, not {value!r}"
            raise ConfigError(message)
        try:
            checked[name] = _read(name, value)
        except (TypeError, ValueError) as error:
            message = f"{model!r}: {name} cannot be read: {error}"
            raise ConfigError(message) from None
    return checked
