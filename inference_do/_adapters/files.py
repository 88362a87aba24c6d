"""What a file is, by its bytes: names and types that come with it may be missing or wrong."""

from __future__ import annotations

import base64
import codecs
import re
from binascii import Error as Base64Error
from urllib.parse import unquote_to_bytes

__all__ = ["audio_format", "decode_base64", "decode_data_url", "is_text_type", "mime_type_of", "text_of"]

PDF = "application/pdf"
SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), mime_type)
    for pattern, mime_type in (
        (rb"(?:\xef\xbb\xbf)?\s*%PDF-", PDF),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"BM....\x00\x00\x00\x00", "image/bmp"),
        (rb"II\*\x00|MM\x00\*", "image/tiff"),
        (rb"....ftyp(?:hei|mif1)", "image/heic"),
        (rb"....ftypavif", "image/avif"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "audio/mpeg"),
        (rb"fLaC\x00", "audio/flac"),
        (rb"OggS\x00", "audio/ogg"),
        (rb"....ftypM4A", "audio/mp4"),
        (rb"....ftypqt", "video/quicktime"),
        (rb"....ftyp", "video/mp4"),
        (rb"RIFF....AVI ", "video/x-msvideo"),
        (rb"\x1aE\xdf\xa3", "video/webm"),
        (rb"PK\x03\x04", "application/zip"),
        (rb"\x1f\x8b", "application/gzip"),
    )
)
"""How files begin, and their types: https://en.wikipedia.org/wiki/List_of_file_signatures"""

LONGEST_HEAD = 300
"""Bytes of a data URL up to its comma, at most."""

AUDIO_FORMATS = {"wave": "wav", "x-wav": "wav", "vnd.wave": "wav", "mpeg": "mp3", "mpga": "mp3"}
TEXT_TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/sql",
    "application/javascript",
    "application/csv",
)
MARKED = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Marks at the beginning of a text, with its encoding. UTF-32's begins as UTF-16's does, so it comes first."""


def mime_type_of(data: bytes) -> str | None:
    """Return the type that a file's first bytes show; None for plain text and for what is not known."""
    return next((mime_type for begins, mime_type in SIGNATURES if begins.match(data)), None)


def is_text_type(mime_type: str) -> bool:
    """Return whether a MIME type says that a file is text."""
    plain = mime_type.partition(";")[0].strip().lower()
    return plain.startswith("text/") or plain.endswith(("+json", "+xml", "+yaml")) or plain in TEXT_TYPES


def text_of(data: bytes, mime_type: str | None = None) -> str | None:
    """Return a file's text, or None if it is no text.

    Args:
        data: The file.
        mime_type: What is said of it. A file that is said to be text is read as Windows' text (cp1252) where it is no
            Unicode.
    """
    if mime_type_of(data) is not None:
        return None
    encoding = next((name for mark, name in MARKED if data.startswith(mark)), "utf-8")
    is_declared = mime_type is not None and is_text_type(mime_type)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace") if is_declared else None
    return text if is_declared or "\x00" not in text else None


def decode_base64(text: str | bytes) -> bytes | None:
    """Return the bytes of base64 text, which may have line breaks, or None if it is none."""
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except (Base64Error, ValueError):
        return None


def decode_data_url(text: bytes) -> bytes | None:
    """Return the bytes of a data URL, or None if it is none."""
    head, is_url, data = text[:LONGEST_HEAD].partition(b",")
    if not is_url or not head.lower().startswith(b"data:"):
        return None
    data = text[len(head) + 1 :]
    return decode_base64(data) if head.lower().endswith(b";base64") else unquote_to_bytes(data)


def audio_format(mime_type: str) -> str:
    """Return the API's name of a sound's format, given its MIME type or its own name."""
    name = mime_type.partition(";")[0].strip().lower().rpartition("/")[2]
    return AUDIO_FORMATS.get(name, name)
