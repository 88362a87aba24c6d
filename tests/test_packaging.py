"""What the wheel holds, and what it says of itself."""

import ast
import email
import importlib
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

import inference_do
from inference_do._pyinstaller import hook_dirs
from inference_do.emulator import Emulator

ROOT = Path(__file__).parent.parent
PACKAGES = {"inference_do", "langchain_do", "llamaindex_do"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    [path] = WheelBuilder(str(ROOT)).build(directory=str(folder))
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_it_holds_the_three_packages_typed_and_nothing_else(wheel):
    names = wheel.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    page = {
        f"inference_do/emulator/_server/playground/page/{name}" for name in ("index.html", "main.js", "playground.css")
    }
    assert {"inference_do/_models.json", "inference_do/emulator/__main__.py"} | page <= set(names)
    kits = tuple(f"{package}/testing/" for package in PACKAGES)  # for tests of others
    assert not [name for name in names if ("test" in name and not name.startswith(kits)) or name.endswith(".pyc")]
    for package in PACKAGES:
        files = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert files <= set(names)


def test_its_metadata_names_the_extras_and_the_licence(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Name"] == "inference-do"
    assert metadata["Version"] == version("inference-do") == inference_do.__version__
    assert set(metadata.get_all("Provides-Extra")) == {"langchain", "llamaindex", "cli", "otel", "all"}
    assert metadata["License-Expression"] == "MIT"
    always = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in always if line.startswith(("langchain", "llama"))]


def test_it_installs_the_command(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert "[console_scripts]\ninference-do = inference_do.cli:main" in wheel.read(name).decode()


def test_the_changelog_has_this_version():
    assert f"## {inference_do.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# --- the sdist ---


def test_the_sdist_has_what_its_scripts_and_tests_need(tmp_path):
    [path] = SdistBuilder(str(ROOT)).build(directory=str(tmp_path))
    with tarfile.open(path) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    top = {name.split("/")[0] for name in names}
    mentioned = set()
    for script in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]:
        words = re.findall(r"(?<![\w./$-])[\w.-]+(?:/[\w.-]+)*", script.read_text(encoding="utf-8"))
        mentioned |= {word.split("/")[0] for word in words if (ROOT / word).exists() and not word.startswith(".")}
    assert {"benchmarks", "constraints.txt", "tests", "tools", "examples"} <= mentioned
    mentioned -= {"build", "dist", "site"}  # what scripts make
    assert mentioned <= top
    assert {"pyproject.toml", "CONTRIBUTING.md", "SECURITY.md", ".ci/run"} <= names | top
    assert not [name for name in names if name.endswith(".pyc")]


# --- copies and frozen programs ---

ASKS = """
import warnings
import inference_do
from inference_do import Client, closest_models, known_models, model_info
from langchain_do import ChatDigitalOcean
import langchain_do, llamaindex_do, sys
print(inference_do.__version__, langchain_do.__version__, llamaindex_do.__version__)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(len(known_models()), model_info("glm-5.2").context_window, closest_models("glm-5"))
print([str(warning.message).split(",")[0] for warning in caught])
with Client(sys.argv[2], base_url=sys.argv[1]) as client:
    print(client.chat(model="glm-5.2", messages=[{"role": "user", "content": "Hello"}]).text)
print(ChatDigitalOcean(model="glm-5.2", api_key=sys.argv[2], base_url=sys.argv[1]).invoke("Hello").text)
"""


@pytest.mark.parametrize("is_whole", [True, False], ids=["vendored", "without data files"])
def test_a_copy_without_metadata_works(tmp_path, is_whole):
    """As vendored, or packed by a tool that takes modules only."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    if not is_whole:
        (tmp_path / "inference_do" / "_models.json").unlink()
    without = (
        "import importlib.metadata as metadata\n"
        "real = metadata.Distribution.from_name\n"
        "def hidden(name):\n"
        "    if name == 'inference-do':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.Distribution.from_name = hidden\n"
    )
    with Emulator() as emu:
        done = subprocess.run(
            [sys.executable, "-c", without + ASKS, emu.base_url, emu.api_key],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    versions, known, warned, *answers = done.stdout.splitlines()
    assert versions.split() == [inference_do.__version__] * 3
    if is_whole:
        assert (known.split()[0], warned) == (str(len(inference_do.known_models())), "[]")
    else:
        assert (known, warned) == ("0 None []", "['inference_do was packed without its file _models.json']")
    assert answers == ["You said: Hello"] * 2


def test_pyinstaller_finds_hooks_for_each_package(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert "[pyinstaller40]\nhook-dirs = inference_do._pyinstaller:hook_dirs" in wheel.read(name).decode()
    [folder] = hook_dirs()
    assert {path.name for path in Path(folder).glob("hook-*.py")} == {f"hook-{package}.py" for package in PACKAGES}


def test_the_hooks_take_the_data_and_every_module_that_is_imported_late(monkeypatch):
    """PyInstaller's three functions are written out here: it is no dependency of the tests."""

    def collect_submodules(package, filter=lambda _: True):  # noqa: A002  PyInstaller's name
        paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / package).rglob("*.py")]
        names = {".".join(path.parts).removesuffix(".__init__") for path in paths}
        return sorted(name for name in names if filter(name))

    hooks = ModuleType("PyInstaller.utils.hooks")
    hooks.collect_submodules = collect_submodules
    hooks.collect_data_files = lambda package: [str(path) for path in (ROOT / package).rglob("*.json")]
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)
    [folder] = hook_dirs()
    for package in PACKAGES:
        taken = runpy.run_path(f"{folder}/hook-{package}.py")
        late = {f"{package}.{module}" for module in importlib.import_module(package)._HOMES.values()}
        assert late <= set(taken["hiddenimports"])
        rooms = {name.split(".")[1] for name in taken["hiddenimports"] if "." in name}
        assert not rooms & {"cli", "emulator", "testing"}
    assert [path for path in runpy.run_path(f"{folder}/hook-inference_do.py")["datas"] if path.endswith("_models.json")]


@pytest.mark.parametrize("options", [[], pytest.param(["-p", "inference_do.testing.plugin"], marks=pytest.mark.long)])
def test_pytest_finds_the_plugin_of_an_installed_wheel_and_loads_it_once(wheel, tmp_path, options):
    wheel.extractall(tmp_path / "site")
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "test_it.py").write_text(
        "def test_it(digitalocean_emulator):\n    assert digitalocean_emulator.posts == 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=suite,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "site")},
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


# --- dependencies ---

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name != "all"}
IMPORTED_AS = {
    "llama-index-core": "llama_index.core",
    "opentelemetry-api": "opentelemetry",
    "opentelemetry-util-genai": "opentelemetry.util.genai",
}
"""The modules of dependencies whose names differ."""
NOT_DECLARED = {
    "PyInstaller": "it imports the hooks itself",
    "langchain": "for the middleware alone, which says so",
    "llama_index_instrumentation": "a part of llama-index-core",
    "opentelemetry.instrumentation": "it imports the instrumentor itself",
    "opentelemetry.sdk": "types alone",
    "pydantic_core": "a part of pydantic",
    "pytest": "for the kits and the plugin, which it runs",
    "socksio": "an extra of httpx, which asks for it",
}


def imports_of(package):
    """Return the modules from elsewhere that a package imports, wherever it does so."""
    names = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.partition(".")[0] not in {*sys.stdlib_module_names, *PACKAGES}}


def module_of(requirement):
    name = Requirement(requirement).name
    return IMPORTED_AS.get(name, name.replace("-", "_"))


def is_in(module, other):
    return f"{module}.".startswith(f"{other}.")


@pytest.mark.parametrize(
    ("package", "requirements"),
    [
        ("inference_do", PROJECT["dependencies"]),
        ("inference_do", EXTRAS["cli"] + EXTRAS["otel"]),
        ("langchain_do", EXTRAS["langchain"]),
        ("llamaindex_do", EXTRAS["llamaindex"]),
    ],
)
def test_every_dependency_is_imported(package, requirements):
    names = imports_of(package)
    unused = [line for line in requirements if not any(is_in(name, module_of(line)) for name in names)]
    assert unused == []


@pytest.mark.parametrize(
    ("package", "extras"),
    [("inference_do", ["cli", "otel"]), ("langchain_do", ["langchain"]), ("llamaindex_do", ["llamaindex"])],
)
def test_every_import_is_declared(package, extras):
    declared = PROJECT["dependencies"] + [line for extra in extras for line in EXTRAS[extra]]
    modules = {module_of(line) for line in declared} | set(NOT_DECLARED)
    parts = {"llama_index", "opentelemetry.util"}  # folders of several distributions
    found = imports_of(package)
    assert sorted(name for name in found - parts if not any(is_in(name, module) for module in modules)) == []


def test_every_dependency_says_why_it_has_its_bounds():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for requirement in [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]:
        reasons = [line.partition("#")[2].strip() for line in lines if line.strip().startswith(f'"{requirement}",')]
        assert reasons[0], requirement
        assert "<" in requirement or "no bound" in reasons[0] or "always better" in reasons[0], requirement
