"""Prints the structure of the packages in numbers: modules, floors of imports, imports, lines, the longest function.

    python tools/structure.py              the three packages
    python tools/structure.py inference_do

A floor is the longest way down from a module along imports inside its package; names imported for types count too,
imports for type checkers alone do not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("inference_do", "langchain_do", "llamaindex_do")

Graph = dict[str, set[str]]


def modules_of(package: str) -> dict[str, Path]:
    """Return a package's modules by their dotted names."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(tree: ast.Module, module: str, known: Collection[str], *, is_package: bool) -> Iterator[str]:
    """Yield the modules that one imports when it runs; a package of which only modules are taken is not one of them."""
    skipped = {id(inner) for node in ast.walk(tree) if _is_for_types(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")
            if node.level:
                base = base[: len(base) - node.level + is_package]
                name = ".".join([*base, *([node.module] if node.module else [])])
            else:
                name = node.module or ""
            inside = [f"{name}.{alias.name}" for alias in node.names]
            modules = [found for found in inside if found in known]
            yield from modules if len(modules) == len(inside) else (name, *modules)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def graph_of(package: str) -> Graph:
    """Return which modules of a package import which others of it."""
    modules = modules_of(package)
    graph: Graph = {}
    for name, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = set(imports_of(tree, name, modules, is_package=path.name == "__init__.py"))
        graph[name] = {other for other in named & modules.keys() if other not in {name, package}}
    return graph


def floors_of(graph: Graph) -> dict[str, int]:
    """Return the floor of each module, 0 for one that imports none of the package.

    Raises:
        ValueError: Imports run in a circle.
    """
    entered: list[str] = []

    @cache
    def floor(name: str) -> int:
        if name in entered:
            message = " -> ".join([*entered[entered.index(name) :], name])
            raise ValueError(message)
        entered.append(name)
        highest = max((floor(other) + 1 for other in graph[name]), default=0)
        entered.pop()
        return highest

    return {name: floor(name) for name in graph}


def longest_function(package: str) -> tuple[int, str]:
    """Return the lines of the longest function, and its name."""
    longest = (0, "")
    for name, path in modules_of(package).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                longest = max(longest, ((node.end_lineno or 0) - node.lineno + 1, f"{name}.{node.name}"))
    return longest


def main() -> None:
    """Print a row for each package."""
    print(f"{'package':16}{'modules':>8}{'floors':>8}{'imports':>9}{'lines':>8}  longest function")
    for package in sys.argv[1:] or PACKAGES:
        graph = graph_of(package)
        lines = sum(path.read_text(encoding="utf-8").count("\n") for path in modules_of(package).values())
        floors = max(floors_of(graph).values()) + 1
        length, name = longest_function(package)
        imports = sum(map(len, graph.values()))
        print(f"{package:16}{len(graph):>8}{floors:>8}{imports:>9}{lines:>8}  {length} ({name})")


if __name__ == "__main__":
    main()
