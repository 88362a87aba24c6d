"""What importing costs, who may import whom, and that the public names are what they say."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import inference_do
from inference_do import errors

ROOT = Path(__file__).parent.parent
CORE = ROOT / "inference_do"
HEAVY = [
    "httpx",
    "httpcore",
    "aiohttp",
    "httpx_aiohttp",
    "pydantic",
    "langchain_core",
    "langchain",
    "llama_index",
    "numpy",
]
ADAPTERS = ["langchain_do", "llamaindex_do"]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    return set(done.stdout.split())


@pytest.mark.parametrize("package", ["inference_do", *ADAPTERS])
def test_a_bare_import_loads_nothing_heavy(package):
    assert loaded_by(f"import {package}") == set()


PARTS = [
    ("from inference_do import InferenceError, StreamInterrupted", set()),
    ("from inference_do import model_info; model_info('llama3.3-70b-instruct')", {"pydantic"}),
    ("from inference_do import ChatCompletion, Timeout", {"pydantic"}),
    ("from inference_do import Client; Client('k')", {"pydantic"}),
    ("from inference_do import AsyncClient; AsyncClient('k')", {"pydantic"}),
    ("import inference_do.emulator", set()),
]


@pytest.mark.parametrize(("statement", "allowed"), PARTS)
def test_importing_a_part_costs_that_part(statement, allowed):
    assert loaded_by(statement) <= allowed


# --- directions ---

# Each module, and what of the package it may import when the program runs.
ALLOWED = {
    "__init__": {"client", "config", "errors", "knowledge", "models", "pricing", "rules", "types"},
    "errors": {"types"},
    "response": set(),
    "types": {"errors", "response"},
    "models": {"errors"},
    "rules": {"errors", "models"},
    "catalogue": {"client", "errors"},
    "_urls": {"errors"},
    "config": {"_urls", "errors", "__init__"},
    "accumulate": {"errors", "types"},
    "_json": set(),
    "_sse": set(),
    "_retry": {"errors"},
    "_status": {"_json", "errors"},
    "_call": {"_retry", "config", "errors", "types"},
    "_flow": {"_call", "_json", "_retry", "_sse", "_status", "accumulate", "errors", "types"},
    "_drive": {"_call", "errors"},
    "_transport/sockets": set(),
    "_transport/environment": {"config"},
    "_transport/http11": set(),
    "_transport/thread_sockets": {"_transport/sockets"},
    "_transport/loop_sockets": {"_transport/sockets"},
    "_transport/pool": {
        "_transport/environment",
        "_transport/http11",
        "_transport/loop_sockets",
        "_transport/sockets",
        "_transport/thread_sockets",
    },
    "_transport/faults": {"_call", "config", "errors"},
    "_transport/exchange": {
        "_call",
        "_transport/environment",
        "_transport/faults",
        "_transport/loop_sockets",
        "_transport/pool",
        "_transport/sockets",
        "_transport/thread_sockets",
        "config",
        "errors",
    },
    "_transport/threads": {
        "_call",
        "_transport/exchange",
        "_transport/sockets",
        "_transport/thread_sockets",
        "config",
    },
    "_transport/loops": {"_call", "_transport/exchange", "_transport/loop_sockets", "_transport/pool", "config"},
    "connection": {"client", "config"},
    "knowledge": {"_urls", "config", "connection", "errors", "types"},
    "pricing": {"models", "types"},
    "_bodies": {"_json", "errors", "types"},
    "_core": {"_bodies", "_call", "_retry", "accumulate", "config", "errors", "models", "rules", "types"},
    "client": {
        "_bodies",
        "_call",
        "_core",
        "_drive",
        "_flow",
        "_transport/loops",
        "_transport/threads",
        "accumulate",
        "config",
        "errors",
        "types",
    },
}
HTTP = {"httpx", "httpx2", "httpcore", "httptools", "h11", "aiohttp", "aiohappyeyeballs", "urllib3", "requests"}
CORE_FILES = [*sorted(CORE.glob("*.py")), *sorted((CORE / "_transport").glob("[!_]*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(CORE).with_suffix("").as_posix()


def local_imports_of(path: Path) -> set[str]:
    """Return the modules of the core that one of them imports, by their paths."""
    found: set[str] = set()
    inside = "_transport/" if path.parent.name == "_transport" else ""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = (node.module or "").removeprefix("inference_do").removeprefix(".").replace(".", "/")
        if node.level:
            found |= {inside + module} if module else {inside + alias.name for alias in node.names}
        elif (node.module or "").partition(".")[0] == "inference_do":
            found.add(module)
    return {"__init__" if name == "__version__" else name for name in found}


def imports_of(path: Path) -> set[str]:
    """Return the modules that a file imports, relative ones with their dots; names imported for types count too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            found |= {f"{dots}{node.module}"} if node.module else {f"{dots}{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_imports_run_one_way(path):
    assert name_of(path) in ALLOWED, "a new module: say in ALLOWED what it may import"
    assert local_imports_of(path) <= ALLOWED[name_of(path)]


@pytest.mark.parametrize("path", CORE_FILES, ids=name_of)
def test_only_the_transport_knows_an_http_library(path):
    roots = {name.split(".")[0] for name in imports_of(path)}
    assert not roots & HTTP or path.parent.name == "_transport"
    assert not any("emulator" in name for name in imports_of(path))
    assert not roots & {*ADAPTERS, "langchain", "langchain_core", "llama_index"}


def test_the_table_has_no_circle_when_the_program_runs():
    """`errors` and `types` name each other for type checkers only."""
    order = [
        "errors",
        "response",
        "types",
        "models",
        "rules",
        "_urls",
        "config",
        "_json",
        "_sse",
        "_retry",
        "_status",
        "accumulate",
        "_call",
        "_flow",
    ]
    order += [
        "_bodies",
        "_drive",
        "_transport/sockets",
        "_transport/environment",
        "_transport/http11",
        "_transport/thread_sockets",
        "_transport/loop_sockets",
        "_transport/pool",
        "_transport/faults",
        "_transport/exchange",
        "_transport/threads",
        "_transport/loops",
        "_core",
        "client",
        "connection",
        "catalogue",
        "knowledge",
        "pricing",
    ]
    for module, allowed in ALLOWED.items():
        if module in {"errors", "__init__"}:
            continue
        later = {name for name in allowed - {"__init__"} if order.index(name) >= order.index(module)}
        assert not later, (module, later)


ADAPTER_FILES = [path for package in ADAPTERS for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", ADAPTER_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_adapters_see_only_what_is_public_and_not_each_other(path):
    mine = path.relative_to(ROOT).parts[0]
    other = next(package for package in ADAPTERS if package != mine)
    foreign = {"langchain_do": "llama_index", "llamaindex_do": "langchain"}[mine]
    tests = "testing" in path.parts  # a kit, which needs a server
    for name in imports_of(path):
        parts = name.split(".")
        assert parts[0] not in {other, foreign}
        assert not (
            parts[0] == "inference_do"
            and any(part.startswith("_") or (part == "emulator" and not tests) for part in parts[1:])
        )
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inference_do"):
            assert not [
                alias.name for alias in node.names if alias.name.startswith("_") and alias.name != "__version__"
            ]


# --- names ---


def typed_names() -> set[str]:
    tree = ast.parse((CORE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_the_public_names_are_those_that_type_checkers_see():
    assert typed_names() == set(inference_do.__all__) - {"__version__"}
    assert set(dir(inference_do)) == {*inference_do.__all__, "__version__"}


@pytest.mark.parametrize("name", sorted(set(inference_do.__all__) - {"__version__"}))
def test_every_name_is_what_its_module_has(name):
    value = getattr(inference_do, name)
    assert value.__module__.startswith("inference_do.")
    home = import_module(value.__module__)
    assert getattr(home, name) is value
    assert name in home.__all__


def test_all_of_the_errors_are_public():
    assert set(errors.__all__) - {"Phase"} <= set(inference_do.__all__)


def test_there_is_a_version_and_nothing_unknown():
    assert inference_do.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="module 'inference_do' has no attribute 'nothing'"):
        _ = inference_do.nothing


def test_a_star_import_gives_all_of_it():
    names: dict[str, object] = {}
    exec("from inference_do import *", names)
    assert set(inference_do.__all__) <= set(names)
