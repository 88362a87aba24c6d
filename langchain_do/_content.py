"""Content blocks to content parts.

LangChain has three generations of blocks (v0, OpenAI's parts, v1), and histories may hold Anthropic's, Gemini's and
Bedrock's as well. Core turns v0 into v1 before a chat model sees it; everything else is read here. In a user's message
a block that has no part in this API is an error that names it. In a tool's result, which its user cannot change any
more, it is written as text.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from inference_do import ConfigError
from inference_do._adapters.files import audio_format, decode_base64, is_text_type, mime_type_of, text_of
from inference_do._adapters.histories import describe, is_sendable

__all__ = ["block_type", "is_text", "is_untyped_image", "result_parts", "wire_parts", "with_image_type"]

logger = logging.getLogger("inference_do")

Block = Mapping[str, Any]
Part = dict[str, Any]

UNKNOWN_TYPES = ("application/octet-stream", "binary/octet-stream")
MARKED = frozenset({"text", "image_url", "file"})
"""Parts that may end what the prompt cache keeps."""
TEXT_BLOCKS = frozenset({None, "text", "text-plain", "input_text", "output_text"})


def wire_parts(block: Any, *, where: str, cache_control: bool = False, file_urls: bool = False) -> list[Part]:
    """Return a block's content parts: one, or two for a file that comes with a text of its own.

    Args:
        block: A string or a dict with a `type`.
        where: What to call the block in an error, such as `messages[2].content[0]`.
        cache_control: Whether the model takes `cache_control` on parts; it is left out otherwise.
        file_urls: Whether the API takes a file by its URL.

    Raises:
        ConfigError: The API has no part for it.
    """
    if isinstance(block, str):
        return [_text_part(block)]
    if isinstance(block, Mapping) and "cachePoint" in block:
        logger.warning("%s: a cache point of Bedrock has no form here and is left out", where)
        return []
    kind = block_type(block)
    read = READERS.get(kind)
    if read is None or (part := read(block, where)) is None:
        shown = block.get("type") if isinstance(block, Mapping) else type(block).__name__
        message = (
            f"{where}: a content block of type {shown!r} has no form in this API; leave it out or write it as text"
        )
        raise ConfigError(message)
    if _is_file_url(part) and not file_urls:
        message = f"{where}: a file must be base64 data or a file id; this API does not fetch file URLs for this model"
        raise ConfigError(message)
    if mark := _extra(block, "cache_control"):
        if cache_control and part["type"] in MARKED:
            part["cache_control"] = mark
        else:
            logger.warning("%s: cache_control is left out: such a part, or the model, has no such control", where)
    context = _string(block, "context") if kind == "document" and part["type"] == "file" else None
    return [_text_part(context), part] if context else [part]


def result_parts(block: Any, *, where: str, cache_control: bool = False, file_urls: bool = False) -> list[Part]:
    """Return a block's parts in a tool's result: what has no form in the API is written as text or JSON."""
    try:
        parts = wire_parts(block, where=where, cache_control=cache_control, file_urls=file_urls)
    except ConfigError as error:
        logger.debug("%s; it is written as text", error)
        return [_text_part(describe(block))]
    if all(is_sendable(part) or _is_file_url(part) for part in parts):
        return parts
    logger.debug("%s: the API does not take such a file; it is written as text", where)
    return [_text_part(describe(block))]


def block_type(block: Any) -> str | None:
    """Return a block's type; "" for one that cannot be a type, which no reader knows."""
    kind: Any = block.get("type") if isinstance(block, Mapping) else ""
    return kind if kind is None or isinstance(kind, str) else ""


def is_text(block: Any) -> bool:
    """Return whether a block is text and nothing else."""
    if isinstance(block, str):
        return True
    return block_type(block) in TEXT_BLOCKS and isinstance(block.get("text"), str)


def is_untyped_image(block: Any) -> TypeGuard[Block]:
    """Return whether a block is an image in base64 without its type."""
    return (
        isinstance(block, Mapping)
        and block.get("type") == "image"
        and not block.get("mime_type")
        and isinstance(block.get("base64") or block.get("data"), str)
    )


def with_image_type(block: Block) -> dict[str, Any]:
    """Return such a block with the type that its first bytes show."""
    data = decode_base64((block.get("base64") or block["data"])[:64])
    return {**block, "mime_type": mime_type_of(data or b"") or "image/png"}


def _is_file_url(part: Part) -> bool:
    return part["type"] == "file" and "file_url" in part["file"]


def _extra(block: Block, name: str) -> Any:
    """Return a field that LangChain keeps beside the block's own or under `extras`."""
    extras = block.get("extras")
    return block.get(name) or (extras.get(name) if isinstance(extras, Mapping) else None)


def _string(block: Block, *names: str) -> str | None:
    """Return the first of these fields that is a text, of the block or of what is kept beside it."""
    kept = (block, block.get("extras"), block.get("metadata"))
    sources = [source for source in kept if isinstance(source, Mapping)]
    values = (source.get(name) for source in sources for name in names)
    return next((value for value in values if isinstance(value, str) and value), None)


def _text_part(text: str) -> Part:
    return {"type": "text", "text": text}


def _text(block: Block, where: str) -> Part | None:  # noqa: ARG001  every reader has both
    text = block.get("text")
    if not isinstance(text, str):
        return None
    return _text_part(_titled(text, block) if block.get("type") == "text-plain" else text)


def _titled(text: str, block: Block) -> str:
    """Return a document's text below its title and its context, which say what it is."""
    heads = [head for head in (_string(block, "title", "filename"), _string(block, "context")) if head]
    return "\n".join(heads) + ":\n" + text if heads else text


def _as_it_is(block: Block, where: str) -> Part | None:  # noqa: ARG001
    kind = block["type"]
    return {"type": kind, kind: block[kind]} if kind in block else None


def _non_standard(block: Block, where: str) -> Part | None:  # noqa: ARG001
    """Return what a user wrapped so that nobody would touch it."""
    value = block.get("value")
    return dict(value) if isinstance(value, Mapping) and isinstance(value.get("type"), str) else None


def _image_url(block: Block, where: str) -> Part | None:  # noqa: ARG001
    image = block.get("image_url")
    if isinstance(image, str):
        image = {"url": image}
    return {"type": "image_url", "image_url": {**_detail(block), **image}} if isinstance(image, Mapping) else None


def _image(block: Block, where: str) -> Part:
    return {"type": "image_url", "image_url": {"url": _url(block, where, "image/png"), **_detail(block)}}


def _detail(block: Block) -> dict[str, Any]:
    detail = _extra(block, "detail")
    return {"detail": detail} if detail else {}


def _video(block: Block, where: str) -> Part:
    return {"type": "video_url", "video_url": {"url": _url(block, where, "video/mp4")}}


def _url(block: Block, where: str, mime_type: str) -> str:
    """Return the URL of a block's data, which may be a data URL; blocks of LangChain and of others differ.

    Args:
        block: The block.
        where: What to call it in an error.
        mime_type: What the data is if neither the block nor the first bytes say it.
    """
    source = _source(block)
    if isinstance(url := source.get("url"), str):
        return url
    data = source.get("base64") or source.get("data") or source.get("bytes")
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode()
    if isinstance(data, str) and source.get("type") != "text":
        given = source.get("mime_type") or source.get("media_type") or block.get("mime_type")
        named = given if isinstance(given, str) else mime_type_of(decode_base64(data[:64]) or b"") or mime_type
        return f"data:{named};base64,{data}"
    message = f"{where}: a block of type {block['type']!r} needs a url or base64 data; this API takes no file ids there"
    raise ConfigError(message)


def _source(block: Block) -> Block:
    source = block.get("source") or block
    return source if isinstance(source, Mapping) else {}


def _audio(block: Block, where: str) -> Part:
    url = _url(block, where, "audio/wav")
    head, _, data = url.partition(";base64,")
    if not data:
        message = f"{where}: audio must be base64 data; this API does not fetch audio URLs"
        raise ConfigError(message)
    return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format(head)}}


def _file(block: Block, where: str) -> Part | None:
    if isinstance(file := block.get("file"), Mapping):
        return {"type": "file", "file": dict(file)}
    source = _source(block)
    match source:
        case {"type": "text", "data": str() as text} | {"type": "text", "text": str() as text}:
            return _text_part(_titled(text, block))
        case {"type": "content", "content": str() | list() as content}:
            return _of_texts([content] if isinstance(content, str) else content, block)
        case {"file_id": str() as file_id} if file_id:
            return {"type": "file", "file": {"file_id": file_id}}
    if isinstance(outer := block.get("file_id"), str) and outer:
        return {"type": "file", "file": {"file_id": outer}}
    return _file_at(block, _url(block, where, ""))


def _file_at(block: Block, url: str) -> Part:
    head, _, encoded = url.partition(";base64,")
    if not head.startswith("data:"):
        name = _string(block, "filename", "title", "name")
        return {"type": "file", "file": {"file_url": url, **({"filename": name} if name else {})}}
    return _file_of(block, head[5:], encoded)


def _of_texts(content: list[Any], block: Block) -> Part | None:
    if not all(map(is_text, content)):
        return None
    texts = [item if isinstance(item, str) else item["text"] for item in content]
    return _text_part(_titled("\n".join(texts), block))


def _file_of(block: Block, mime_type: str, encoded: str) -> Part:
    """Return the part of a file's bytes, which say what it is: text is sent as text."""
    mime_type = "" if mime_type.partition(";")[0].lower() in UNKNOWN_TYPES else mime_type
    data = decode_base64("".join(encoded.split())) if not mime_type or is_text_type(mime_type) else None
    if data is not None and (text := text_of(data, mime_type)) is not None:
        return _text_part(_titled(text, block))
    kind = (data and mime_type_of(data)) or mime_type or "application/pdf"
    name = _string(block, "filename", "title", "name") or f"file.{kind.partition(';')[0].rpartition('/')[2]}"
    return {"type": "file", "file": {"file_data": f"data:{kind};base64,{encoded}", "filename": name}}


def _media(block: Block, where: str) -> Part | None:
    """Read Gemini's block for any file, whose type says what it is."""
    mime_type = block.get("mime_type")
    kind = mime_type.partition("/")[0] if isinstance(mime_type, str) else ""
    if isinstance(uri := block.get("file_uri"), str):
        block = {**block, "url": uri}
    return {"image": _image, "audio": _audio, "video": _video}.get(kind, _file)(block, where)


def _guarded(block: Block, where: str) -> Part | None:
    """Read Bedrock's text that a guardrail looks at."""
    inner = block.get("guard_content")
    return _text(inner, where) if isinstance(inner, Mapping) else None


READERS: Mapping[str | None, Callable[[Block, str], Part | None]] = {
    None: _text,
    "text": _text,
    "text-plain": _text,
    "input_text": _text,
    "output_text": _text,
    "image_url": _image_url,
    "image": _image,
    "audio": _audio,
    "input_audio": _as_it_is,
    "video": _video,
    "video_url": _as_it_is,
    "file": _file,
    "document": _file,
    "media": _media,
    "guard_content": _guarded,
    "non_standard": _non_standard,
}
