"""The public API is what tests/public_api.txt says: a change of it is seen, and meant."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import inference_do
import langchain_do
import llamaindex_do

ROOT = Path(__file__).parent.parent
TOOL = spec_from_file_location("public_api", ROOT / "tools" / "public_api.py")


@pytest.fixture(scope="module")
def tool():
    module = module_from_spec(TOOL)
    TOOL.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lines(tool):
    return tool.PublicApi().lines()


def test_the_public_api_is_as_promised(tool, lines):
    changed = tool.difference(tool.SNAPSHOT.read_text(encoding="utf-8").splitlines(), lines)
    if changed:
        pytest.fail(changed, pytrace=False)


@pytest.mark.parametrize("package", [inference_do, langchain_do, llamaindex_do])
def test_it_has_every_public_name_of_the_packages(package, lines):
    names = {line.partition(" ")[0] for line in lines}
    assert {f"{package.__name__}.{name}" for name in [*package.__all__, "__version__"]} - names == set()


SOURCE = """
import abc
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias, overload

from elsewhere import Base, Field, Other

from ._private import Hidden

__all__ = ["CONSTANT", "Child", "Choice", "Hidden", "Other", "Point", "late", "ask"]

CONSTANT: int = 3
_SIZE = 7
Choice: TypeAlias = Literal["a", "b"]


class _Shared(Base):
    size: int = Field(default=1, description="A sentence.")

    async def call(self, a, /, b: int = 2, *rest: str, key: bool, **more: object) -> str: ...

    def _internal(self): ...


class Child(_Shared, Hidden, frozen=True):
    limit: ClassVar[int] = 5

    @property
    def name(self) -> str: ...

    @classmethod
    def make(cls, *, x: float = 0.5, size: int = _SIZE, elsewhere=Other) -> "Child": ...


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0


@overload
def ask(a: int) -> int: ...
@overload
def ask(a: str) -> str: ...
def ask(a): ...


def not_public(): ...
"""
PRIVATE = """
class Hidden(Exception):
    def __init__(self, message: str) -> None:
        self.message = message
"""
EXPECTED = """\
sample.CONSTANT value: int = 3
sample.Child class(elsewhere.Base, sample.Hidden, frozen=True)
sample.Child.call async def(self, a, /, b: int = 2, *rest: str, key: bool, **more: object) -> str
sample.Child.limit class value: int = 5
sample.Child.make classmethod def(cls, *, x: float = 0.5, size: int = 7, elsewhere = Other) -> Child
sample.Child.name property: str
sample.Child.size value: int = Field(default=1)
sample.Choice value: TypeAlias = Literal['a', 'b']
sample.Hidden class(Exception)
sample.Hidden.__init__ def(self, message: str) -> None
sample.Hidden.message value
sample.Other is elsewhere.Other
sample.Point class()
sample.Point.__init__ def(self, x: float, y: float = 0.0) -> None
sample.Point.x value: float
sample.Point.y value: float = 0.0
sample.ask[1] def(a: int) -> int
sample.ask[2] def(a: str) -> str
sample.late by __getattr__
sample.part.Point is sample.Point
"""


def test_each_kind_of_name_has_its_line(tool, tmp_path):
    package = tmp_path / "sample"
    package.mkdir()
    (package / "__init__.py").write_text(SOURCE)
    (package / "_private.py").write_text(PRIVATE)
    (package / "part.py").write_text('from . import Point\n__all__ = ["Point"]\n')
    (package / "without_all.py").write_text("name = 1\n")
    assert tool.PublicApi(tmp_path, ("sample",)).lines() == EXPECTED.splitlines()


def test_a_difference_says_what_went_changed_and_came(tool):
    before = ["a.f def(x)", "a.g def()", "a.same value = 1"]
    now = ["a.f def(x, y=1)", "a.h def()", "a.same value = 1"]
    assert tool.difference(before, now) == (
        "The public API is not as in tests/public_api.txt.\n"
        "went, which breaks users:\n  a.g def()\n"
        "changed, which may break users:\n  a.f def(x)\n    now a.f def(x, y=1)\n"
        "came:\n  a.h def()\n" + tool.ANEW
    )
    assert tool.difference(now, now) == ""


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("(x)", "(x, y)"),
        ("(x, y=1)", "(x)"),
        ("(x)", "(z)"),
        ("(x=1)", "(x)"),
        ("(a, b)", "(b, a)"),
        ("(x, y=1)", "(x, *, y=1)"),
        ("(x)", "(x, /)"),
        ("(*, a=1)", "(*, a=1, b)"),
        ("(*, a=1, b=2)", "(*, a=1)"),
        ("(*rest)", "(x=1)"),
        ("(**more)", "(x=1)"),
        ("(x)", "(**more)"),
    ],
)
def test_a_signature_that_refuses_a_call_of_before_breaks_users(tool, before, now):
    assert tool.breaks(f"a.f def{before} -> int", f"a.f def{now} -> int")
    assert f"changed, {tool.BREAKS}:" in tool.difference([f"a.f def{before}"], [f"a.f def{now}"])


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("(x)", "(x, y=1)"),
        ("(x, *, y=1)", "(x, y=1)"),
        ("(x, *, y)", "(x, y)"),
        ("(x=1)", "(x=2)"),
        ("(x: int) -> int", "(x: str = 'a, b') -> str"),
        ("(x, /)", "(z, /)"),
        ("(x, /)", "(x)"),
        ("(*, x)", "(**more)"),
        ("(x)", "(x, *rest, **more)"),
    ],
)
def test_a_signature_that_takes_each_call_of_before_may_only_break_them(tool, before, now):
    assert not tool.breaks(f"a.f def{before}", f"a.f def{now}")
    assert f"changed, {tool.MAY_BREAK}:" in tool.difference([f"a.f def{before}"], [f"a.f def{now}"])


def test_another_kind_of_name_breaks_users(tool):
    for now in ("a.f async def(x)", "a.f value", "a.f classmethod def(x)"):
        assert tool.breaks("a.f def(x)", now)
    assert not tool.breaks("a.f value: int = 1", "a.f value: int = 2")


def test_overloads_are_one_name(tool):
    said = tool.difference(["a.f def(x)"], ["a.f[1] def(x: int)", "a.f[2] def(x: str)"])
    assert "went" not in said
    assert f"changed, {tool.MAY_BREAK}:\n  a.f def(x)\n    now a.f[1] def(x: int)\n  a.f[2] def(x: str)\n" in said


def test_a_changed_kit_asks_for_its_version(tool):
    came = "llamaindex_do.testing.LLMConformance.test_new def(self)"
    assert tool.KIT_RULE in tool.difference([], [came])
    assert tool.KIT_RULE not in tool.difference([], ["llamaindex_do.testing.other def()"])
