"""The plugin itself: options, the marker, the fixture, and what is checked when a test is over.

It is loaded in every suite of an environment that this project is installed in. So it imports nothing but pytest and
`inference_do`'s lazy front; the emulator is loaded by the first test that uses it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ._guard import Guard, message_of, without_proxy

if TYPE_CHECKING:
    from inference_do.emulator import Emulator

    from ._checks import TestRun
    from ._recordings import Player, Recorder

FIXTURE = "digitalocean_emulator"
MARKER = "digitalocean"
MARKER_LINE = (
    "digitalocean(faults=[...], replies=[...], strict=..., recorded=False, real_calls=False, **options of Emulator): "
    "run the test with DigitalOcean's emulator, scripted so; or against its recording; or with real calls"
)
GUARD = pytest.StashKey[Guard]()
RUN: pytest.StashKey[TestRun] = pytest.StashKey()


class RealApi(NamedTuple):
    """Where to record from."""

    base_url: str
    key: str

    def __repr__(self) -> str:
        return f"RealApi({self.base_url!r})"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("digitalocean", "DigitalOcean inference")
    group.addoption(
        "--digitalocean-record",
        action="store_true",
        help="ask the real API in tests that are marked digitalocean(recorded=True), and write their recordings anew",
    )
    group.addoption(
        "--digitalocean-real-calls", action="store_true", help="let all tests call DigitalOcean's inference API"
    )
    parser.addini("digitalocean_real_calls", "let all tests call DigitalOcean's inference API", type="bool")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker, and refuse real calls."""
    config.addinivalue_line("markers", MARKER_LINE)
    if not (config.getoption("--digitalocean-real-calls") or config.getini("digitalocean_real_calls")):
        guard = config.stash[GUARD] = Guard()
        guard.install()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Be gone without a trace."""
    if (guard := config.stash.get(GUARD, None)) is not None:
        guard.remove()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Let tests that are marked, be it by a conftest.py, have the fixture."""
    yield
    for item in items:
        mark = item.get_closest_marker(MARKER)
        names = getattr(item, "fixturenames", None)
        if mark is not None and not mark.kwargs.get("real_calls") and names is not None and FIXTURE not in names:
            names.insert(_first_of_function(item, names), FIXTURE)


def _first_of_function(item: pytest.Item, names: list[str]) -> int:
    """Return where the fixtures of the function itself begin: those of wider scopes outlive an emulator.

    A model that one of them makes is to be without it in each test, and not only from the second on.
    """
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    scopes = (found[-1].scope if (found := definitions.get(name)) else "function" for name in names)
    return next((place for place, scope in enumerate(scopes) if scope == "function"), len(names))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Allow real calls to a test that is marked so."""
    if (guard := item.config.stash.get(GUARD, None)) is None:
        return (yield)
    mark = item.get_closest_marker(MARKER)
    guard.is_open = mark is not None and bool(mark.kwargs.get("real_calls"))
    guard.refused.clear()
    try:
        return (yield)
    finally:
        guard.is_open = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that passed although a real call was refused, or something scripted or recorded was not used."""
    try:
        yield
    except BaseException:
        _show(item)
        raise
    if _failed(item):
        _show(item)
        return
    run, guard = item.stash.get(RUN, None), item.config.stash.get(GUARD, None)
    problems = [message_of(host) for host in dict.fromkeys(guard.refused)] if guard is not None else []
    problems += run.problems() if run is not None else []
    if problems:
        asked = "" if run is None else f"\n\nWhat was asked:\n{run.asked()}"
        pytest.fail("\n".join(problems) + asked, pytrace=False)
    if run is not None and (cassette := getattr(run.recording, "cassette", None)) is not None:
        cassette.write()


def _show(item: pytest.Item) -> None:
    """Add to a failure what was asked, and what else was wrong."""
    if (run := item.stash.get(RUN, None)) is not None:
        text = "\n".join([run.asked(), *run.emulator.unexpected, *(run.recording.problems if run.recording else ())])
        item.add_report_section("call", "requests to DigitalOcean's emulator", text)


def _failed(item: pytest.Item) -> bool:
    """Return whether a test of unittest has failed, which is no exception here."""
    return bool(getattr(item, "_excinfo", None))


@pytest.fixture
def digitalocean_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Run an emulator whose key and URL are those of the environment, so that models made without arguments ask it.

    The marker `digitalocean` says what it does. A test of unittest has it as `self.digitalocean_emulator`.
    """
    from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES  # noqa: PLC0415  by the first test that uses it

    from ._checks import TestRun  # noqa: PLC0415

    options, is_recorded = _options_of(request.node)
    recording = _recording_of(request.node) if is_recorded else None
    with _emulator_of(options) as emulator, pytest.MonkeyPatch.context() as monkeypatch:
        for name in KEY_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(KEY_VARIABLES[0], emulator.api_key)
        monkeypatch.setenv(BASE_URL_VARIABLE, emulator.base_url)
        for name, value in without_proxy("127.0.0.1").items():
            monkeypatch.setenv(name, value)
        emulator.respond = recording
        request.node.stash[RUN] = TestRun(emulator=emulator, recording=recording)
        if _is_unittest(request):
            request.cls.digitalocean_emulator = emulator
        yield emulator


def _emulator_of(options: dict[str, Any]) -> Emulator:
    from inference_do.emulator import Emulator  # noqa: PLC0415  by the first test that uses it

    try:
        return Emulator(**options)
    except (TypeError, ValueError) as error:
        text = str(error)
    pytest.fail(f"@pytest.mark.digitalocean: {text}", pytrace=False)


def _is_unittest(request: pytest.FixtureRequest) -> bool:
    import unittest  # noqa: PLC0415  pytest loads it for suites that have such tests

    return request.cls is not None and issubclass(request.cls, unittest.TestCase)


def _options_of(item: pytest.Item) -> tuple[dict[str, Any], bool]:
    """Return what a test's marker wants of the emulator, and whether the test is recorded; the nearest marker holds."""
    mark = item.get_closest_marker(MARKER)
    if mark is None:
        return {}, False
    if mark.args:
        pytest.fail("@pytest.mark.digitalocean takes its arguments by name: faults=[...], replies=[...]", pytrace=False)
    options = dict(mark.kwargs)
    if options.pop("real_calls", False):
        pytest.fail("a test with real_calls=True cannot use digitalocean_emulator", pytrace=False)
    is_recorded = bool(options.pop("recorded", False))
    if is_recorded and options.get("replies"):
        pytest.fail("a test is either recorded or has scripted replies, not both", pytrace=False)
    options.setdefault("strict", bool(options.get("replies")))
    _refuse_unknown(options)
    return options, is_recorded


def _refuse_unknown(options: dict[str, Any]) -> None:
    """Fail a test whose marker has an argument that there is not."""
    from inspect import signature  # noqa: PLC0415  by tests that use the marker only

    from inference_do.emulator import Emulator  # noqa: PLC0415

    known = {*signature(Emulator).parameters, "recorded", "real_calls"}
    if unknown := sorted(options.keys() - known):
        names = ", ".join(sorted(known))
        pytest.fail(f"@pytest.mark.digitalocean has no argument {unknown[0]!r}; it has: {names}", pytrace=False)


def _recording_of(item: pytest.Item) -> Player | Recorder:
    from ._cassettes import Cassette, path_of  # noqa: PLC0415  by tests that are recorded only
    from ._recordings import Player, Recorder  # noqa: PLC0415

    path = path_of(item)
    if not item.config.getoption("--digitalocean-record"):
        return Player(Cassette.of_file(path))
    real = _real_api()
    return Recorder(Cassette(path), base_url=real.base_url, key=real.key)


def _real_api() -> RealApi:
    """Return the real API's URL and key, from the environment that the tests were started in."""
    from inference_do._keys import find_key  # noqa: PLC0415
    from inference_do._urls import check_base_url  # noqa: PLC0415
    from inference_do.errors import ConfigError  # noqa: PLC0415

    try:
        return RealApi(check_base_url(None), find_key(None).get_secret_value())
    except ConfigError as error:
        text = str(error)
    pytest.fail(f"--digitalocean-record needs the real API: {text}", pytrace=False)
