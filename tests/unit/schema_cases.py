"""Types with values of JSON that fit them and values that do not, for the tests of both frameworks' schemas."""

from __future__ import annotations

import dataclasses
import enum
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypeVar
from uuid import UUID

from jsonschema import Draft202012Validator
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, StringConstraints
from typing_extensions import TypedDict

T = TypeVar("T")


class Node(BaseModel):
    """Is within itself."""

    value: int
    children: list[Node] = []
    parent: Node | None = None


class Left(BaseModel):
    right: Right | None = None


class Right(BaseModel):
    left: Left | None = None
    size: int = 1


class Item(BaseModel):
    name: str
    price: float


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_page: int | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    other: int | str | None = None


class Counts(BaseModel):
    counts: dict[str, int]
    nested: dict[str, list[Item]] = {}


class Places(BaseModel):
    point: tuple[float, float]
    labels: tuple[str, ...] = ()
    seen: set[int] = set()


class Money(BaseModel):
    amount: Decimal
    rounded: Decimal = Field(default=Decimal(0), max_digits=5, decimal_places=2)


class Limits(BaseModel):
    count: int = Field(ge=1, le=10)
    share: float = Field(gt=0, lt=1)
    code: str = Field(pattern="^[A-Z]{3}$")
    name: Annotated[str, StringConstraints(min_length=2, max_length=4)]
    tags: list[str] = Field(default=[], min_length=1, max_length=2)


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True, title="My Answer!")
    name: str = Field(alias="fullName")
    title: str = Field(default="", validation_alias="job-title")


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Movement(TypedDict):
    start: Point
    speed: NotRequired[float]


class Pair(NamedTuple):
    one: int
    two: str


class Route(BaseModel):
    points: list[Point]
    movement: Movement
    pair: Pair


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Paint(BaseModel):
    colour: Colour
    size: Size = Size.SMALL
    only: Literal["a", 1, True] | None = None


class Times(BaseModel):
    day: date
    at: datetime | None = None
    daily: time | None = None
    lasting: timedelta | None = None
    key: UUID | None = None
    link: AnyUrl | None = None


class Deep(BaseModel):
    inner: list[dict[str, Item | None] | None] | None = None
    again: Page[Item] | None = None


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    day: date
    parts: tuple[int, int]


class Numbers(RootModel[list[Annotated[int, Field(ge=0)]]]):
    pass


class Either(RootModel[Cat | Dog]):
    pass


class Mapping(RootModel[dict[str, int]]):
    pass


CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "recursive": (
        Node,
        [{"value": 1, "children": [{"value": 2, "children": [], "parent": None}], "parent": None}],
        [{"value": 1, "children": [{"value": "x"}]}, {"children": []}, {"value": 1, "parent": {"value": 1.5}}],
    ),
    "recursive by turns": (
        Left,
        [{"right": {"left": {"right": None}, "size": 2}}],
        [{"right": {"left": {"right": {"left": None, "size": "x"}}, "size": 2}}],
    ),
    "generic": (
        Page[Item],
        [{"items": [{"name": "a", "price": 1.5}], "next_page": None}],
        [{"items": [{"name": "a"}]}, {"items": ["a"]}, {}],
    ),
    "generic of a type": (Page[int], [{"items": [1, 2], "next_page": 3}], [{"items": ["a"]}, {"items": None}]),
    "union": (
        Owner,
        [{"pet": {"kind": "cat", "lives": 9}, "other": "a"}, {"pet": {"kind": "dog", "name": "Rex"}, "other": None}],
        [
            {"pet": {"kind": "cat", "name": "Tom"}},
            {"pet": {"kind": "cow"}},
            {"pet": {"kind": "cat", "lives": 1}, "other": []},
        ],
    ),
    "mapping": (
        Counts,
        [{"counts": {"a": 1}, "nested": {"b": [{"name": "a", "price": 1}]}}, {"counts": {}, "nested": {}}],
        [{"counts": {"a": "x"}}, {"counts": [1]}, {"counts": {}, "nested": {"b": [{"name": 1}]}}],
    ),
    "tuple": (
        Places,
        [{"point": [1, 2.5], "labels": ["a"], "seen": [1, 2]}],
        [{"point": [1]}, {"point": [1, 2, 3]}, {"point": ["a", "b"]}, {"point": [1, 2], "labels": [1]}],
    ),
    "decimal": (
        Money,
        [{"amount": "12.50", "rounded": "1.25"}, {"amount": 3, "rounded": 1}],
        [{"amount": "much"}, {"amount": []}, {}],
    ),
    "constrained": (
        Limits,
        [{"count": 10, "share": 0.5, "code": "ABC", "name": "abcd", "tags": ["x"]}],
        [
            {"count": 11, "share": 0.5, "code": "ABC", "name": "abc", "tags": ["x"]},
            {"count": 1, "share": 1, "code": "ABC", "name": "abc", "tags": ["x"]},
            {"count": 1, "share": 0.5, "code": "abc", "name": "abc", "tags": ["x"]},
            {"count": 1, "share": 0.5, "code": "ABC", "name": "a", "tags": ["x"]},
            {"count": 1, "share": 0.5, "code": "ABC", "name": "abc", "tags": ["x", "y", "z"]},
        ],
    ),
    "aliased": (
        Aliased,
        [{"fullName": "Ada", "job-title": "Countess"}],
        [{"fullName": 1}, {"job-title": "Countess"}],
    ),
    "dataclass and TypedDict": (
        Route,
        [{"points": [{"x": 1, "y": 2}], "movement": {"start": {"x": 1, "y": 0}, "speed": 1.5}, "pair": [1, "a"]}],
        [
            {"points": [{"y": 2}], "movement": {"start": {"x": 1}}, "pair": [1, "a"]},
            {"points": [], "movement": {"speed": 1}, "pair": [1, "a"]},
            {"points": [], "movement": {"start": {"x": 1}}, "pair": ["a", 1]},
        ],
    ),
    "enum": (
        Paint,
        [{"colour": "red", "size": 2, "only": "a"}, {"colour": "blue", "size": 1, "only": None}],
        [{"colour": "green"}, {"colour": "red", "size": 3}, {"colour": "red", "size": 1, "only": "b"}],
    ),
    "date": (
        Times,
        [
            {
                "day": "2026-11-28",
                "at": "2026-11-28T10:00:00Z",
                "daily": "10:00:00",
                "lasting": "P1D",
                "key": "9f1c1b3e-7a0f-4f8e-9d3c-6d6f6a3b2c1d",
                "link": "https://example.com/",
            }
        ],
        [{"day": 1.5}, {"day": "soon"}, {"day": "2026-11-28", "at": []}],
    ),
    "nested optional": (
        Deep,
        [{"inner": [{"a": {"name": "a", "price": 1}, "b": None}, None], "again": None}, {"inner": None, "again": None}],
        [{"inner": [{"a": {"name": "a"}}]}, {"inner": {}}, {"again": {"items": [1]}}],
    ),
    "strict and closed": (
        Closed,
        [{"day": "2026-11-28", "parts": [1, 2]}],
        [{"day": "2026-11-28", "parts": [1, "2"]}, {"day": "2026-11-28", "parts": [1, 2], "more": 1}],
    ),
    "root of a list": (Numbers, [[1, 2], []], [[-1], ["a"], {"a": 1}]),
    "root of a choice": (Either, [{"kind": "cat", "lives": 9}], [{"kind": "cat"}, {"kind": "dog", "lives": 1}]),
    "root of a mapping": (Mapping, [{"a": 1}, {}], [{"a": "x"}]),
}

BARE: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "dataclass": (Point, [{"x": 1, "y": 2}], [{"y": 2}, {"x": "a"}]),
    "TypedDict": (Movement, [{"start": {"x": 1, "y": 0}, "speed": 1.5}], [{"speed": 1}, {"start": {"x": "a"}}]),
    "list": (list[Item], [[{"name": "a", "price": 1}]], [[{"name": "a"}], {"name": "a", "price": 1}]),
    "choice": (Cat | Dog, [{"kind": "dog", "name": "Rex"}], [{"kind": "dog"}, 1]),
    "mapping": (dict[str, int], [{"a": 1}], [{"a": "x"}]),
    "literal": (Literal["a", "b"], ["a"], ["c", 1]),
    "enum": (Colour, ["red"], ["green"]),
}

DICTS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "reference at the root": (
        {"title": "Node", **Node.model_json_schema()},
        [{"value": 1, "children": [{"value": 2, "children": [], "parent": None}], "parent": None}],
        [{"value": 1, "children": [{"value": "x"}]}, {}],
    ),
    "choice at the root": (
        {"title": "Pet", "anyOf": [Cat.model_json_schema(), Dog.model_json_schema()]},
        [{"kind": "cat", "lives": 9}],
        [{"kind": "cat"}, "cat"],
    ),
    "list at the root": ({"title": "L", "type": "array", "items": {"type": "integer"}}, [[1, 2]], [["a"], 1]),
    "text at the root": ({"title": "S", "type": "string", "enum": ["a", "b"]}, ["a"], ["c", 1]),
    "object or null": (
        {"title": "N", "type": ["object", "null"], "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        [{"a": 1}, None],
        [{"a": "x"}, {}],
    ),
    "list of itself": (
        {"title": "Tree", "type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}},
        [[1, [2, [3]]], []],
        [["a"], [[["a"]]]],
    ),
    "response format": (
        {"type": "json_schema", "json_schema": {"name": "my form", "schema": Item.model_json_schema()}},
        [{"name": "a", "price": 1}],
        [{"name": "a"}],
    ),
    "flat response format": (
        {"type": "json_schema", "name": "form", "schema": Item.model_json_schema()},
        [{"name": "a", "price": 1}],
        [{"name": "a"}],
    ),
    "name and schema": ({"name": "form", "schema": Item.model_json_schema()}, [{"name": "a", "price": 1}], [{}]),
    "function": ({"name": "form", "parameters": Item.model_json_schema()}, [{"name": "a", "price": 1}], [{}]),
    "tool": (
        {"type": "function", "function": {"name": "form", "parameters": Item.model_json_schema()}},
        [{"name": "a", "price": 1}],
        [{}],
    ),
}


def fits(schema: dict[str, Any], value: Any) -> bool:
    """Return whether a value fits a schema, which must be one, with its formats."""
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(value)


def in_place(schema: dict[str, Any], value: Any, kind: Any) -> Any:
    """Return a value as the schema that was sent has it: what is no object is the one property of one."""
    return {"value": value} if list(schema["properties"]) == ["value"] and kind is not Node else value
