"""The blocks of a message's content: their form, by the role that may have them, and what they are canonically."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.fields import BOOLEAN, OBJECT, STRING, only
from inference_do.emulator._server.seals import digest, opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

TOOL_ID = re.compile(r"^[a-zA-Z0-9_-]+$")
TOOL_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
USER = frozenset({"text", "image", "document", "tool_result", "search_result"})
ASSISTANT = frozenset(
    {"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "web_search_tool_result"}
    | {"mcp_tool_use", "mcp_tool_result", "web_fetch_tool_result"}
)
RESULT = frozenset({"text", "image", "document", "search_result"})
KEYS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "document": frozenset({"type", "source", "title", "context", "citations", "cache_control"}),
    "search_result": frozenset({"type", "source", "title", "content", "citations", "cache_control"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "caller", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
    "server_tool_use": frozenset({"type", "id", "name", "input", "caller", "cache_control"}),
    "web_search_tool_result": frozenset({"type", "tool_use_id", "content", "caller", "cache_control"}),
}
THINKING, REDACTED, FOUND = "thinking", "redacted_thinking", "search"
"""Kinds of seals: of signatures, of thoughts that only Anthropic reads, and of pages that a search found."""


def block_kind(block: Any, allowed: frozenset[str], where: str) -> str:
    """Return a block's type.

    Raises:
        Refusal: 400; there is none, it may not stand here, or the block has keys that it must not have.
    """
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in allowed:
        tags = ", ".join(f"'{name}'" for name in sorted(allowed))
        raise Refusal(
            400, f"{where}: Input tag {kind!r} found using 'type' does not match any of the expected tags: {tags}"
        )
    if kind in KEYS:
        only(block, KEYS[kind], f"{where}.{kind}")
    if "cache_control" in block:
        check_cache_control(block["cache_control"], f"{where}.cache_control")
    return kind


def check_cache_control(mark: Any, where: str) -> None:
    """Refuse a cache point of a wrong form.

    Raises:
        Refusal: 400.
    """
    OBJECT(where, mark)
    only(mark, {"type", "ttl"}, where)
    if mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
        raise Refusal(400, f"{where}: it should be of type 'ephemeral', with a ttl of '5m' or '1h', not {mark!r}")


def text_part(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a text block as a canonical part.

    Raises:
        Refusal: 400; empty texts are refused.
    """
    text = block.get("text")
    STRING(f"{where}.text", text)
    if not text:
        raise Refusal(400, f"{where}: text content blocks must be non-empty")
    if not text.strip():
        raise Refusal(400, f"{where}: text content blocks must contain non-whitespace text")
    return marked({"type": "text", "text": text}, block)


def marked(part: dict[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part with the cache point of its block."""
    return {**part, "cache_control": block["cache_control"]} if "cache_control" in block else part


def media_part(block: Mapping[str, Any], kind: str, where: str) -> dict[str, Any]:
    """Return an image, a document or a search result as a canonical part.

    Raises:
        Refusal: 400.
    """
    if kind == "search_result":
        return _search_result_part(block, where)
    source = block.get("source")
    match source:
        case {"type": "base64", "media_type": str() as media, "data": str() as data, **rest} if not rest:
            _check_bytes(kind, media, data, where)
            url = f"data:{media};base64,{data}"
        case {"type": "url", "url": str() as url, **rest} if not rest:
            if not url.startswith("https://"):
                raise Refusal(400, f"{where}.source.url: Only HTTPS URLs are supported.")
        case {"type": "file", "file_id": str() as id_, **rest} if not rest:
            url = f"file:{id_}"
        case {"type": "text", "media_type": "text/plain", "data": str() as data, **rest} if kind == "document":
            return marked({"type": "text", "text": data}, block)
        case _:
            raise Refusal(400, f"{where}.source: it should be of type base64, url or file, with what belongs to it")
    if kind == "image":
        return marked({"type": "image_url", "image_url": {"url": url}}, block)
    return marked({"type": "file", "file": {"file_data": url}}, block)


def _search_result_part(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    texts = block.get("content")
    if not isinstance(texts, list) or not isinstance(block.get("source"), str) or "title" not in block:
        raise Refusal(400, f"{where}.search_result: it needs a source, a title and a content of text blocks")
    parts = [text_part(one if isinstance(one, dict) else {}, f"{where}.content") for one in texts]
    return marked({"type": "text", "text": "\n".join(part["text"] for part in parts)}, block)


def _check_bytes(kind: str, media: str, data: str, where: str) -> None:
    allowed = IMAGES if kind == "image" else {"application/pdf"}
    if media not in allowed:
        raise Refusal(400, f"{where}.source.base64.media_type: Input should be one of {sorted(allowed)}")
    try:
        found = base64.b64decode(data, validate=True)
    except ValueError:
        found = b""
    if not found:
        raise Refusal(400, f"{where}.source.base64: invalid base64 data")


def check_tool_use(block: Mapping[str, Any], where: str) -> None:
    """Refuse a call of a wrong form.

    Raises:
        Refusal: 400.
    """
    kind = block["type"]
    for name in ("id", "name"):
        STRING(f"{where}.{kind}.{name}", block.get(name))
    if not TOOL_ID.match(block["id"]):
        raise Refusal(400, f"{where}.{kind}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not TOOL_NAME.match(block["name"]):
        raise Refusal(400, f"{where}.{kind}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(block.get("input"), dict):
        raise Refusal(400, f"{where}.{kind}.input: Input should be a valid dictionary")


def result_content(block: Mapping[str, Any], where: str) -> Any:
    """Return what a tool's result holds as canonical content.

    Raises:
        Refusal: 400.
    """
    STRING(f"{where}.tool_result.tool_use_id", block.get("tool_use_id"))
    if "is_error" in block:
        BOOLEAN(f"{where}.tool_result.is_error", block["is_error"])
    content = block.get("content", "")
    if isinstance(content, str):
        parts = [{"type": "text", "text": content}]
    elif isinstance(content, list):
        parts = [_result_part(one, f"{where}.tool_result.content.{index}") for index, one in enumerate(content)]
    else:
        raise Refusal(400, f"{where}.tool_result.content: Input should be a string or a list of blocks")
    if "cache_control" in block and parts:
        parts[-1] = marked(parts[-1], block)
    return parts[0]["text"] if isinstance(content, str) and "cache_control" not in block else parts


def _result_part(block: Any, where: str) -> dict[str, Any]:
    kind = block_kind(block, RESULT, where)
    return text_part(block, where) if kind == "text" else media_part(block, kind, where)


def check_thinking(block: Mapping[str, Any], info: ModelInfo, where: str) -> list[str] | None:
    """Check a thought of one of Anthropic's models; return the calls that it led to.

    Raises:
        Refusal: 400; it was changed, or is of another model.
    """
    if block["type"] == "redacted_thinking":
        STRING(f"{where}.redacted_thinking.data", block.get("data"))
        content = opened(REDACTED, info.id, block["data"])
        if content is None:
            raise Refusal(400, f"{where}: Invalid `data` in `redacted_thinking` block")
        return list(content["calls"])
    for name in ("thinking", "signature"):
        if name not in block:
            raise Refusal(400, f"{where}.thinking.{name}: Field required")
        STRING(f"{where}.thinking.{name}", block[name])
    content = opened(THINKING, info.id, block["signature"])
    if content is None or content["text"] != digest(block["thinking"]):
        raise Refusal(400, f"{where}: Invalid `signature` in `thinking` block")
    return list(content["calls"])


def check_search_result(block: Mapping[str, Any], info: ModelInfo, where: str) -> None:
    """Refuse pages that no search of this model found.

    Raises:
        Refusal: 400.
    """
    content = block.get("content")
    for page in content if isinstance(content, list) else ():
        sealed = page.get("encrypted_content") if isinstance(page, dict) else None
        found = opened(FOUND, info.id, sealed) if isinstance(sealed, str) else None
        if found is None or found["url"] != page.get("url"):
            raise Refusal(400, f"{where}: Invalid `encrypted_content` in `web_search_tool_result` block")
