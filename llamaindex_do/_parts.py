"""Content blocks as the API's content parts.

Nothing is fetched here: a block that names a remote file goes out as its URL where the API takes one, and is refused
where it does not. A block that cannot be expressed raises a `ConfigError` that names it and its message.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterable
from functools import singledispatch
from io import IOBase
from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    VideoBlock,
)

from inference_do.errors import ConfigError

__all__ = ["Part", "content_of", "parts_of"]

Part = dict[str, Any]

TEXT_TYPES = ("text/", "application/json", "application/xml", "application/yaml")
UNTITLED = "input_document"
"""The title that LlamaIndex gives to a document without one."""

logger = logging.getLogger("llamaindex_do")


def parts_of(
    blocks: Iterable[Any], where: str, *, caching: bool, media: bool = True, elsewhere: tuple[type, ...] = ()
) -> list[Part]:
    """Return content parts for a message's blocks.

    Args:
        blocks: The blocks.
        where: The message, as errors name it.
        caching: Whether the model takes `cache_control` on text, as Anthropic's do.
        media: Whether the message may carry anything but text.
        elsewhere: Kinds of blocks that have a place of their own in the message.

    Raises:
        ConfigError: A block cannot be expressed.
    """
    parts: list[Part] = []
    for position, block in enumerate(blocks):
        if type(block) is TextBlock:  # most are; `isinstance` of another class of pydantic's runs Python code
            parts.append(_text(block.text))
        elif isinstance(block, CachePoint):
            _mark(parts, block, caching=caching)
        elif not isinstance(block, elsewhere):
            place = f"{where}: block {position} ({type(block).__name__})"
            own = _parts(block, place)
            if not media and any(part["type"] != "text" for part in own):
                raise _refusal(place, "only a message of the user can carry it")
            parts += own
    return parts


def content_of(parts: list[Part]) -> str | list[Part]:
    """Return the shortest form: one string if there is only plain text, which every model takes."""
    texts = [part["text"] for part in parts if part["type"] == "text" and len(part) == 2]  # noqa: PLR2004  no marks
    return "\n".join(texts) if len(texts) == len(parts) else parts


@singledispatch
def _parts(block: Any, where: str) -> list[Part]:  # noqa: ARG001  the registered ones look at the block
    raise _refusal(where, "a message of this role cannot carry it")


@_parts.register
def _(block: TextBlock, where: str) -> list[Part]:  # noqa: ARG001  every block is given it
    return [_text(block.text)]


@_parts.register
def _(block: ImageBlock, where: str) -> list[Part]:
    url = str(block.url) if block.url else None
    image = {"url": url or _inline(block.resolve_image, block.image_mimetype, where, "image_mimetype")}
    if block.detail:
        image["detail"] = block.detail
    return [{"type": "image_url", "image_url": image}]


@_parts.register
def _(block: AudioBlock, where: str) -> list[Part]:
    _refuse_remote(block.url, where, "audio")
    if not block.format:
        raise _refusal(where, 'its format is unknown: pass format="wav" or format="mp3"')
    return [
        {"type": "input_audio", "input_audio": {"data": _base64(block.resolve_audio, where), "format": block.format}}
    ]


@_parts.register
def _(block: VideoBlock, where: str) -> list[Part]:
    if block.fps or block.detail:
        logger.debug("%s: fps and detail are not known to the API and are left out", where)
    url = str(block.url) if block.url else None
    video = {"url": url or _inline(block.resolve_video, block.video_mimetype, where, "video_mimetype")}
    return [{"type": "video_url", "video_url": video}]


@_parts.register
def _(block: DocumentBlock, where: str) -> list[Part]:
    _refuse_remote(block.url, where, "data")
    mimetype = block.document_mimetype
    if mimetype is None or mimetype.startswith(TEXT_TYPES):
        return [_text(_document_text(block, where))]
    data = _inline(block.resolve_document, mimetype, where, "document_mimetype")
    return [{"type": "file", "file": {"filename": block.title or UNTITLED, "file_data": data}}]


@_parts.register
def _(block: CitableBlock, where: str) -> list[Part]:
    inner = [part for item in block.content for part in _parts(item, where)]
    return [_text(f"{block.title} ({block.source}):"), *inner]


@_parts.register
def _(block: CitationBlock, where: str) -> list[Part]:
    return [*_parts(block.cited_content, where), _text(f"(cited from {block.title}, {block.source})")]


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _document_text(block: DocumentBlock, where: str) -> str:
    """Return a document of plain text, which needs no file."""
    try:
        text = base64.b64decode(_base64(block.resolve_document, where)).decode()
    except UnicodeDecodeError:
        raise _refusal(where, "its type is unknown: pass document_mimetype=") from None
    return text if block.title in {None, UNTITLED} else f"{block.title}:\n{text}"


def _inline(resolve: Callable[[], IOBase], mimetype: str | None, where: str, field: str) -> str:
    """Return a block's bytes as a data URL."""
    if mimetype is None:
        raise _refusal(where, f"its type is unknown: pass {field}=")
    return f"data:{mimetype};base64,{_base64(resolve, where)}"


def _base64(resolve: Callable[[], IOBase], where: str) -> str:
    try:
        data: bytes = resolve().read()
    except (ValueError, OSError) as error:
        raise _refusal(where, str(error)) from None
    return base64.b64encode(data).decode()


def _refuse_remote(url: Any, where: str, field: str) -> None:
    if url and not str(url).startswith("data:"):
        raise _refusal(where, f"the API takes no URL here: fetch it and pass {field}=")


def _mark(parts: list[Part], point: CachePoint, *, caching: bool) -> None:
    """Put a cache point on the text before it, where a model knows such points."""
    text = next((part for part in reversed(parts) if part["type"] == "text"), None)
    if not caching or text is None:
        logger.debug("a CachePoint is left out: only text for Anthropic's models can carry one")
        return
    text["cache_control"] = {"type": point.cache_control.type, "ttl": point.cache_control.ttl}


def _refusal(where: str, reason: str) -> ConfigError:
    return ConfigError(f"{where}: {reason}")
