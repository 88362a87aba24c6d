"""What importing costs, who may import whom, and that the public names are what they say."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
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
    "opentelemetry",
]
ADAPTERS = ["langchain_do", "llamaindex_do"]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=150)
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
    ("import inference_do.jobs", {"pydantic"}),
    ("import inference_do.telemetry", set()),
    ("import inference_do.emulator", set()),
    ("import pytest; import inference_do.testing.plugin", set()),
]


@pytest.mark.parametrize(("statement", "allowed"), PARTS)
def test_importing_a_part_costs_that_part(statement, allowed):
    assert loaded_by(statement) <= allowed


# --- directions ---

ROOMS: dict[str, set[str]] = {
    # what stands in a folder of the core, or beside the others in its root, and what of the core it may import;
    # a folder's own rooms are named with it
    "base": {"base"},
    "_protocol": {"base", "_protocol", "_wires.codec"},
    "_wires": {"base", "_protocol.json", "_wires"},
    "_transport": {"base", "_protocol.call", "_protocol.pacing", "_transport"},
    "_batches": {"base", "_protocol", "_wires", "_batches"},
    "client": {"base", "_protocol", "_wires", "_transport", "_batches", "client"},
    "_jobs": {"base", "_jobs"},
    "_otel": {"base", "_otel", "telemetry"},
    "telemetry": {"base", "_otel.calls", "telemetry"},
    "platform": {"base", "client", "platform", "_jobs"},
    "_adapters": {"base", "client", "platform", "_adapters"},
    "emulator": {"base", "emulator", "emulator._server"},
    "emulator._model": {"base", "emulator._json", "emulator._model"},
    "emulator._faults": {"emulator", "emulator._faults"},
    "emulator._server": {"base", "emulator", "emulator._model", "emulator._faults", "emulator._server"},
    "testing": {"base", "emulator", "emulator._server", "testing"},
    "cli": {
        *("base", "client", "platform", "_jobs", "_adapters", "emulator", "cli"),
        *("_transport.environment", "_wires.selection"),  # what a report says of the proxy and the API
    },
}
ROOM_OF = {
    **dict.fromkeys(("_core", "_elsewhere", "batches", "client"), "client"),
    **dict.fromkeys(("catalogue", "connection", "jobs", "knowledge"), "platform"),
}
"""The rooms of modules in the root; all others there are `base`."""
HTTP = {"httpx", "httpx2", "httpcore", "httptools", "h11", "aiohttp", "aiohappyeyeballs", "urllib3", "requests"}
MAY_KNOW_HTTP = {"_transport": HTTP, "emulator._server": {"h11"}, "testing": {"httpx"}}
STRUCTURE = spec_from_file_location("structure", ROOT / "tools" / "structure.py")


@pytest.fixture(scope="module")
def structure():
    module = module_from_spec(STRUCTURE)
    STRUCTURE.loader.exec_module(module)
    return module


def room_of(module: str) -> str:
    first, _, rest = module.removeprefix("inference_do.").partition(".")
    inner = f"{first}.{rest.partition('.')[0]}"
    if inner in ROOMS:
        return inner
    return first if rest or first in ROOMS else ROOM_OF.get(first, "base")


def test_no_class_name_of_the_core_means_two_things():
    names = [
        node.name.lstrip("_")
        for path in CORE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


@pytest.mark.parametrize("package", ["inference_do", *ADAPTERS])
def test_imports_run_in_no_circle(structure, package):
    assert max(structure.floors_of(structure.graph_of(package)).values()) < 15


def test_a_circle_would_be_seen(structure):
    with pytest.raises(ValueError, match="a -> b -> a"):
        structure.floors_of({"a": {"b"}, "b": {"a"}})


def test_rooms_inside_the_emulator_are_rooms():
    modules = ("_model.text", "_faults.steps", "_server.chat.body", "faults")
    rooms = [room_of(f"inference_do.emulator.{module}") for module in modules]
    assert rooms == ["emulator._model", "emulator._faults", "emulator._server", "emulator"]


def test_each_room_imports_only_what_stands_below_it(structure):
    wrong = [
        (module, other)
        for module, others in structure.graph_of("inference_do").items()
        if module != "inference_do"
        for other in others
        if room_of(other) not in ROOMS[room_of(module)]
        and other.removeprefix("inference_do.") not in ROOMS[room_of(module)]
    ]
    assert wrong == []


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.relative_to(CORE).as_posix())
def test_only_the_transport_knows_an_http_library(path):
    named = imports_of(path)
    parts = path.relative_to(CORE).with_suffix("").parts
    assert {name.split(".")[0] for name in named} & HTTP <= MAY_KNOW_HTTP.get(room_of(".".join(parts)), set())
    assert parts[0] in {"emulator", "cli", "testing"} or not any("emulator" in name for name in named)
    assert not {name.split(".")[0] for name in named} & {*ADAPTERS, "langchain", "langchain_core", "llama_index"}


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
        if parts[0] == "inference_do" and parts[1:2] != ["_adapters"]:
            assert not any(part.startswith("_") or (part == "emulator" and not tests) for part in parts[1:])
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
    assert value.__module__.partition(".")[0] == "inference_do"
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
