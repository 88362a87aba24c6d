"""What comes from standard input, text that is piped in and lines that are typed; and images from files."""

from __future__ import annotations

import base64
import io
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from inference_do import ConfigError
from inference_do._adapters.files import mime_type_of

from ._screen import errors, say, whole_text, write

__all__ = ["content_of", "edit_lines", "piped_text", "typed_line", "typed_text"]

PATIENCE = 2.0
"""Seconds after which a line says that standard input is being waited for."""

FENCE = '"""'
"""What begins and ends text of several lines."""


def piped_text(*, from_terminal: bool = False) -> str | None:
    """Return all of standard input, nothing if it is closed, or None if it is a terminal.

    Args:
        from_terminal: Read a terminal as well, until Ctrl-D.

    Raises:
        ConfigError: It cannot be read, or is not text.
    """
    try:
        if sys.stdin is None or sys.stdin.closed:
            return ""
        if not sys.stdin.isatty():
            _announce_wait()
        elif not from_terminal:
            return None
        data = sys.stdin.buffer.read()
        encoding = sys.stdin.encoding or "utf-8"
        return data.decode("utf-8-sig" if encoding.lower().replace("-", "") == "utf8" else encoding)
    except UnicodeDecodeError as error:
        message = f"what is piped in is not {error.encoding} text: byte {data[error.start]:#04x} at {error.start}"
    except (OSError, io.UnsupportedOperation) as error:
        message = f"standard input cannot be read: {getattr(error, 'strerror', None) or error}"
    raise ConfigError(message)


def _announce_wait() -> None:
    with suppress(OSError, ValueError):  # no file, or a system that cannot wait for pipes
        if not select.select([sys.stdin], [], [], PATIENCE)[0]:
            say(errors(), "waiting for standard input to end; < /dev/null gives none", "dim")


# --- a conversation's lines ---


def edit_lines() -> None:
    """Let lines be edited and called back, and text of several lines be pasted as one; nothing is kept on disk."""
    with suppress(ImportError):  # Windows has none
        import readline  # noqa: PLC0415

        if "libedit" not in (readline.__doc__ or ""):
            readline.parse_and_bind("set enable-bracketed-paste on")


def typed_text(prompt: str) -> str | None:
    r"""Return what a user types: a line; one that ends in a backslash goes on, and so do lines between two \"\"\".

    Returns:
        The text without white space around it, None at the end of the input.
    """
    line = typed_line(prompt)
    if line is None:
        return None
    if line.lstrip().startswith(FENCE):
        parts = [line.lstrip().removeprefix(FENCE)]
        while FENCE not in parts[-1]:
            if (line := typed_line("... ")) is None:
                return None
            parts.append(line)
        return "\n".join(parts).rstrip().removesuffix(FENCE).strip()
    lines = [line]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1].removesuffix("\\")
        if (line := typed_line("... ")) is None:
            break
        lines.append(line)
    return "\n".join(lines).strip()


def typed_line(prompt: str) -> str | None:
    """Return the next line; None at the end of the input. The prompt goes to standard error if output is piped."""
    while True:
        try:
            if sys.stdout is not None and sys.stdout.isatty():
                line = input(prompt)
            else:
                write(errors(), prompt, end="")
                line = input()
            return line.encode("utf-8", "surrogateescape").decode("utf-8")
        except EOFError:
            return None
        except UnicodeError:
            say(errors(), "this line is not UTF-8 text; type it again", "yellow")


# --- images ---


def content_of(text: str, images: list[Path]) -> Any:
    """Return the content of a message: a text, or parts if there are images.

    Raises:
        ConfigError: A file cannot be read, or is no image.
    """
    if not images:
        return whole_text(text)
    return [{"type": "text", "text": whole_text(text)}, *map(_image, images)]


def _image(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    else:
        mime_type = mime_type_of(data) or ""
        if mime_type.startswith("image/"):
            url = f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}"
            return {"type": "image_url", "image_url": {"url": url}}
        reason = "is no image of a known type (PNG, JPEG, GIF, WebP, ...)"
    message = f"--image {str(path)!r} {reason}"
    raise ConfigError(message)
