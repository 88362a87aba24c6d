"""Content blocks to content parts.

LangChain has three generations of blocks (v0, OpenAI's parts, v1), and histories may hold Anthropic's as well. Core
turns v0 into v1 before a chat model sees it; everything else is read here. A block that has no part of its own in this
API is an error that names it: nothing is left out unsaid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inference_do import ConfigError

__all__ = ["wire_part"]

AUDIO_FORMATS = {"wave": "wav", "x-wav": "wav", "vnd.wave": "wav", "mpeg": "mp3", "mpga": "mp3"}


def wire_part(block: Any, *, where: str, cache_control: bool) -> dict[str, Any]:
    """Return a block's content part.

    Args:
        block: A string or a dict with a `type`.
        where: What to call the block in an error, such as `messages[2].content[0]`.
        cache_control: Whether the model takes `cache_control` on text parts; it is left out otherwise.

    Raises:
        ConfigError: The API has no part for it.
    """
    if isinstance(block, str):
        return {"type": "text", "text": block}
    kind = block.get("type") if isinstance(block, Mapping) else type(block).__name__
    part = READERS[kind](block, where) if kind in READERS else None
    if part is None:
        message = f"{where}: a content block of type {kind!r} has no form in this API; leave it out or write it as text"
        raise ConfigError(message)
    if part["type"] == "text" and cache_control and (mark := _extra(block, "cache_control")):
        part["cache_control"] = mark
    return part


Block = Mapping[str, Any]


def _extra(block: Block, name: str) -> Any:
    """Return a field that LangChain keeps beside the block's own or under `extras`."""
    return block.get(name) or (block.get("extras") or {}).get(name)


def _text(block: Block, where: str) -> dict[str, Any] | None:  # noqa: ARG001  every reader has both
    text = block.get("text")
    return {"type": "text", "text": text} if isinstance(text, str) else None


def _as_it_is(block: Block, where: str) -> dict[str, Any] | None:  # noqa: ARG001
    kind = block["type"]
    return {"type": kind, kind: block[kind]} if kind in block else None


def _non_standard(block: Block, where: str) -> dict[str, Any] | None:  # noqa: ARG001
    """Return what a user wrapped so that nobody would touch it."""
    value = block.get("value")
    return dict(value) if isinstance(value, Mapping) and isinstance(value.get("type"), str) else None


def _image_url(block: Block, where: str) -> dict[str, Any] | None:  # noqa: ARG001
    image = block.get("image_url")
    if isinstance(image, str):
        image = {"url": image}
    return {"type": "image_url", "image_url": {**_detail(block), **image}} if isinstance(image, Mapping) else None


def _image(block: Block, where: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": _url(block, where, "image/png"), **_detail(block)}}


def _detail(block: Block) -> dict[str, Any]:
    detail = _extra(block, "detail")
    return {"detail": detail} if detail else {}


def _video(block: Block, where: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": _url(block, where, "video/mp4")}}


def _url(block: Block, where: str, mime_type: str) -> str:
    """Return the URL of a block's data, which may be a data URL; blocks of LangChain and of Anthropic differ."""
    source = block.get("source") or block
    if not isinstance(source, Mapping):
        source = {}
    if isinstance(url := source.get("url"), str):
        return url
    data = source.get("base64") or source.get("data")
    if isinstance(data, str) and source.get("type") != "text":
        return f"data:{source.get('mime_type') or source.get('media_type') or mime_type};base64,{data}"
    message = f"{where}: a block of type {block['type']!r} needs a url or base64 data; this API takes no file ids there"
    raise ConfigError(message)


def _audio(block: Block, where: str) -> dict[str, Any]:
    url = _url(block, where, "audio/wav")
    head, _, data = url.partition(";base64,")
    if not data:
        message = f"{where}: audio must be base64 data; this API does not fetch audio URLs"
        raise ConfigError(message)
    name = head.partition("/")[2].partition(";")[0]
    return {"type": "input_audio", "input_audio": {"data": data, "format": AUDIO_FORMATS.get(name, name)}}


def _file(block: Block, where: str) -> dict[str, Any]:
    source = block.get("source")
    source = source if isinstance(source, Mapping) else {}
    if isinstance(file := block.get("file"), Mapping):
        return {"type": "file", "file": dict(file)}
    if source.get("type") == "text":
        return {"type": "text", "text": str(source.get("data") or "")}
    if file_id := block.get("file_id") or source.get("file_id"):
        return {"type": "file", "file": {"file_id": file_id}}
    url = _url(block, where, "application/pdf")
    if not url.startswith("data:"):
        message = f"{where}: a file must be base64 data or a file id; this API does not fetch file URLs"
        raise ConfigError(message)
    sources = (block, block.get("extras") or {}, block.get("metadata") or {})
    names = [source[key] for source in sources for key in ("filename", "title") if source.get(key)]
    suffix = url[5:].partition(";")[0].rpartition("/")[2]
    return {"type": "file", "file": {"file_data": url, "filename": names[0] if names else f"file.{suffix}"}}


READERS: Mapping[Any, Callable[[Block, str], dict[str, Any] | None]] = {
    "text": _text,
    "text-plain": _text,
    "image_url": _image_url,
    "image": _image,
    "audio": _audio,
    "input_audio": _as_it_is,
    "video": _video,
    "video_url": _as_it_is,
    "file": _file,
    "document": _file,
    "non_standard": _non_standard,
}
