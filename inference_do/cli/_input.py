"""What comes from standard input: text that is piped in, and lines that are typed."""

from __future__ import annotations

import io
import select
import sys
from contextlib import suppress

from inference_do import ConfigError

from ._screen import errors, write

__all__ = ["piped_text", "typed_line"]

PATIENCE = 2.0
"""Seconds after which a line says that standard input is being waited for."""


def piped_text() -> str | None:
    """Return all of standard input, nothing if it is closed, or None if it is a terminal.

    Raises:
        ConfigError: It cannot be read, or is not text.
    """
    try:
        if sys.stdin is None or sys.stdin.closed:
            return ""
        if sys.stdin.isatty():
            return None
        _announce_wait()
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
            write(errors(), "waiting for standard input to end; < /dev/null gives none", "dim")


def typed_line(prompt: str) -> str | None:
    """Return the next line that a user types, without white space around it; None at the end of the input."""
    while True:
        try:
            return input(prompt).strip().encode("utf-8", "surrogateescape").decode("utf-8")
        except EOFError:
            return None
        except UnicodeError:
            write(errors(), "this line is not UTF-8 text; type it again", "yellow")
