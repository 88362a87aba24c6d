"""The ids that the providers behind DigitalOcean have for their models, which the lines of a batch are written with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from .models import known_models, model_info

__all__ = ["BatchProvider", "platform_id", "provider_id", "provider_of"]

BatchProvider = Literal["openai", "anthropic"]
"""Whose models batches are for."""

PREFIXES: Mapping[BatchProvider, str] = {"openai": "openai-", "anthropic": "anthropic-"}
OWN_IDS: Mapping[BatchProvider, str] = {"openai": r"(gpt-(?!oss)|o\d|chatgpt-)", "anthropic": r"claude-"}
"""How ids begin that are the providers' own."""

CLAUDE = re.compile(
    r"claude-(?:(?P<version>\d+(?:\.\d+)?)-(?P<name>[a-z]+)|(?P<name2>[a-z]+)-(?P<version2>\d+(?:\.\d+)?))"
)
DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


def provider_of(model: str) -> BatchProvider | None:
    """Return whose model an id is of, as far as batches go; None for all other models.

    The model's data decides; of ids that it does not know, how they begin. Open weights of OpenAI's
    (`openai-gpt-oss-...`) are DigitalOcean's to run, and in no batch.
    """
    match model_info(model).provider:
        case "OpenAI":
            return "openai"
        case "Anthropic":
            return "anthropic"
        case None if model.startswith("openai-") and not model.startswith("openai-gpt-oss"):
            return "openai"
        case None:
            return next((name for name, begin in OWN_IDS.items() if re.match(begin, model)), None)
        case _:
            return None


def provider_id(model: str) -> str:
    """Return a model's id as a line of a batch has it: the provider's own.

    Known (May 2026): DigitalOcean says that lines follow the provider's format and are forwarded to the provider, and
    all of its examples have the provider's ids (`gpt-4.1-mini`, `claude-3-5-sonnet-latest`). Not known: whether its own
    ids (`openai-gpt-4.1`) are taken as well. So its ids are written as the provider's; an id that is none of its own
    stays as it is; and `extra_body={"model": ...}` in a request sets the line's `model` to any text.

    OpenAI's ids differ in the prefix alone. Anthropic's have the name before the version and `-` for `.`
    (https://platform.claude.com/docs/en/about-claude/models/overview): `claude-sonnet-4-6`, and up to version 3.7
    `claude-3-7-sonnet-latest`.
    """
    if model.startswith(PREFIXES["openai"]):
        return model.removeprefix(PREFIXES["openai"])
    own = model.removeprefix(PREFIXES["anthropic"])
    if own == model or not (found := CLAUDE.fullmatch(own)):
        return own
    name, version = found["name"] or found["name2"], (found["version"] or found["version2"]).replace(".", "-")
    if version.startswith("3"):
        return f"claude-{version}-{name}-latest"
    return f"claude-{name}-{version}{'-0' if version == '4' else ''}"


def platform_id(reported: str) -> str:
    """Return DigitalOcean's id of a model that a provider reports, with a date at its end or not.

    An id that stands for none of DigitalOcean's stays as it is.
    """
    if model_info(reported).is_known:
        return reported
    ids = _platform_ids(len(known_models()))
    return ids.get(reported) or ids.get(DATED.sub("", reported)) or reported


@lru_cache(maxsize=4)
def _platform_ids(_count: int) -> Mapping[str, str]:
    ids: dict[str, str] = {}
    known = known_models()
    for model in sorted(known, key=lambda model: not known[model].listed):  # two ids may be of one model
        if provider_of(model):
            own = provider_id(model)
            for spelled in (own, own.removesuffix("-latest"), own.removesuffix("-0")):
                ids.setdefault(spelled, model)
    return ids
