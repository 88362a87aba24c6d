"""Where the examples run: on DigitalOcean if the environment has a key, else on the embedded emulator.

EXAMPLE_MODEL and EXAMPLE_EMBEDDING_MODEL name other models, EXAMPLE_EMBEDDING_BASE_URL another host for the second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from inference_do.config import KEY_VARIABLES
from inference_do.emulator import Emulator


class Place(NamedTuple):
    """What an example's models are built with."""

    model: str
    embedding_model: str
    connection: dict[str, Any]
    """`api_key` and `base_url` of the emulator; nothing where the environment says it all."""
    embedding_connection: dict[str, Any]
    """The same for the embedding model."""


@contextmanager
def place(**emulator_options: Any) -> Iterator[Place]:
    """Say where the answers come from, and give what is needed to ask there."""
    model = os.environ.get("EXAMPLE_MODEL", "gemma-4-31B-it")
    embedding_model = os.environ.get("EXAMPLE_EMBEDDING_MODEL", "gte-large-en-v1.5")
    if any(os.environ.get(name) for name in KEY_VARIABLES):
        url = os.environ.get("DIGITALOCEAN_INFERENCE_BASE_URL", "DigitalOcean")
        print(f"[{url} answers, model {model}]\n")
        other = os.environ.get("EXAMPLE_EMBEDDING_BASE_URL")
        yield Place(model, embedding_model, {}, {"base_url": other} if other else {})
        return
    with Emulator(**emulator_options) as emulator:
        print(f"[No key is set: the embedded emulator answers in the name of {model}.")
        print(" Nothing leaves this machine.]\n")
        connection = {"api_key": emulator.api_key, "base_url": emulator.base_url}
        yield Place(model, embedding_model, connection, connection)
