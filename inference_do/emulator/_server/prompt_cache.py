"""The prompt caches of the models' families: what of a prompt was read from one, and what was written to it.

* Anthropic's models cache up to the parts that carry `cache_control`; what is new up to there is written.
* All others cache whole prompts by themselves, and report only what they read.

A prefix shorter than `SMALLEST` is not cached. Nothing is forgotten with time, which tests could not wait for.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inference_do.emulator._json import to_json
from inference_do.emulator._model.tokens import prompt_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inference_do.emulator.quirks import Quirks
    from inference_do.models import ModelInfo

SMALLEST = 1024
"""Tokens of the shortest prefix that is cached; the documented minimum is 512 to 4,096, by model."""

MOST = 10_000
"""Prefixes that are remembered."""

Prefix = tuple[bytes, int]


class PromptCache:
    """What has been asked before."""

    def __init__(self) -> None:
        self._seen: dict[bytes, None] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()

    def noted(self, body: Mapping[str, Any], info: ModelInfo, quirks: Quirks) -> Quirks:
        """Take a request; return the quirks with what its usage reports, unless they set it already."""
        excludes = quirks.usage_excludes_cached
        if excludes is None:
            excludes = bool(info.cache_control)
        if quirks.cached_tokens or quirks.created_tokens or not info.prompt_caching:
            return replace(quirks, usage_excludes_cached=excludes)
        prefixes = [p for p in _prefixes(body, info.id, marked=bool(info.cache_control)) if p[1] >= SMALLEST]
        read = max((size for digest, size in prefixes if digest in self._seen), default=0)
        longest = prefixes[-1][1] if prefixes else 0
        self._seen.update(dict.fromkeys(digest for digest, _ in prefixes))
        while len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]
        created = longest - read if info.cache_control else 0
        return replace(quirks, cached_tokens=read, created_tokens=created, usage_excludes_cached=excludes)


def _prefixes(body: Mapping[str, Any], model: str, *, marked: bool) -> Iterator[Prefix]:
    """Yield the prefixes of a prompt that end where a cache may, shortest first."""
    tools = [{k: v for k, v in tool.items() if k != "cache_control"} for tool in body.get("tools") or ()]
    digest = hashlib.sha256(to_json([model, tools]))
    size = prompt_tokens({"tools": tools})
    if marked and any("cache_control" in tool for tool in body.get("tools") or ()):
        yield digest.digest(), size
    for message in body["messages"]:
        content = message.get("content")
        parts = content if isinstance(content, list) else [content]
        digest.update(to_json(message["role"]))
        for part in parts:
            mark = part.get("cache_control") if isinstance(part, dict) else None
            plain = {k: v for k, v in part.items() if k != "cache_control"} if isinstance(part, dict) else part
            digest.update(to_json(plain))
            size += prompt_tokens({"tools": [plain]})
            if marked and mark:
                yield digest.digest(), size
        if not marked:
            yield digest.digest(), size
