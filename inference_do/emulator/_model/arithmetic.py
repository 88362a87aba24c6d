"""Arithmetic with tools: `(121 + 2) * 5` is an `add`, then a `multiply` with its result."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from .text import stems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXPRESSION = re.compile(r"[\d(][\d\s().+*/-]{2,200}[\d)]")
SIGNS: Mapping[str, frozenset[str]] = {
    "+": frozenset(stems("add sum plus addition")),
    "-": frozenset(stems("subtract minus difference")),
    "*": frozenset(stems("multiply product times multiplication")),
    "/": frozenset(stems("divide quotient division")),
}
_OPERATORS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def signs_in(text: str) -> set[str]:
    """Return the stems of the operations that a text writes as signs between numbers."""
    found: set[str] = set()
    for sign, names in SIGNS.items():
        if re.search(rf"[\d)]\s*{re.escape(sign)}\s*[(-]?\d", text):
            found |= names
    return found


def steps_of(text: str, tools: Sequence[Mapping[str, Any]], results: Sequence[str]) -> list[tuple[str, Any]]:
    """Return the calls for an expression of several operations, as far as their operands are known.

    Args:
        text: The prompt.
        tools: The functions on offer; one must fit each operation.
        results: What earlier calls returned, in order.
    """
    found = EXPRESSION.search(text)
    try:
        tree = ast.parse(found[0].strip(), mode="eval").body if found else None
    except (SyntaxError, RecursionError, MemoryError):
        tree = None
    if not isinstance(tree, ast.BinOp):
        return []
    calls: list[tuple[str, Any]] = []

    def visit(node: ast.expr) -> float | None:
        match node:
            case ast.Constant(value=int() | float() as value):
                return value
            case ast.BinOp(left, operator, right):
                operands = [visit(left), visit(right)]
                tool = _tool_for(_OPERATORS.get(type(operator), ""), tools)
                if tool is None or None in operands:
                    return None
                names = list(tool["parameters"]["properties"])
                calls.append((tool["name"], dict(zip(names, operands, strict=False))))
                return _number(results[len(calls) - 1]) if len(calls) <= len(results) else None
            case _:
                return None

    visit(tree)
    operations = sum(isinstance(node, ast.BinOp) for node in ast.walk(tree))
    return calls if operations > 1 else []


def _tool_for(sign: str, tools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    for tool in tools:
        properties = (tool.get("parameters") or {}).get("properties", {})
        if len(properties) == 2 and SIGNS.get(sign, frozenset()) & set(stems(tool["name"])):
            return tool
    return None


def _number(text: str) -> float | int | None:
    found = re.search(r"-?\d+(?:\.\d+)?", text)
    if found is None:
        return None
    return float(found[0]) if "." in found[0] else int(found[0])
