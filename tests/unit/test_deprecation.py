"""A deprecated name warns where it is used, and is gone when its version comes."""

import ast
import inspect
import warnings
from pathlib import Path

import pytest

from inference_do import __version__
from inference_do._deprecation import warn_deprecated

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("inference_do", "langchain_do", "llamaindex_do")


def old_function():
    warn_deprecated("old_function()", instead="new_function()", removed_in="9.0", stacklevel=2)


def line_here():
    return inspect.currentframe().f_back.f_lineno


def test_it_says_what_is_deprecated_what_to_use_and_until_when():
    with pytest.warns(DeprecationWarning, match="deprecated") as caught:
        old_function()
    said = "old_function() is deprecated and will be removed in inference-do 9.0: use new_function()"
    assert [str(one.message) for one in caught] == [said]


def test_without_a_replacement_it_says_so():
    with pytest.warns(DeprecationWarning, match="in inference-do 9\\.0: there is no replacement$"):
        warn_deprecated("x", instead=None, removed_in="9.0")


def test_a_stacklevel_is_counted_as_in_warn():
    with pytest.warns(DeprecationWarning, match="old_function") as caught:
        old_function()
    expected = line_here() - 1
    assert [(one.filename, one.lineno) for one in caught] == [(__file__, expected)]


@pytest.mark.parametrize(
    "package",
    [
        *("inference_do.client", "langchain_do.chat_models", "llamaindex_do", "pydantic", "asyncio.runners"),
        *("langchain.agents", "langgraph.pregel", "llama_index.core", "llama_index_instrumentation.dispatcher"),
    ],
)
def test_by_default_it_points_at_the_line_outside_the_packages(package):
    inside = {"__name__": package, "warn_deprecated": warn_deprecated}
    source = "def inner():\n    warn_deprecated('x', instead='y', removed_in='9.0')\ndef outer():\n    inner()\n"
    exec(compile(source, "/site/inside.py", "exec"), inside)
    with pytest.warns(DeprecationWarning, match="x is deprecated") as caught:
        inside["outer"]()
    expected = line_here() - 1
    assert [(one.filename, one.lineno) for one in caught] == [(__file__, expected)]


def test_it_is_shown_once_for_each_line_of_the_user():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            old_function()
        old_function()
    assert len(caught) == 2


def too_old(source, version):
    """Return the lines that warn of what should be gone in a version."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [call for call in calls if getattr(call.func, "id", None) == "warn_deprecated"]
    ends = [(call.lineno, key.value.value) for call in named for key in call.keywords if key.arg == "removed_in"]
    return [line for line, end in ends if numbers(end) <= numbers(version)]


def numbers(version):
    return tuple(map(int, version.split(".")))


def test_what_should_be_gone_is_found():
    source = "warn_deprecated('x', instead=None, removed_in='0.9')\nwarn_deprecated('y', instead='', removed_in='0.11')"
    assert [too_old(source, version) for version in ("0.8.7", "0.10.0", "0.11.0")] == [[], [1], [1, 2]]


def test_nothing_is_kept_longer_than_its_warning_says():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    kept = {str(path.relative_to(ROOT)): too_old(path.read_text(encoding="utf-8"), __version__) for path in files}
    assert {name: lines for name, lines in kept.items() if lines} == {}
