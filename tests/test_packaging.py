"""What the wheel holds, and what it says of itself."""

import email
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import inference_do

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
    assert {"inference_do/_models.json", "inference_do/emulator/__main__.py"} <= set(names)
    kit = "llamaindex_do/testing/"  # tests for others to run
    assert not [name for name in names if ("test" in name and not name.startswith(kit)) or name.endswith(".pyc")]
    for package in PACKAGES:
        files = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert files <= set(names)


def test_its_metadata_names_the_extras_and_the_licence(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Name"] == "inference-do"
    assert metadata["Version"] == version("inference-do") == inference_do.__version__
    assert set(metadata.get_all("Provides-Extra")) == {"langchain", "llamaindex", "cli", "all"}
    assert metadata["License-Expression"] == "MIT"
    always = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in always if line.startswith(("langchain", "llama"))]


def test_it_installs_the_command(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert "[console_scripts]\ninference-do = inference_do.cli:main" in wheel.read(name).decode()


def test_the_changelog_has_this_version():
    assert f"## {inference_do.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
