"""The page about the configuration is up to date: its tables are those of the code, and no variable is missing."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from inference_do import AsyncClient, Client
from tools import write_configuration

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
READS = re.compile(r"\b(environ|getenv|envvar)\b")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*|no_proxy")
FILES = [
    path for package in ("inference_do", "langchain_do", "llamaindex_do") for path in (ROOT / package).rglob("*.py")
]


@pytest.mark.parametrize("part", write_configuration.PARTS)
def test_its_tables_are_those_of_the_code(part):
    inside = PAGE.partition(f"<!-- {part}: begin -->")[2].partition(f"<!-- {part}: end -->")[0]
    assert inside.strip() == write_configuration.PARTS[part]().strip(), "run python -m tools.write_configuration"


@pytest.mark.parametrize("model", write_configuration.MODELS)
def test_every_argument_is_described(model):
    assert [item for item in write_configuration.arguments_of(model) if item.description in {"None", ""}] == []


def test_both_clients_take_the_same():
    assert inspect.signature(Client).parameters.keys() == inspect.signature(AsyncClient).parameters.keys()


def reading_parts(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the functions and statements that read the environment."""
    for node in ast.walk(tree):
        reads = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign | ast.Return)
        if reads and READS.search(ast.unparse(node)):
            yield node


def variables_of(path: Path) -> set[str]:
    """Return the names of variables in what reads the environment: constants, and the module's own names for them."""
    found: set[str] = set()
    module = None
    text = path.read_text(encoding="utf-8")
    for part in reading_parts(ast.parse(text)) if READS.search(text) else ():
        for node in ast.walk(part):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
                found.add(node.value)
            if isinstance(node, ast.Name) and node.id.isupper():
                module = module or importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                found |= set(filter(VARIABLE.fullmatch, texts_of(getattr(module, node.id, None))))
    return found


def texts_of(value: object) -> Iterator[str]:
    """Yield a text, or the texts of a tuple or of a mapping's values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from texts_of(item)


def test_every_variable_that_the_code_reads_is_in_it():
    found = set().union(*map(variables_of, FILES))
    assert {"DIGITALOCEAN_TOKEN", "INFERENCE_DO_MODELS", "INFERENCE_DO_MODEL", "SSL_CERT_DIR", "COLUMNS"} <= found
    missing = {name for name in found if f"`{name.upper()}`" not in PAGE}
    assert missing == set()
