"""Write the public API as text: one line for each name that an `__all__` has, and for each public member of a class.

    .venv/bin/python tools/public_api.py            # the lines
    .venv/bin/python tools/public_api.py --write    # into tests/public_api.txt
    .venv/bin/python tools/public_api.py --compare  # what has changed since; exits with 1 if anything has

The source is read and nothing is imported, so the text is the same whichever versions are installed. Members that a
framework's class brings along are not in it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).parent.parent
SNAPSHOT = ROOT / "tests" / "public_api.txt"
PACKAGES = ("inference_do", "langchain_do", "llamaindex_do")
ANEW = "If that is meant: .venv/bin/python tools/public_api.py --write, and a line in CHANGELOG.md."
KIT = "llamaindex_do.testing."
KIT_RULE = "A test of the conformance kit went or came: raise KIT_VERSION in llamaindex_do/testing/_conformance.py."
LONGEST_VALUE = 200
"""A longer value of a constant, in characters, is a table and not shown."""
PROMISED = {"default", "default_factory", "alias", "validation_alias", "serialization_alias", "exclude"}
"""Arguments of pydantic's `Field` that a user can notice; others describe."""
MARKS = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}


class PublicApi:
    """The public names of all packages, by a static reading of their source."""

    def __init__(self, root: Path = ROOT, packages: tuple[str, ...] = PACKAGES) -> None:
        loader = griffe.GriffeLoader(search_paths=[root], allow_inspection=False)
        for package in packages:
            loader.load(package)
        loader.resolve_aliases(implicit=True, external=False)
        self.modules = loader.modules_collection
        self.homes: dict[str, str] = {}  # where a thing is defined -> its shortest public name
        self.names = sorted(name for package in packages for name in self._exported(self.modules[package]))
        for name in sorted(self.names, key=lambda name: (name.count("."), name)):
            self.homes.setdefault(self._target(name), name)

    def lines(self) -> list[str]:
        """Return a line for each name and each public member, sorted."""
        return sorted({line for name in self.names for line in self._lines_of(name)})

    def _exported(self, module: Any) -> Iterator[str]:
        if module.exports is not None:
            yield from (f"{module.path}.{name}" for name in module.exports)
            if "__version__" in module.members:
                yield f"{module.path}.__version__"
        for name, member in module.modules.items():
            if not name.startswith("_") and not member.is_alias:
                yield from self._exported(member)

    def _find(self, name: str) -> Any:
        module, _, last = name.rpartition(".")
        return self.modules[module].members.get(last)

    def _target(self, name: str) -> str:
        found = self._find(name)
        if found is None:
            return name
        return found.target_path if found.is_alias and not found.resolved else found.canonical_path

    def _lines_of(self, name: str) -> Iterator[str]:
        home = self.homes[self._target(name)]
        found = self._find(name)
        if home != name:
            yield f"{name} is {home}"
        elif found is None:
            yield f"{name} by __getattr__"
        elif found.is_alias and not found.resolved:
            yield f"{name} is {found.target_path}"
        elif found.is_class:
            yield from self._class(name, found.final_target if found.is_alias else found)
        else:
            yield from self._member(name, found.final_target if found.is_alias else found)

    def _class(self, name: str, cls: Any) -> Iterator[str]:
        """Give a class and its members, those from private bases too; what a public base has stands there."""
        keywords = [f"{key}={self._value(value)}" for key, value in cls.keywords.items()]
        yield f"{name} class({', '.join([*self._bases(cls), *keywords])})"
        for key, found in cls.all_members.items():
            member = found.final_target if found.is_alias else found
            owner = member.parent.canonical_path
            if (key.startswith("_") and key != "__init__") or (owner != cls.canonical_path and owner in self.homes):
                continue
            if member.is_class:
                yield from self._class(f"{name}.{key}", member)
            elif not member.is_module:
                yield from self._member(f"{name}.{key}", member)

    def _bases(self, cls: Any) -> list[str]:
        """Return a class's bases: ours by their public names, and private ones of ours replaced by their own."""
        found: list[str] = []
        for base in cls.bases:
            path = getattr(base, "canonical_path", str(base))
            ours = self._class_at(path)
            if ours is None:
                names = [str(base) if isinstance(base, griffe.ExprSubscript) else path]
            else:
                home = self.homes.get(ours.canonical_path)
                names = [home] if home else self._bases(ours)
            found += [name for name in names if name not in found]
        return found

    def _class_at(self, path: str) -> Any:
        found = self._at(path)
        return found if found is not None and found.is_class else None

    def _at(self, path: str) -> Any:
        if path.partition(".")[0] not in self.modules.members:
            return None
        try:
            found = self.modules[path]
            found = found.final_target if found.is_alias else found
        except (KeyError, griffe.AliasResolutionError):
            return None
        else:
            return found

    def _member(self, name: str, member: Any) -> Iterator[str]:
        if member.is_function:
            if member.overloads:
                yield from (f"{name}[{number}] {self._function(one)}" for number, one in enumerate(member.overloads, 1))
            else:
                yield f"{name} {self._function(member)}"
            return
        kind = "property" if "property" in member.labels else "value"
        kind = "class value" if member.labels == {"class-attribute"} else kind
        kind = "writable property" if "writable" in member.labels else kind
        annotation = f": {member.annotation}" if member.annotation is not None else ""
        has_value = member.value is not None and member.labels != {"instance-attribute"}
        shown = str(member.value) if "TypeAlias" in annotation else self._value(member.value)
        value = f" = {shown}" if has_value else ""
        yield f"{name} {kind}{annotation}{value}"

    def _function(self, function: Any) -> str:
        """Return a function's signature, with what kind of function it is."""
        kinds = [kind for kind in ("staticmethod", "classmethod", "abstractmethod") if kind in function.labels]
        kinds += ["async"] if "async" in function.labels else []
        parts: list[str] = []
        before = None
        for parameter in function.parameters:
            kind = parameter.kind
            if before is griffe.ParameterKind.positional_only is not kind:
                parts.append("/")
            if kind is griffe.ParameterKind.keyword_only and before not in {kind, griffe.ParameterKind.var_positional}:
                parts.append("*")
            mark = MARKS.get(kind, "")
            annotation = f": {parameter.annotation}" if parameter.annotation is not None else ""
            default = "" if parameter.default is None or mark else f" = {self._value(parameter.default)}"
            parts.append(f"{mark}{parameter.name}{annotation}{default}")
            before = kind
        if before is griffe.ParameterKind.positional_only:
            parts.append("/")
        returns = f" -> {function.returns}" if function.returns is not None else ""
        return " ".join([*kinds, "def"]) + f"({', '.join(parts)}){returns}"

    def _value(self, value: Any) -> str:
        """Return a default, without the sentences that a field of pydantic has."""
        if isinstance(value, griffe.ExprCall) and str(value.function).endswith("Field"):
            kept = [
                self._text(argument)
                for argument in value.arguments
                if not isinstance(argument, griffe.ExprKeyword) or argument.name in PROMISED
            ]
            return f"Field({', '.join(kept)})"
        text = self._text(value)
        return text if len(text) <= LONGEST_VALUE and "\n" not in text else "..."

    def _text(self, value: Any) -> str:
        """Return an expression as it is written, with what constants of ours stand for in place of their names."""
        if not isinstance(value, griffe.Expr):
            return str(value)
        return "".join(map(self._literal, value.iterate(flat=True)))

    def _literal(self, part: Any) -> str:
        constant = self._at(part.canonical_path) if isinstance(part, griffe.ExprName) else None
        if constant is None or not constant.is_attribute or constant.value is None:
            return str(part)
        try:
            ast.literal_eval(str(constant.value))
        except (ValueError, SyntaxError):
            return str(part)
        return str(constant.value)


BREAKS, MAY_BREAK = "which breaks users", "which may break users"


def difference(before: list[str], now: list[str]) -> str:
    """Return what went, changed and came, as a text for people; empty if nothing has changed."""
    old, new = _by_name(before), _by_name(now)
    went = [old[name] for name in sorted(old.keys() - new.keys())]
    changed = [(old[name], new[name]) for name in sorted(old.keys() & new.keys()) if old[name] != new[name]]
    came = [new[name] for name in sorted(new.keys() - old.keys())]
    parts = [
        (f"went, {BREAKS}", went),
        (f"changed, {BREAKS}", [f"{one}\n    now {other}" for one, other in changed if breaks(one, other)]),
        (f"changed, {MAY_BREAK}", [f"{one}\n    now {other}" for one, other in changed if not breaks(one, other)]),
        ("came", came),
    ]
    text = "".join(f"{title}:\n" + "".join(f"  {line}\n" for line in lines) for title, lines in parts if lines)
    if any(line.startswith(KIT) and ".test_" in line.partition(" ")[0] for line in [*went, *came]):
        text += f"{KIT_RULE}\n"
    return text and f"The public API is not as in {SNAPSHOT.relative_to(ROOT)}.\n{text}{ANEW}"


def _by_name(lines: list[str]) -> dict[str, str]:
    """Return the lines by their names; those of a function's overloads as one."""
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(re.split(r"[ \[]", line, maxsplit=1)[0], []).append(line)
    return {name: "\n  ".join(several) for name, several in found.items()}


def breaks(before: str, now: str) -> bool:
    """Say whether a changed line refuses a call that the old one allows, by its parameters' names, order and defaults.

    What else has changed, such as types, values and overloads, is for a person to judge.
    """
    if "\n" in before + now:
        return False
    old, new = _signature(before), _signature(now)
    if old is None or new is None or old[0] != new[0]:
        return old is not new
    was, is_ = old[1], new[1]
    positions, places = [*was.posonlyargs, *was.args], [*is_.posonlyargs, *is_.args]
    named = {one.arg for one in [*is_.args, *is_.kwonlyargs]}
    hidden = len(was.posonlyargs)  # whose names no call has
    return not (
        (is_.kwarg or (not was.kwarg and named >= {one.arg for one in [*was.args, *was.kwonlyargs]}))
        and (is_.vararg or (not was.vararg and len(places) >= len(positions)))
        and all(one.arg == other.arg for one, other in list(zip(positions, places, strict=False))[hidden:])
        and all(any(needed & given for given in _required(was)) for needed in _required(is_))
    )


def _signature(line: str) -> tuple[str, ast.arguments] | None:
    """Return what kind of function a line shows, and its parameters; None if it shows none."""
    kind, found, rest = line.partition(" ")[2].partition("def(")
    if not found:
        return None
    function: Any = ast.parse(f"def f({rest}: ...").body[0]
    return kind, function.args


def _required(parameters: ast.arguments) -> list[set[str | int]]:
    """Return, for each parameter that has no default, by what a call gives it: its name, its place, or either."""
    places: list[set[str | int]] = [{place} for place in range(len(parameters.posonlyargs))]
    places += [{place, one.arg} for place, one in enumerate(parameters.args, len(places))]
    keywords = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
    return [*places[: len(places) - len(parameters.defaults)], *({one.arg} for one, value in keywords if value is None)]


def main() -> None:
    """Print, write or compare."""
    lines = PublicApi().lines()
    if "--write" in sys.argv:
        SNAPSHOT.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    elif "--compare" in sys.argv:
        sys.exit(difference(SNAPSHOT.read_text(encoding="utf-8").splitlines(), lines) or 0)
    else:
        print(*lines, sep="\n")


if __name__ == "__main__":
    main()
