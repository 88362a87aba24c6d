"""What every folder of tests shares: a clean environment, short pauses, emulators, interfaces on them."""

from __future__ import annotations

import gc
import signal
import ssl
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from client_kit import FIRST_PAUSE
from hypothesis import settings
from interfaces import INTERFACES, PAIRS
from needed_frameworks import is_test_file, needed_by

from inference_do import models
from inference_do._protocol.retry import Policy
from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES
from inference_do.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

HERE = Path(__file__).parent
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
TRACING = ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LC_OUTPUT_VERSION")

OWN_PAUSES = {"peers", "real_model", "third_party", "unit"}
"""Folders that keep the pauses between attempts as long as they are for a user."""

settings.register_profile("tests", deadline=None)  # how long an example takes is no test
settings.load_profile("tests")


FRAMEWORKS = {"langchain": "langchain_core", "llamaindex": "llama_index"}
"""The extras of the frameworks, and a module of each."""
MISSING = {extra: module for extra, module in FRAMEWORKS.items() if find_spec(module) is None}
IGNORED: set[str] = set()


def pytest_configure() -> None:
    """Let Ctrl-C through to the programs that tests start: a shell's background job would have them ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out tests that need a framework that is not installed: scripts/matrix tries each part alone."""
    if not MISSING or not (collection_path.is_dir() or is_test_file(collection_path)):
        return None
    if needed_by(collection_path) & MISSING.keys():
        IGNORED.add(collection_path.name)
        return True
    return None


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # xdist's: only its processes collect
        session.config.workeroutput["ignored"] = sorted(IGNORED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    IGNORED.update(getattr(node, "workeroutput", {}).get("ignored", ()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which files were left out."""
    if IGNORED:
        terminalreporter.write_line(
            f"Not collected, as they need {' or '.join(MISSING.values())}: {' '.join(sorted(IGNORED))}"
        )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage among the million objects that the collection of tests makes: that took a fifth of its time.

    Afterwards gc.collect() leaves them out: with them it took 0.3 s each time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def folder_of(request: pytest.FixtureRequest) -> str:
    return request.path.relative_to(HERE).parts[0]


@pytest.fixture(autouse=True)
def _models() -> Iterator[None]:
    """Forget after each test which models it registered."""
    computed = models.known_models.cache_info().misses
    yield
    if models._REGISTERED or models.known_models.cache_info().misses != computed:
        models._REGISTERED.clear()
        models.known_models.cache_clear()


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a file with one authority that has signed nothing; return its path."""
    path = tmp_path_factory.mktemp("authorities") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(autouse=True)
def _environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, authorities: str) -> None:
    """Keep the keys, the proxies and the settings of whoever runs the tests out of them.

    Clients of httpx trust one authority: to load all that certifi has takes 20 ms of the processor for each client.
    """
    if folder_of(request) != "real_model":  # which gets its server from there
        for name in (*KEY_VARIABLES, BASE_URL_VARIABLE, *TRACING, *PROXIES, *map(str.lower, PROXIES)):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", authorities)


@pytest.fixture(autouse=True)
def _short_pauses(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if folder_of(request) not in OWN_PAUSES:
        monkeypatch.setitem(Policy.__init__.__kwdefaults__, "base", FIRST_PAUSE)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Make a certificate for this machine that no authority has signed, and its key; return their paths."""
    folder = tmp_path_factory.mktemp("tls")
    files = str(folder / "cert.pem"), str(folder / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]
    subprocess.run([*command.split(), *names], check=True, capture_output=True, timeout=30)
    return files


@pytest.fixture
def private(certificate: tuple[str, str]) -> Iterator[Emulator]:
    """Run an emulator with that certificate, as a dedicated endpoint has one of its own."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with Emulator(models=["mistral/mistral-7b-instruct-v3"], ssl_context=context) as emulator:
        yield emulator


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


# --- an interface, and a pair of an interface and a kind of call ---


@pytest.fixture(params=INTERFACES)
def interface_kind(request: pytest.FixtureRequest) -> Any:
    return INTERFACES[request.param]


@pytest.fixture
def interface(interface_kind: Any, emu: Emulator) -> Iterator[Any]:
    made = interface_kind(emu.base_url)
    yield made
    made.close()


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Any:
    return PAIRS[request.param]


@pytest.fixture
def pair_kind(pair: Any) -> Any:
    """A kind of interface; `ask` calls it."""
    return pair[0]


@pytest.fixture
def ask(pair: Any) -> Any:
    return pair[1]
