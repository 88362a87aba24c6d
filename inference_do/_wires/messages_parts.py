"""The content of a canonical message as blocks of `/messages`."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from inference_do.errors import ConfigError

__all__ = ["content_blocks"]


def content_blocks(content: Any, where: str, *, only_text: bool = False) -> list[dict[str, Any]]:
    """Return a message's content as blocks; empty texts are left out, which this wire refuses."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    parts: Iterable[Any] = [content] if isinstance(content, Mapping) else content
    blocks = (_block(part, where, only_text=only_text) for part in parts)
    return [block for block in blocks if block is not None]


def _block(part: Any, where: str, *, only_text: bool) -> dict[str, Any] | None:
    if isinstance(part, str):
        part = {"type": "text", "text": part}
    kind = part.get("type")
    if kind in {"text", "refusal"}:
        text = part.get("text") or part.get("refusal") or ""
        return _marked({"type": "text", "text": text}, part) if text.strip() else None
    if not only_text and kind == "image_url":
        return _marked({"type": "image", "source": _source(_url_of(part["image_url"]))}, part)
    if not only_text and kind == "file":
        return _marked(_document(part.get("file") or {}, where), part)
    message = f"{where}: the messages API takes no part of type {kind!r} here"
    raise ConfigError(message)


def _marked(block: dict[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    if mark := part.get("cache_control"):
        block["cache_control"] = mark
    return block


def _url_of(image: Any) -> str:
    return str(image.get("url") if isinstance(image, Mapping) else image)


def _source(url: str) -> dict[str, Any]:
    """Return where a file is: the bytes of a `data:` URL, or its address."""
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    head, _, data = url.partition(",")
    return {"type": "base64", "media_type": head.removeprefix("data:").partition(";")[0], "data": data}


def _plain(source: dict[str, Any], where: str) -> dict[str, Any]:
    """Return plain text as the text that it is: in base64 this wire takes PDFs only."""
    if source.get("media_type") != "text/plain":
        return source
    try:
        text = base64.b64decode(source["data"]).decode()
    except ValueError:
        message = f"{where}: a file of text/plain must be UTF-8 in base64"
    else:
        return {"type": "text", "media_type": "text/plain", "data": text}
    raise ConfigError(message)


def _document(file: Mapping[str, Any], where: str) -> dict[str, Any]:
    if id_ := file.get("file_id"):
        source: dict[str, Any] = {"type": "file", "file_id": id_}
    elif address := file.get("file_data") or file.get("file_url") or file.get("url"):
        source = _plain(_source(str(address)), where)
    else:
        message = f"{where}: a file needs file_data, file_url or file_id"
        raise ConfigError(message)
    document: dict[str, Any] = {"type": "document", "source": source}
    if name := file.get("filename"):
        document["title"] = name
    return document
