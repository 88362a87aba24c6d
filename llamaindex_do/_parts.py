"""Content blocks as the API's content parts.

Nothing is fetched here: a block that names a remote file goes out as its URL where the API takes one. What a file is,
its bytes say. A block that cannot be expressed raises a `ConfigError` that names it and its message; in an answer of
another model it is left out, in a tool's result it is written as text: nobody can change those any more.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterable
from functools import singledispatch
from io import IOBase
from typing import Any, Literal, NamedTuple

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

from inference_do._adapters.files import (
    audio_format,
    decode_base64,
    decode_data_url,
    is_text_type,
    mime_type_of,
    text_of,
)
from inference_do._adapters.histories import describe, is_sendable
from inference_do.errors import ConfigError

__all__ = ["Part", "Takes", "content_of", "parts_of"]

Part = dict[str, Any]

PDF = "application/pdf"
DATA = ("image", "audio", "video", "data", "path")
"""Fields of blocks that hold a file or say where it is on this machine."""
MARKED = frozenset({"text", "image_url", "file"})
"""Kinds of parts that can carry a cache point."""
UNTITLED = "input_document"
"""The title that LlamaIndex gives to a document without one."""

logger = logging.getLogger("inference_do")


class Takes(NamedTuple):
    """What the model takes, and the API that it is asked on."""

    caching: bool
    """`cache_control` on parts, as Anthropic's models do."""
    files_by_url: bool
    """URLs of documents, and images and files in results."""


def parts_of(
    blocks: Iterable[Any],
    where: str,
    takes: Takes,
    *,
    media: bool = True,
    elsewhere: tuple[type, ...] = (),
    otherwise: Literal["refuse", "omit", "describe"] = "refuse",
) -> list[Part]:
    """Return content parts for a message's blocks.

    Args:
        blocks: The blocks.
        where: The message, as errors name it.
        takes: What the model takes.
        media: Whether the message may carry anything but text.
        elsewhere: Kinds of blocks that have a place of their own in the message.
        otherwise: What becomes of a block that cannot be expressed: an error, nothing, or a text of its fields.

    Raises:
        ConfigError: A block cannot be expressed, and that is to be refused.
    """
    parts: list[Part] = []
    for position, block in enumerate(blocks):
        if type(block) is TextBlock:  # most are; `isinstance` of another class of pydantic's runs Python code
            parts.append(_text(block.text))
        elif isinstance(block, CachePoint):
            _mark(parts, block, caching=takes.caching)
        elif not isinstance(block, elsewhere):
            place = f"{where}: block {position} ({type(block).__name__})"
            try:
                parts += _checked(block, place, takes, media=media, sendable=otherwise == "describe")
            except ConfigError as error:
                if otherwise == "refuse":
                    raise
                if otherwise == "omit":
                    logger.warning("%s; it is left out", error)
                else:
                    logger.debug("%s; it is written as text", error)
                    parts.append(_text(_described(block)))
    return parts


def _checked(block: Any, where: str, takes: Takes, *, media: bool, sendable: bool) -> list[Part]:
    own = _parts(block, where)
    if not takes.files_by_url and any(map(_is_remote_file, own)):
        raise _refusal(where, "chat completions take no URL here: fetch it and pass data=")
    if sendable and not all(map(is_sendable, own)):
        raise _refusal(where, "the API does not take such a file")
    if not media and any(part["type"] != "text" for part in own):
        raise _refusal(where, "only a message of the user can carry it")
    return own


def _described(block: Any) -> str:
    fields = {name: value for name, value in block if value is not None and name not in DATA}
    return describe({key: str(value) if key == "url" else value for key, value in fields.items()})


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
    image = {"url": url or _inline(block.resolve_image, block.image_mimetype, where, "image")}
    if block.detail:
        image["detail"] = block.detail
    return [{"type": "image_url", "image_url": image}]


@_parts.register
def _(block: AudioBlock, where: str) -> list[Part]:
    _refuse_remote(block.url, where, "audio")
    data = _bytes(block.resolve_audio, where)
    known = _shown_type(data, "audio") or (block.format or "").lstrip(".")
    if not known:
        raise _refusal(where, 'its format is unknown: pass format="wav" or format="mp3"')
    return [{"type": "input_audio", "input_audio": {"data": _base64(data), "format": audio_format(known)}}]


@_parts.register
def _(block: VideoBlock, where: str) -> list[Part]:
    if block.fps or block.detail:
        logger.warning("%s: fps and detail are not known to the API and are left out", where)
    url = str(block.url) if block.url else None
    video = {"url": url or _inline(block.resolve_video, block.video_mimetype, where, "video")}
    return [{"type": "video_url", "video_url": video}]


@_parts.register
def _(block: DocumentBlock, where: str) -> list[Part]:
    if block.url and not str(block.url).startswith("data:"):
        title = {} if block.title in {None, UNTITLED} else {"filename": block.title}
        return [{"type": "file", "file": {**title, "file_data": str(block.url)}}]
    data = _bytes(block.resolve_document, where)
    if (text := text_of(data, block.document_mimetype)) is not None:
        return [_text(text if block.title in {None, UNTITLED} else f"{block.title}:\n{text}")]
    mimetype = PDF if mime_type_of(data) == PDF else block.document_mimetype
    if mimetype is None or is_text_type(mimetype):
        raise _refusal(where, "its type is unknown: pass document_mimetype=")
    url = f"data:{mimetype};base64,{_base64(data)}"
    return [{"type": "file", "file": {"filename": block.title or UNTITLED, "file_data": url}}]


@_parts.register
def _(block: CitableBlock, where: str) -> list[Part]:
    inner = [part for item in block.content for part in _parts(item, where)]
    return [_text(f"{block.title} ({block.source}):"), *inner]


@_parts.register
def _(block: CitationBlock, where: str) -> list[Part]:
    return [*_parts(block.cited_content, where), _text(f"(cited from {block.title}, {block.source})")]


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _inline(resolve: Callable[[], IOBase], mimetype: str | None, where: str, kind: str) -> str:
    """Return a block's bytes as a data URL; without a type, the bytes decide."""
    data = _bytes(resolve, where)
    found = mimetype if kind == "video" and mimetype else _shown_type(data, kind) or mimetype
    if not found:
        raise _refusal(where, f"its type is unknown: pass {kind}_mimetype=")
    return f"data:{found};base64,{_base64(data)}"


def _shown_type(data: bytes, kind: str) -> str | None:
    """Return the type that bytes show, if it is of this kind; LlamaIndex takes it from a suffix, which may be wrong."""
    shown = mime_type_of(data) or ""
    return shown if shown.startswith(f"{kind}/") else None


def _bytes(resolve: Callable[[], IOBase], where: str) -> bytes:
    """Return a block's bytes, which may be there as a data URL or, of a known type, as base64."""
    try:
        data: bytes = resolve().read()
    except (ValueError, OSError) as error:
        raise _refusal(where, str(error)) from None
    if (inside := decode_data_url(data)) is not None:
        return inside
    decoded = None if mime_type_of(data) else decode_base64(data)
    return decoded if decoded is not None and mime_type_of(decoded) else data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _refuse_remote(url: Any, where: str, field: str) -> None:
    if url and not str(url).startswith("data:"):
        raise _refusal(where, f"the API takes no URL here: fetch it and pass {field}=")


def _is_remote_file(part: Part) -> bool:
    return part["type"] == "file" and not part["file"]["file_data"].startswith("data:")


def _mark(parts: list[Part], point: CachePoint, *, caching: bool) -> None:
    """Put a cache point on the part before it, where a model knows such points."""
    marked = next((part for part in reversed(parts) if part["type"] in MARKED), None)
    if not caching or marked is None:
        logger.warning("a CachePoint is left out: only what Anthropic's models are given can carry one")
        return
    marked["cache_control"] = {"type": point.cache_control.type, "ttl": point.cache_control.ttl}


def _refusal(where: str, reason: str) -> ConfigError:
    return ConfigError(f"{where}: {reason}")
