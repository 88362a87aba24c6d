"""Mutation testing: try small changes of the code, and see which of them no test notices.

    scripts/mutation                                      # everything in TARGETS: an hour or two
    scripts/mutation inference_do/_protocol/sse.py        # one module
    scripts/mutation --again                              # only what survived the last run

The tests that TARGETS names are collected once, in this process, and run once in a forked child that records which
test runs which lines. For each mutant another child is forked: it puts the changed code into the functions that are
loaded, or the changed value in the place of a module's constant, and runs the tests that run its line, up to
`--seconds` of them and of many kinds, until one fails. A child whose test takes too long is ended. So it needs a
system with `fork`, and a process that a test starts has no mutant.

`tools/mutation_survivors.txt` names mutants that need not be noticed, with the reason. The others that survive are
printed, and are an error. Measurements and results are kept in `.mutation/`.
"""

from __future__ import annotations

import argparse
import ast
import collections
import functools
import gc
import hashlib
import importlib
import itertools
import json
import os
import re
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol
from mutants import Mutant, mutants_of

ROOT = Path(__file__).parent.parent
FLOW = tuple(f"tests/unit/test_{name}.py" for name in ("call", "drive", "flow", "flow_stream", "lines", "observe"))
PACING = ("tests/unit/test_pacing.py", "tests/unit/test_call.py")
TARGETS: dict[str, tuple[str, ...]] = {
    **{f"inference_do/_protocol/{name}.py": FLOW for name in ("call", "drive", "flow", "lines", "observe")},
    "inference_do/_protocol/json.py": ("tests/unit/test_json.py", "tests/unit/test_json_text.py"),
    "inference_do/_protocol/pacing.py": PACING,
    "inference_do/_protocol/ratelimits.py": ("tests/unit/test_ratelimits.py", *PACING),
    "inference_do/_protocol/retry.py": (*PACING, "tests/unit/test_retry.py", "tests/property/test_retry_properties.py"),
    "inference_do/_protocol/sse.py": ("tests/unit/test_sse.py", "tests/property/test_sse_properties.py"),
    "inference_do/_protocol/status.py": (
        "tests/unit/test_status.py",
        "tests/unit/test_errors.py",
        "tests/unit/test_flow.py",
    ),
    "inference_do/accumulate.py": (
        *("tests/unit/test_accumulate.py", "tests/unit/test_deltas.py", "tests/unit/test_tool_calls.py"),
        *("tests/unit/test_flow_stream.py", "tests/property/test_accumulate_properties.py"),
    ),
    "inference_do/_adapters/strict_schemas.py": ("tests/unit/test_strict_schemas.py", "tests/langchain/test_strict.py"),
    "langchain_do/_messages.py": tuple(
        f"tests/langchain/test_{name}.py"
        for name in (
            "messages",
            "sent_messages",
            "foreign_histories",
            "content_blocks",
            "call_ids",
            "tool_forms",
            "wires",
        )
    ),
    "llamaindex_do/_messages.py": tuple(
        f"tests/llamaindex/test_{name}.py"
        for name in ("messages", "sent_messages", "foreign_histories", "opaque_parts", "call_ids", "files", "apis")
    ),
}
"""Modules, and the tests that state what they do: a mutant counts as noticed only where one of these fails."""
PRELOADED = ("aiohttp", "langchain", "langgraph.graph", "llama_index.core", "opentelemetry.sdk.trace")
"""What tests import when they run: loaded once for all mutants."""
SLOW, TOO_SLOW = 0.05, 5.0
"""Seconds of the processor: a test that takes longer is run after the others, or not at all."""
TOO_LONG = 15.0
"""Seconds after which a test with a mutant is ended."""
KEPT = ROOT / ".mutation"
MEASURED, RESULTS = KEPT / "tests.json", KEPT / "results.json"
SURVIVORS = ROOT / "tools" / "mutation_survivors.txt"
UNNOTICED = {"survived", "untested"}

Item = pytest.Item


class Mutation:
    """The plugin of pytest that runs mutants in place of tests."""

    def __init__(self, mutants: list[Mutant], options: argparse.Namespace) -> None:
        self._mutants, self._options = mutants, options
        self._killers: dict[tuple[str, str], list[Item]] = collections.defaultdict(list)
        self.results: dict[str, str] = {}

    def pytest_collection(self) -> None:
        """Let Hypothesis repeat itself, and not simplify what it finds."""
        import hypothesis  # noqa: PLC0415  pytest loads it first

        phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
        hypothesis.settings.register_profile("mutation", deadline=None, database=None, derandomize=True, phases=phases)
        hypothesis.settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure the tests, then try the mutants."""
        with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            for name in (*PRELOADED, *(module_name(mutant.path) for mutant in self._mutants)):
                importlib.import_module(name)
            self._measure(session.items)
            gc.unfreeze()  # what tests/conftest.py froze is not among the collector's objects
            self._functions = loaded_functions()
            gc.collect()
            gc.freeze()
            for number, mutant in enumerate(self._mutants, 1):
                self.results[mutant.name] = result = self._try(mutant)
                add_to(RESULTS, {mutant.name: result})
                if result in UNNOTICED:
                    print(f"{number}/{len(self._mutants)} {result} line {mutant.line} of {mutant.name}", flush=True)
        return True

    def _measure(self, items: list[Item]) -> None:
        """Find out which tests run which lines, and how many seconds each takes."""
        sources = sorted({Path(mutant.path) for mutant in self._mutants})
        state = {item: fingerprint([*sources, *sorted(item.path.parent.glob("*.py"))]) for item in items}
        known = read(MEASURED) if self._options.again else {}
        new = [item for item in items if known.get(item.nodeid, {}).get("state") != state[item]]
        print(f"measuring {len(new)} tests", flush=True)
        if new:
            forked(lambda: add_to(MEASURED, measured(new, state)))()
            known = read(MEASURED)
        quick = [item for item in items if known[item.nodeid]["seconds"] <= TOO_SLOW]
        self._seconds = {item: known[item.nodeid]["seconds"] for item in quick}
        self._lines = {item: sum(map(len, known[item.nodeid]["lines"].values())) for item in quick}
        self._by_line: dict[tuple[str, int], list[Item]] = collections.defaultdict(list)
        for item in sorted(quick, key=self._seconds.__getitem__):
            for path, lines in known[item.nodeid]["lines"].items():
                for line in lines:
                    self._by_line[path, line].append(item)
        print(f"{len(quick)} tests, {sum(self._seconds.values()):.0f} s; slow or failed: {len(items) - len(quick)}")

    def _chosen(self, mutant: Mutant) -> Iterator[Item]:
        """Yield the tests for a mutant: those that noticed others of its scope; then those that run little else."""
        lines = lines_that_use(mutant) if mutant.scope == "-" else [(mutant.path, mutant.line)]
        home = TARGETS[mutant.path]
        tests = {item: 0 for line in lines for item in self._by_line.get(line, ()) if item.nodeid.startswith(home)}
        families = collections.defaultdict(list)
        for item in tests:
            families[item.nodeid.partition("[")[0]].append(item)
        first = [item for item in reversed(self._killers[mutant.path, mutant.scope]) if item in tests]
        mixed = filter(None, itertools.chain.from_iterable(itertools.zip_longest(*families.values())))
        narrow = sorted(tests, key=self._lines.__getitem__)
        both = itertools.chain.from_iterable(zip(narrow, mixed, strict=True))
        left = self._options.seconds
        for item in dict.fromkeys([*first, *sorted(both, key=lambda item: self._seconds[item] > SLOW)]):
            yield item
            if (left := left - self._seconds[item] - 0.005) < 0:
                return

    def _try(self, mutant: Mutant) -> str:
        """Run the tests for a mutant; return how that ended."""
        if not (tests := list(self._chosen(mutant))):
            return "untested"
        reading, writing = os.pipe()
        end = forked(lambda: run_with(lambda: put_in(mutant, self._functions), tests, writing))
        os.close(writing)
        heard = ""
        while is_quick := bool(select.select([reading], [], [], TOO_LONG)[0]):
            if not (data := os.read(reading, 4096)):
                break
            heard += data.decode()
        os.close(reading)
        end(signal.SIGKILL)
        *_, last = heard.split() or ("",)
        if is_quick and last in {"survived", "untried"}:
            return last
        killers, killer = self._killers[mutant.path, mutant.scope], tests[int(last or 0)]
        killers[:] = [*(item for item in killers if item is not killer), killer][-20:]
        return "killed" if is_quick else "timeout"


def run_with(change: Callable[[], bool], tests: list[Item], pipe: int) -> None:
    """Run tests in a child until one fails; the pipe gets each one's number when it begins, and a word at the end."""
    os.setsid()
    if not change():
        os.write(pipe, b"untried")
        return
    for number, (item, following) in enumerate(itertools.zip_longest(tests, tests[1:])):
        os.write(pipe, f"{number}\n".encode())
        if has_failed(item, following):
            return
    os.write(pipe, b"survived")


def has_failed(item: Item, following: Item | None) -> bool:
    """Run a test and return whether it failed."""
    return any(report.failed for report in runtestprotocol(item, nextitem=following, log=False))


def forked(action: Callable[[], object]) -> Callable[..., None]:
    """Run `action` in a forked child; return what waits for its end, or ends all that it started by a signal."""
    if (process := os.fork()) == 0:
        try:
            action()
        except BaseException:  # noqa: BLE001  whatever it is, this process ends here
            (KEPT / "error.txt").write_text(traceback.format_exc())
        finally:
            os._exit(0)

    def end(with_signal: signal.Signals | None = None) -> None:
        if with_signal is not None:
            try:
                os.killpg(process, with_signal)
            except ProcessLookupError:  # its first line has not run
                os.kill(process, with_signal)
        os.waitpid(process, 0)

    return end


def measured(items: list[Item], state: dict[Item, str]) -> dict[str, Any]:
    """Run tests and return for each its seconds and, by file, the lines that it ran; a failed one takes for ever."""
    include = [str(ROOT / pattern) for pattern in TARGETS]
    measuring = coverage.Coverage(data_file=None, config_file=False, include=include)
    measuring.set_option("run:disable_warnings", ["already-imported"])
    found: dict[str, Any] = {}
    measuring.start()
    for item, following in itertools.zip_longest(items, items[1:]):
        measuring.switch_context(item.nodeid)
        begun = process_time()  # not the clock's, which a busy machine makes longer
        seconds = 1e9 if has_failed(item, following) else process_time() - begun
        found[item.nodeid] = {"state": state[item], "seconds": seconds, "lines": collections.defaultdict(list)}
    measuring.stop()
    data = measuring.get_data()
    for file in data.measured_files():
        path = Path(file).relative_to(ROOT).as_posix()
        for line, contexts in data.contexts_by_lineno(file).items():
            for name in filter(None, contexts):
                found[name]["lines"][path].append(line)
    return found


def module_name(path: str) -> str:
    """Return the name of a source file's module."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# --- putting a mutant in ---


def key(code: CodeType) -> tuple[str, str, int]:
    """Return what a function and its mutant have in common."""
    return code.co_filename, code.co_qualname, code.co_firstlineno


def loaded_functions() -> dict[tuple[str, str, int], list[FunctionType]]:
    """Return all functions that there are, those of properties and closures too."""
    found = collections.defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            found[key(thing.__code__)].append(thing)
    return found


def put_in(mutant: Mutant, functions: dict[tuple[str, str, int], list[FunctionType]]) -> bool:
    """Put a mutant in the place of what is loaded; return whether there is a place."""
    changed, module = mutant.changed(), sys.modules[module_name(mutant.path)]
    if mutant.scope == "-":
        statement = next(
            new for old, new in zip(mutant.tree.body, changed.body, strict=True) if ast.dump(old) != ast.dump(new)
        )
        values = {**vars(module)}
        exec(compile(ast.Module([statement], []), "<mutant>", "exec"), values)  # noqa: S102
        for name in names_of(statement):
            for user in list(sys.modules.values()):
                if getattr(user, "__dict__", {}).get(name) is vars(module)[name] and user is not module:
                    setattr(user, name, values[name])
            setattr(module, name, values[name])
        return True
    waiting, is_in = [compile(changed, str(module.__file__), "exec")], False
    for code in waiting:
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for function in functions.get(key(code), ()):
            if function.__code__ != code and function.__code__.co_freevars == code.co_freevars:
                function.__code__, is_in = code, True
    return is_in


def names_of(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a module binds."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement]
    return [
        node.id
        for target in targets
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def lines_that_use(mutant: Mutant) -> list[tuple[str, int]]:
    """Return the places, path and line, that name the constant of a module which a mutant changes."""
    statement = next(node for node in mutant.tree.body if node.lineno <= mutant.line <= (node.end_lineno or 0))
    pattern = re.compile(rf"\b({'|'.join(names_of(statement)) or '-'})\b")
    return [
        (path, number)
        for path in TARGETS
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


# --- what came of them ---


def read(path: Path) -> dict[str, Any]:
    """Return what a file keeps; nothing if it is not there."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def add_to(path: Path, found: dict[str, Any]) -> None:
    """Keep what was found beside what a file has; another run may read it."""
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(read(path) | found, indent=1), encoding="utf-8")
    new.replace(path)


@functools.cache
def content(path: Path) -> bytes:
    """Return what a file holds."""
    return path.read_bytes()


def fingerprint(paths: list[Path]) -> str:
    """Return a text that is another one when one of the files has changed."""
    return hashlib.sha256(b"".join(map(content, paths))).hexdigest()[:16]


def explained() -> dict[str, str]:
    """Return the reasons for survivors by their names: a line `# reason` stands before those that it is for."""
    reasons, reason = {}, ""
    for line in SURVIVORS.read_text(encoding="utf-8").splitlines() if SURVIVORS.exists() else ():
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            reasons[line] = reason
    return reasons


def report(results: dict[str, str], reasons: dict[str, str]) -> bool:
    """Print a line for each module, and what is not explained; return whether nothing is left."""
    rows: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name, result in results.items():
        rows[name.split()[0]]["explained" if result in UNNOTICED and name in reasons else result] += 1
    columns = ("killed", "timeout", "explained", "survived", "untested", "untried")
    print(f"{'module':45}{'mutants':>9}{''.join(f'{column:>11}' for column in columns)}{'score':>8}")
    rows["all"] = sum(rows.values(), collections.Counter())
    for path, row in rows.items():
        counted = row.total() - row["untried"] - row["explained"]
        score = 100 * (row["killed"] + row["timeout"]) / counted if counted else 100
        print(f"{path:45}{row.total():>9}{''.join(f'{row[column]:>11}' for column in columns)}{score:>7.1f}%")
    for name in reasons:
        if results.get(name, "") in {"killed", "timeout"}:
            print(f"explained, but noticed: {name}")
        elif name not in results and any(result.startswith(f"{name.split()[0]} ") for result in results):
            print(f"explained, but no mutant: {name}")
    return not rows["all"]["survived"] + rows["all"]["untested"]


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description="Try mutants and print those that no test notices.")
    parser.add_argument("paths", nargs="*", choices=[*TARGETS, []], help="source files; all by default", metavar="PATH")
    parser.add_argument("--again", action="store_true", help="only what survived; measure new tests alone")
    parser.add_argument("--seconds", type=float, default=10.0, help="of tests for each mutant at most (10)")
    options = parser.parse_args()
    os.chdir(ROOT)
    KEPT.mkdir(exist_ok=True)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(KEPT / "hypothesis")
    paths = options.paths or list(TARGETS)
    mutants = [mutant for path in paths for mutant in mutants_of(path)]
    known = read(RESULTS) if options.again else {}
    kept = {mutant.name: known[mutant.name] for mutant in mutants if mutant.name in known}
    mutants = [mutant for mutant in mutants if kept.get(mutant.name) not in {"killed", "timeout"}]
    plugin = Mutation(mutants, options)
    tests = dict.fromkeys(test for path in paths for test in TARGETS[path])
    pytest.main(["-q", "-p", "no:cacheprovider", *tests], plugins=[plugin])
    results = kept | plugin.results
    sys.exit(not report(results, explained()))


if __name__ == "__main__":
    main()
