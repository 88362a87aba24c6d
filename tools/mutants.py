"""The small changes of a module that `tools/mutation.py` tries, each a syntax tree with one difference.

Text for people is left alone: f-strings, strings with a space, what is logged, docstrings. So are annotations,
defaults of arguments, the values of classes, and constants of modules that are numbers.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
TEXT_METHODS = {"strip", "rstrip", "lstrip", "lower", "upper", "removeprefix", "removesuffix", "replace"}
LOGGERS = {"debug", "info", "warning", "error", "exception"}
Node = TypeVar("Node", bound=ast.AST)
FALSE, TRUE, NONE = (ast.Constant(value) for value in (False, True, None))


@dataclass(slots=True, eq=False)
class Mutant:
    """One change."""

    path: str
    scope: str
    """The names of the classes and the function around it, "-" for the module itself."""
    line: int
    tree: ast.Module
    node: ast.AST
    replacement: ast.AST
    number: int = 1
    """Which one it is of those in its scope that read the same."""

    @property
    def name(self) -> str:
        """What it is called in reports; the same as long as the code of that place is the same."""
        place = f"{self.path} {self.scope}" if self.number == 1 else f"{self.path} {self.scope} ({self.number})"
        return f"{place}: {_text(self.node)} => {_text(self.replacement)}"

    def changed(self) -> ast.Module:
        """Return the module with the change."""
        placed = copy.deepcopy(self.replacement)
        if hasattr(self.node, "lineno"):
            ast.copy_location(placed, self.node)
        changed: ast.Module = copy.deepcopy(self.tree, {id(self.node): placed})
        return ast.fix_missing_locations(changed)


def mutants_of(path: str) -> list[Mutant]:
    """Return the mutants of a source file."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    found = [
        Mutant(path, scope or "-", line, tree, node, replacement)
        for node, scope, line in _nodes(tree, "", 0)
        for replacement in _replacements(node)
    ]
    counts: Counter[str] = Counter()
    for mutant in found:
        name = mutant.name
        counts[name] += 1
        mutant.number = counts[name]
    return found


def _text(node: ast.AST) -> str:
    """Return the source of a node on one line, shortened."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            text = f"{'if' if isinstance(node, ast.If) else 'while'} {ast.unparse(test)}:"
        case ast.Match(cases=cases):
            text = f"match with {' | '.join(ast.unparse(case.pattern) for case in cases)}"
        case _:
            text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else f"{text[:70]} … {text[-25:]}"  # noqa: PLR2004


def _nodes(node: ast.AST, scope: str, line: int) -> Iterator[tuple[ast.AST, str, int]]:
    """Yield what may be changed, with its scope and its statement's line."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"} or isinstance(value, ast.arguments):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_for_people(child):
                continue
            if _is_run_by_import(node, child):
                continue
            own = child.lineno if isinstance(child, ast.expr | ast.stmt | ast.excepthandler) else line
            yield child, scope, own
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{scope}.{child.name}".lstrip(".")
            yield from _nodes(child, inner, own)


def _is_for_people(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Constant(value=str() as text):
            return " " in text
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name in LOGGERS
    return False


def _is_run_by_import(parent: ast.AST, node: ast.AST) -> bool:
    """Return whether a statement of a module or a class has no value that a mutant could be put into."""
    match parent, node:
        case ast.ClassDef(), ast.Assign() | ast.AnnAssign():
            return True
        case ast.Module(), ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Module(), ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
            return True
        case ast.Module(), ast.Assign(value=value) if _is_number(value):
            return True
        case ast.Module(), _:
            return not isinstance(
                node, ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            )
    return False


def _is_number(node: ast.expr) -> bool:
    """Return whether a constant is a number, or several: a bound, whose last digit no test should hold."""
    parts = [part for part in ast.walk(node) if isinstance(part, ast.expr)]
    return all(
        isinstance(part, ast.BinOp | ast.Tuple)
        or (isinstance(part, ast.Constant) and not isinstance(part.value, str | bytes))
        for part in parts
    )


def _replacements(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901, PLR0912  one place for all rules
    match node:
        case ast.Compare(ops=operators):
            for number, operator in enumerate(operators):
                for other in COMPARISONS[type(operator)]:
                    yield _with(node, ops=[*operators[:number], other(), *operators[number + 1 :]])
        case ast.BoolOp(values=values):
            for number in range(len(values)):
                rest = values[:number] + values[number + 1 :]
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in ARITHMETIC:
            yield _with(node, op=ARITHMETIC[type(operator)]())
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value - 1)
        case ast.Constant(value=str() as text):
            yield ast.Constant(f"{text}x")
        case ast.Constant(value=bytes() as data):
            yield ast.Constant(data + b"x")
        case ast.Call():
            yield from _replaced_calls(node)
        case ast.Dict(keys=keys, values=values) if None in keys:
            for number, key in enumerate(keys):
                if key is None:
                    yield _with(
                        node, keys=keys[:number] + keys[number + 1 :], values=values[:number] + values[number + 1 :]
                    )
        case ast.ExceptHandler(type=ast.Tuple(elts=kinds) as kept):
            for number in range(len(kinds)):
                yield _with(node, type=_with(kept, elts=kinds[:number] + kinds[number + 1 :]))
        case ast.Match(cases=cases) if len(cases) > 1:
            for number in range(len(cases)):
                yield _with(node, cases=cases[:number] + cases[number + 1 :])
    yield from _replaced_conditions(node)
    yield from _replaced_statements(node)


def _replaced_calls(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Name(id=name) if name in FUNCTIONS:
            yield _with(node, func=ast.Name(FUNCTIONS[name], ast.Load()))
        case ast.Attribute(attr=name, value=owner) if name in TEXT_METHODS:
            yield owner
    for number, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield _with(node, keywords=node.keywords[:number] + node.keywords[number + 1 :])


def _replaced_conditions(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.If() | ast.IfExp():
            yield _with(node, test=TRUE)
            yield _with(node, test=FALSE)
        case ast.While(test=test) if not isinstance(test, ast.Constant):
            yield _with(node, test=FALSE)
        case ast.comprehension(ifs=conditions):
            for number in range(len(conditions)):
                yield _with(node, ifs=conditions[:number] + conditions[number + 1 :])
        case ast.match_case(guard=guard) if guard is not None:
            yield _with(node, guard=None)


def _replaced_statements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Expr() | ast.Delete() | ast.Raise() | ast.Continue() | ast.Break() | ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield ast.Pass()
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(NONE)


def _with(node: Node, **fields: object) -> Node:
    """Return a copy of a node with other fields."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
