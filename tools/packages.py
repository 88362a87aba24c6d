"""Build the packages and try them as their users will: see scripts/packages.

Everything happens in a temporary folder; dist/ has the sdist and the wheel afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from inference_do import __version__

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
MIB = 1024 * 1024
EMPTY = ["pip", "setuptools"]


class Extra(NamedTuple):
    """An extra, and what must work with it alone."""

    name: str
    packages: tuple[str, ...]
    """Packages whose public names must all be there."""
    has_command: bool = False


EXTRAS = [
    Extra("", ("inference_do", "inference_do.emulator", "inference_do.jobs", "inference_do.batches")),
    Extra("langchain", ("inference_do", "langchain_do")),
    Extra("llamaindex", ("inference_do", "llamaindex_do")),
    Extra("cli", ("inference_do",), has_command=True),
    Extra("otel", ("inference_do", "inference_do.telemetry")),
    Extra("all", ("inference_do", "langchain_do", "llamaindex_do", "inference_do.telemetry"), has_command=True),
]

IMPORTS = """
import importlib, sys
from importlib.metadata import distribution
missing = []
for package in sys.argv[1:]:
    module = importlib.import_module(package)
    for name in module.__all__:
        try:
            getattr(module, name)
        except ImportError as error:
            if "pip install" not in str(error):  # what needs a further package says so
                missing.append(f"{package}.{name}: {error}")
points = {f"{point.group}:{point.name}": point for point in distribution("inference-do").entry_points}
for name, point in points.items():
    package = point.value.split(".")[0].split(":")[0]
    if package in sys.argv[1:] and not name.startswith(("pytest11", "opentelemetry_instrumentor")):
        point.load()
if "inference_do.telemetry" in sys.argv[1:]:
    importlib.import_module("inference_do.telemetry").instrument()
print("\\n".join(missing))
sys.exit(bool(missing))
"""


def run(*command: str | Path, **options: object) -> str:
    """Run a command; return what it printed, or stop with what it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder: Path) -> list[Path]:
    """Build the sdist and the wheel into a folder."""
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return sorted(folder.iterdir())


def unpacked(folder: Path, built: list[Path]) -> Path:
    """Unpack the sdist; return the folder of its files."""
    [sdist] = [path for path in built if path.name.endswith(".tar.gz")]
    shutil.unpack_archive(sdist, folder / "unpacked", filter="data")
    [source] = (folder / "unpacked").iterdir()
    return source


def build_twice(folder: Path) -> list[Path]:
    """Build them twice, at two times and from two folders; stop if a byte differs."""
    first = build(folder / "first")
    source = unpacked(folder, first)
    run(sys.executable, "-m", "hatchling", "build", "-d", folder / "second", cwd=source)
    for one in first:
        other = folder / "second" / one.name
        if hashlib.sha256(one.read_bytes()).digest() != hashlib.sha256(other.read_bytes()).digest():
            sys.exit(f"{one.name} is not the same when it is built again from the sdist")
    print("built twice, the second time from the sdist: the same bytes")
    for path in first:
        print(f"  {path.name}: {path.stat().st_size / 1024:,.0f} KiB")
    return first


def environment(folder: Path) -> Path:
    """Make an empty environment; return its interpreter."""
    if shutil.which("uv"):
        run("uv", "venv", "--quiet", "--python", sys.executable, folder)
    else:
        run(sys.executable, "-m", "venv", folder)
    return folder / "bin" / "python"


def install(python: Path, *what: str) -> None:
    """Install something into an environment, within constraints.txt."""
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    if shutil.which("uv"):
        run("uv", "pip", "install", "--quiet", "--python", python, *constraints, *what)
    else:
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *constraints, *what)


def sizes(python: Path) -> tuple[int, float]:
    """Return how many distributions an environment has, and their size in MiB, without pip."""
    [packages] = (python.parent.parent / "lib").glob("python3*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    counted = [path for path in files if path.relative_to(packages).parts[0].split("-")[0] not in EMPTY]
    return len([path for path in packages.glob("*.dist-info") if path.name.split("-")[0] not in EMPTY]), sum(
        path.stat().st_size for path in counted
    ) / MIB


def try_extra(folder: Path, wheel: Path, extra: Extra) -> str:
    """Install one extra into an empty environment and use what it brings; return its row of the table."""
    python = environment(folder / f"env-{extra.name or 'none'}")
    install(python, f"{wheel}[{extra.name}]" if extra.name else str(wheel))
    count, size = sizes(python)
    run(python, "-W", "error", "-c", IMPORTS, *extra.packages, cwd=folder)
    command = [str(python.parent / "inference-do"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if extra.has_command and done.stdout.split() != ["inference-do", __version__]:
        sys.exit(f"inference-do --version: {done.stdout}{done.stderr}")
    if not extra.has_command and (done.returncode == 0 or "inference-do[cli]" not in done.stderr):
        sys.exit(f"inference-do without its extra does not say what to install: {done.stdout}{done.stderr}")
    return f"| {extra.name or '(none)'} | {count} | {size:.1f} |"


FROZEN = """
import os
from inference_do import Client, model_info
from langchain_do import ChatDigitalOcean
with Client() as client:
    print(client.chat(model="glm-5.2", messages=[{"role": "user", "content": "Hello"}]).text)
print(ChatDigitalOcean(model="glm-5.2").invoke("Hello").text, model_info("glm-5.2").context_window)
"""


def try_frozen(folder: Path, wheel: Path) -> None:
    """Freeze a program with PyInstaller, and run it and the same program from a zip, against the emulator."""
    python = environment(folder / "env-frozen")
    install(python, f"{wheel}[langchain]", "pyinstaller")
    program = folder / "program.py"
    program.write_text(FROZEN)
    run(python, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", program, cwd=folder)
    from inference_do.emulator import Emulator  # noqa: PLC0415

    with Emulator() as emulator:
        keys = {
            "DIGITALOCEAN_INFERENCE_KEY": emulator.api_key,
            "DIGITALOCEAN_INFERENCE_BASE_URL": emulator.base_url,
        }
        expected = "You said: Hello\nYou said: Hello 1048576\n"
        frozen = run(folder / "dist" / "program" / "program", env=keys)
        run("uv", "pip", "uninstall", "--quiet", "--python", python, "inference-do") if shutil.which("uv") else run(
            python, "-m", "pip", "uninstall", "--quiet", "--yes", "inference-do"
        )
        zipped = run(python, program, env=keys | {"PYTHONPATH": str(wheel)})
    for name, printed in (("frozen by PyInstaller", frozen), ("imported from the wheel as a zip", zipped)):
        if printed.splitlines()[:1] != expected.splitlines()[:1] or len(printed.splitlines()) != len(
            expected.splitlines()
        ):
            sys.exit(f"{name}: {printed}")
        print(f"{name}: works")


def run_suite(arguments: list[str]) -> int:
    """Run scripts/test in an unpacked sdist, as somebody who packs it for a distribution would."""
    with tempfile.TemporaryDirectory() as name:
        source = unpacked(Path(name), build(Path(name) / "built"))
        return subprocess.run([source / "scripts" / "test", *arguments], cwd=source, check=False).returncode


def main() -> None:
    """Build and try everything."""
    parser = argparse.ArgumentParser(prog="scripts/packages", description="Build the packages twice, and try them.")
    parser.add_argument("--quick", action="store_true", help="freeze no program")
    suite = "run scripts/test from an unpacked sdist instead, with what follows as its arguments"
    parser.add_argument("--suite", nargs=argparse.REMAINDER, metavar="...", help=suite)
    arguments = parser.parse_args()
    os.environ.pop("PYTHONPATH", None)
    if arguments.suite is not None:
        sys.exit(run_suite(arguments.suite))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = build_twice(folder)
        plain = {**os.environ, "NO_COLOR": "1"}
        print(run(sys.executable, "-m", "twine", "check", "--strict", *built, env=plain).strip())
        [wheel] = [path for path in built if path.suffix == ".whl"]
        rows = [try_extra(folder, wheel, extra) for extra in EXTRAS]
        print("| extra | distributions | MiB |\n|---|---:|---:|", *rows, sep="\n")
        if not arguments.quick:
            try_frozen(folder, wheel)
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(folder / "first", DIST)


if __name__ == "__main__":
    main()
