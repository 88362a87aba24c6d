"""`inference-do refresh`: what the API says of its models today, in a file that the library reads."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from inference_do import Client, ConfigError
from inference_do.catalogue import CONTROL_PLANE, as_text, fetch
from inference_do.models import MODELS_VARIABLE

from ._command import connected
from ._screen import screen, write

__all__ = ["refresh"]

TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")


def refresh(path: Path, *, catalogue: bool, base_url: str | None, control_plane: str | None) -> int:
    """Write the file.

    Args:
        path: Where to.
        catalogue: Whether to ask the control plane as well.
        base_url: Where the inference API is.
        control_plane: Where the control plane is; by default DigitalOcean's.

    Raises:
        ConfigError: There is no token for the control plane, or the file cannot be written.
    """
    plane = None
    if catalogue:
        token = next((value for name in TOKEN_VARIABLES if (value := os.environ.get(name))), None)
        if token is None:
            message = f"the control plane needs a personal access token: set {TOKEN_VARIABLES[0]}"
            raise ConfigError(message)
        plane = Client(token, base_url=control_plane or CONTROL_PLANE)
    with connected(base_url) as client:
        found = fetch(client, plane)
    try:
        _replace(path, as_text(found))
    except OSError as error:
        message = f"{str(path)!r} cannot be written: {error.strerror or error}"
        raise ConfigError(message) from None
    write(screen(), f"{len(found)} models written. To use them: export {MODELS_VARIABLE}={path}")
    return 0


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside it, and then in its place. A link is not followed.

    Raises:
        ConfigError: Something that is no regular file has this name.
        OSError: It cannot be written; an earlier file is as it was.
    """
    mode = None
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
    if mode is not None and not stat.S_ISREG(mode):
        what = "a symbolic link, which is not followed" if stat.S_ISLNK(mode) else "no regular file"
        message = f"{str(path)!r} is {what}: name the file to write"
        raise ConfigError(message)
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            beside.chmod(stat.S_IMODE(mode))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
