"""The command that changes code in small ways: which changes it tries, and that it says which no test noticed."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "tools"

CODE = '''"""A module."""
LIMIT = 3
def is_many(count, *, is_strict=False):
    """Return whether there are too many."""
    if is_strict or count > LIMIT:
        return True
    return False
def say(name):
    message = f"no {name}"
    raise ValueError(message)
'''
TESTS = """
import pytest
from sample import is_many, say
def test_many():
    assert is_many(4)
    assert not is_many(3)
def test_say():
    with pytest.raises(ValueError, match="no x"):
        say("x")
"""
PROGRAM = """
import pathlib, sys
import mutation
mutation.ROOT = pathlib.Path.cwd()
mutation.KEPT, mutation.SURVIVORS = mutation.ROOT / "kept", mutation.ROOT / "survivors.txt"
mutation.MEASURED, mutation.RESULTS = mutation.KEPT / "tests.json", mutation.KEPT / "results.json"
mutation.TARGETS, mutation.PRELOADED = {"sample.py": ("test_sample.py",)}, ()
mutation.main()
"""


@pytest.fixture
def mutants(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("mutants")


def changes(mutants, tmp_path, code):
    path = tmp_path / "code.py"
    path.write_text(code)
    return [mutant.name.partition(": ")[2] for mutant in mutants.mutants_of(str(path))]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = {2}", {"2 => 3", "2 => 1"}),
        ("x = 'a'", {"'a' => 'ax'"}),
        ("x = a < b", {"a < b => a <= b", "a < b => a >= b"}),
        ("x = a is None", {"a is None => a is not None"}),
        ("x = a and b", {"a and b => a", "a and b => b"}),
        ("x = not a", {"not a => a"}),
        ("x = a + b", {"a + b => a - b"}),
        ("x = min(a)", {"min(a) => max(a)"}),
        ("x = a.strip()", {"a.strip() => a"}),
        ("x = f(a=b)", {"f(a=b) => f()"}),
        ("x = {**a}", {"{**a} => {}"}),
        ("x = a if b else c", {"a if b else c => a if True else c", "a if b else c => a if False else c"}),
        ("x = [a for a in b if a]", {"for a in b if a => for a in b"}),
        ("def f():\n if a: b()", {"if a: => if True:", "if a: => if False:", "b() => pass"}),
        ("def f():\n while a: b.c = d", {"while a: => while False:", "b.c = d => pass"}),
        ("def f():\n return a", {"return a => return None"}),
        ("def f():\n raise a", {"raise a => pass"}),
    ],
)
def test_changes(mutants, tmp_path, code, expected):
    assert {change.strip() for change in changes(mutants, tmp_path, code)} == expected


@pytest.mark.parametrize(
    "code",
    [
        "x = 'text for people'",
        "x = f'{a}'",
        "def f():\n 'Doc.'\n logger.warning('a', 1)",
        "def f(x: a | b = 1) -> a | b: ...",
        "class A:\n x = 1",
        "__all__ = ['x']",
        "LIMIT, SECONDS = 8 * 1024, 0.5",
    ],
)
def test_text_for_people_and_what_only_an_import_runs_are_left_alone(mutants, tmp_path, code):
    assert changes(mutants, tmp_path, code) in ([], ["... => pass"])


def test_changes_that_read_the_same_have_numbers(mutants, tmp_path):
    path = tmp_path / "code.py"
    path.write_text("def f(): return a(not b, not b)")
    names = [mutant.name.removeprefix(str(path)) for mutant in mutants.mutants_of(str(path))]
    assert names[1:] == [" f: not b => b", " f (2): not b => b"]


STRICT = "sample.py is_many: is_strict or count > LIMIT => count > LIMIT"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.timeout(180)  # two programs that load pytest, on a busy machine
def test_what_no_test_notices_is_named_unless_it_is_explained(tmp_path):
    (tmp_path / "sample.py").write_text(CODE)
    (tmp_path / "test_sample.py").write_text(TESTS)

    def run(*arguments):
        environment = {
            **os.environ,
            "PYTHONPATH": f"{TOOLS}{os.pathsep}{tmp_path}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=80,
            check=False,
        )

    done = run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.findall(r"survived line \d+ of (.*)", done.stdout) == [STRICT]
    assert re.search(r"^sample.py +\d+ +\d+ +0 +0 +1 +0 +0", done.stdout, re.MULTILINE)
    (tmp_path / "survivors.txt").write_text(f"# nobody asks for it\n{STRICT}\n")
    again = run("--again")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "measuring 0 tests" in again.stdout
    assert re.search(r"^sample.py +\d+ +\d+ +0 +1 +0 +0 +0", again.stdout, re.MULTILINE)


def test_an_explanation_that_is_not_needed_is_named(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(TOOLS))
    mutation = importlib.import_module("mutation")
    assert mutation.report({"a.py f: 1 => 2": "killed"}, {"a.py f: 1 => 2": "why", "a.py f: 3 => 4": "why"})
    printed = capsys.readouterr().out
    assert "explained, but noticed: a.py f: 1 => 2\n" in printed
    assert "explained, but no mutant: a.py f: 3 => 4\n" in printed
