"""The matrix: each Python, at the lowest and at the newest versions, for the client and for each framework alone.

What needs both frameworks is run with both.

    scripts/matrix                              # all that this machine has an interpreter for
    scripts/matrix --python 3.12                # one Python
    scripts/matrix --tags lowest                # or newest, core, langchain, llamaindex, together
    scripts/matrix --python 3.11 -- tests/unit  # other tests
    scripts/matrix --short                      # the first Python at the lowest versions, both frameworks in one

Test tools are always the newest that go with what is tried. Where there is no interpreter, nox says so and skips its
sessions; with CI in the environment that is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent / "tests" / "kit"))

from needed_frameworks import MENTIONS, needed_by

PYTHONS = [*nox.project.python_versions(nox.project.load_toml("pyproject.toml")), "3.14"]
"""Those that the classifiers name, and the one that they are to name when it has passed."""
PARTS = {
    # a part: its extras, its groups of test tools, its tests
    "core": ([], ["test"], ["tests"]),
    "langchain": (["langchain"], ["test", "test-langchain"], ["tests/langchain", "tests/conformance"]),
    "llamaindex": (["llamaindex"], ["test", "test-llamaindex"], ["tests/llamaindex", "tests/conformance"]),
    "together": ([*MENTIONS], ["test", *(f"test-{extra}" for extra in MENTIONS)], []),  # what no other part runs
}
SHORT = (*PARTS["together"][:2], ["tests/langchain", "tests/llamaindex", "tests/unit"])
"""What comes to harm first where the versions are others: the adapters, and what looks inside the client."""
IN_PROCESSES = ["-n", os.environ.get("TEST_PROCESSES", "2"), "--dist", "loadfile"]
ALWAYS = ["cli", "otel"]
"""Extras of every part, which the tests use."""
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
ELSEWHERE = ["benchmark", "cluster", "peers", "real_model", "stores", "third_party", "typing"]
"""Folders of tests that have an environment or a command of their own, or a server whose versions the gate pins."""

nox.options.default_venv_backend = "uv" if shutil.which("uv") else "virtualenv"
nox.options.error_on_missing_interpreters = "CI" in os.environ
nox.options.sessions = ["matrix"]


@nox.session(python=PYTHONS)
@nox.parametrize(
    ["part", "versions"],
    [
        nox.param(part, versions, id=f"{part}-{versions}", tags=[part, versions])
        for part in PARTS
        for versions in RESOLUTIONS
    ],
)
def matrix(session: nox.Session, part: str, versions: str) -> None:
    """Run the tests of one part at one end of its ranges."""
    run(session, PARTS[part], versions)


@nox.session(python=PYTHONS[0], tags=["short"], default=False)
def short(session: nox.Session) -> None:
    """Run the tests of both adapters and of the client's insides at the lowest versions, in one environment."""
    run(session, SHORT, "lowest")


def run(session: nox.Session, part: tuple[list[str], list[str], list[str]], versions: str) -> None:
    """Run the tests of one part at one end of its ranges."""
    extras, groups, tests = part
    extras = [*extras, *ALWAYS]
    pins = Path(session.virtualenv.location) / f"{versions}.txt"
    resolve(session, extras, versions, pins)
    session.install("--constraint", str(pins), "--editable", f".[{','.join(extras)}]")
    session.install("--constraint", str(pins), *[word for group in groups for word in ("--group", group)])
    chosen = session.posargs or [*(tests or together()), *(f"--ignore=tests/{folder}" for folder in ELSEWHERE)]
    session.run("python", "-m", "pytest", "-q", "-p", "no:anyio", *IN_PROCESSES, *chosen)


def together() -> list[str]:
    """Return the files of tests that the client alone leaves out and no framework's own folder has."""
    done = {*ELSEWHERE, *MENTIONS, "conformance"}
    files = [path for path in sorted(Path("tests").rglob("test_*.py")) if path.parts[1] not in done]
    return [str(path) for path in files if needed_by(path)]


def resolve(session: nox.Session, extras: list[str], versions: str, pins: Path) -> None:
    """Write the versions of what the project asks for by name, at one end of the ranges in its metadata."""
    everything = pins.with_suffix(".all")
    quiet = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    wanted = [word for extra in extras for word in ("--extra", extra)]
    ends = ["--resolution", RESOLUTIONS[versions], "--python-version", str(session.python)]
    command = ["uv", "pip", "compile", *quiet, *ends, *wanted, "--output-file", str(everything), "pyproject.toml"]
    session.run_install(*command, external=True)
    project = nox.project.load_toml("pyproject.toml")["project"]
    optional = project["optional-dependencies"]
    asked = [*project["dependencies"], *(line for extra in extras for line in optional[extra])]
    names = {re.match(r"[\w-]+", line)[0] for line in asked}
    lines = everything.read_text().splitlines()
    pins.write_text("".join(f"{line}\n" for line in lines if line.partition("==")[0] in names))
    session.log(" ".join(pins.read_text().split()))
