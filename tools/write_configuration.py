"""Write the tables of docs/configuration.md: every argument of the classes, its other names, and the environment.

python -m tools.write_configuration
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from inference_do import Client
from inference_do._adapters.settings import ConnectionSettings
from inference_do._keys import UNREAD
from inference_do._urls import OPENAI_URLS, UNREAD_URLS
from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES
from inference_do.connection import SETTINGS
from inference_do.models import MODELS_VARIABLE
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding
from tools.fill_in import put

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

MODELS = (ChatDigitalOcean, DigitalOceanEmbeddings, DigitalOcean, DigitalOceanEmbedding)
CLIENTS = "Client"
"""What stands for both clients, which have the same arguments."""

NAMES = {
    CLIENTS: "client",
    "ChatDigitalOcean": "LangChain chat",
    "DigitalOceanEmbeddings": "LangChain embeddings",
    "DigitalOcean": "LlamaIndex chat",
    "DigitalOceanEmbedding": "LlamaIndex embeddings",
}
"""Short names of the classes."""

GROUPS: dict[frozenset[str], str] = {
    frozenset(NAMES): "all",
    frozenset(NAMES) - {CLIENTS}: "all but the client",
    frozenset({"ChatDigitalOcean", "DigitalOcean"}): "both chat models",
    frozenset({"DigitalOceanEmbeddings", "DigitalOceanEmbedding"}): "both embeddings",
    frozenset({"ChatDigitalOcean", "DigitalOceanEmbeddings"}): "LangChain",
    frozenset({"DigitalOcean", "DigitalOceanEmbedding"}): "LlamaIndex",
}
"""Short names of several classes."""

DEFAULTS = {
    "api_key": "the environment's",
    "base_url": "DigitalOcean's",
    "output_version": "`'v0'`",
    "timeout": "[`Timeout()`](limits.md#timeouts)",
}
"""Defaults that a field does not show."""

OTHERS = (*UNREAD, *sorted(chain(OPENAI_URLS, *UNREAD_URLS.values())))
"""Variables that other packages read, and this one does not."""

VARIABLES: tuple[tuple[Iterable[str], str, str], ...] = (
    (KEY_VARIABLES, "none", "The key, where no `api_key=` is given: the first of them that is set."),
    ((BASE_URL_VARIABLE,), "DigitalOcean's", "Where requests go, where no `base_url=` is given."),
    ((MODELS_VARIABLE,), "none", "A JSON file with facts about models, as `inference-do refresh` writes it."),
    (("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), "none", "The proxy; an http, https or SOCKS URL. Small letters too."),
    (("NO_PROXY",), "none", "Hosts, domains, networks (`10.0.0.0/8`) and ports to ask without the proxy."),
    (("SSL_CERT_FILE",), "certifi's", "A PEM file of authorities to trust, in place of certifi's."),
    (("SSL_CERT_DIR",), "none", "A folder of such files; read where `SSL_CERT_FILE` is not set."),
    (("INFERENCE_DO_MODEL",), "none", "The model of the command line, where no `--model` is given."),
    (("INFERENCE_DO_TRACEBACK",), "none", "`1`: the command line shows where a defect happened."),
    (("NO_COLOR",), "none", "`1`: the command line has no colours. rich reads it."),
    (("TERM", "COLUMNS"), "the terminal's", "The progress line of jobs and the width of the command line's tables."),
    (("LC_OUTPUT_VERSION",), "`v0`", "`output_version` of `ChatDigitalOcean`. LangChain reads it."),
    (
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",),
        "off",
        "`SPAN_ONLY`, `EVENT_ONLY` or `SPAN_AND_EVENT`: traces hold messages. OpenTelemetry reads it.",
    ),
    (
        OTHERS,
        "",
        "Names of other packages, which are not read. Where no key or address is found, a message names them.",
    ),
)
"""Variables of the environment, their defaults, and what they are for."""


class Argument(NamedTuple):
    """An argument of a class."""

    name: str
    default: str
    description: str


def shown_default(field: FieldInfo, name: str) -> str:
    """Return a default for the table."""
    if field.default is PydanticUndefined and field.default_factory is None:
        return "required"
    if name in DEFAULTS:
        return DEFAULTS[name]
    if field.default_factory is not None:
        return "`{}`" if field.default_factory is dict else "the framework's"
    if isinstance(field.default, Enum):
        return f"`{field.default.value}`"
    return "none" if field.default is None else f"`{field.default!r}`"


def arguments_of(model: type[ConnectionSettings]) -> Iterator[Argument]:
    """Return the arguments of a framework's class."""
    for name, field in model.model_fields.items():
        yield Argument(name, shown_default(field, name), str(field.description))


def arguments_of_client() -> Iterator[Argument]:
    """Return the arguments of `Client` and `AsyncClient`, described as the frameworks' are."""
    for name in inspect.signature(Client).parameters:
        if name != "unknown":
            field = ConnectionSettings.model_fields[name]
            yield Argument(name, shown_default(field, name), str(field.description))


def table_of_arguments() -> str:
    """Return the table of all arguments; where two classes differ, each has a row."""
    classes: dict[Argument, set[str]] = {}
    for argument in arguments_of_client():
        classes.setdefault(argument, set()).add(CLIENTS)
    for model in MODELS:
        for argument in arguments_of(model):
            classes.setdefault(argument, set()).add(model.__name__)
    ordered = sorted(classes, key=_rank)
    rows = [(f"`{item.name}`", item.default, item.description, _group(classes[item])) for item in ordered]
    return _table(("Argument", "Default", "What for", "Classes"), rows)


def _rank(argument: Argument) -> tuple[int, str]:
    if argument.name in {"model", "model_name"}:
        return 0, ""
    connection = (*SETTINGS, "http_client", "http_async_client")
    if argument.name in connection:
        return 1 + connection.index(argument.name), ""
    return len(connection) + 1, argument.name


def _group(names: set[str]) -> str:
    return GROUPS.get(frozenset(names)) or ", ".join(short for name, short in NAMES.items() if name in names)


def table_of_names() -> str:
    """Return the table of other names that arguments have."""
    names: dict[tuple[str, str], set[str]] = {}
    for model in MODELS:
        for other, name in model.ALIASES.items():
            names.setdefault((other, name), set()).add(model.__name__)
    return _table(
        ("Other name", "Stands for", "Classes"),
        [(f"`{other}`", f"`{name}`", _group(classes)) for (other, name), classes in sorted(names.items())],
    )


def table_of_variables() -> str:
    """Return the table of the environment's variables."""
    return _table(
        ("Variable", "Default", "What for"),
        [(", ".join(f"`{name}`" for name in names), default, text) for names, default, text in VARIABLES],
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


PARTS = {"arguments": table_of_arguments, "names": table_of_names, "variables": table_of_variables}
"""What makes each table, by the name in its marks."""


def main() -> None:
    """Write the tables into the page."""
    for name, make in PARTS.items():
        put(PAGE, f"<!-- {name}: begin -->", f"<!-- {name}: end -->", make())


if __name__ == "__main__":
    main()
