"""OpenTelemetry: on and off, by hand and by `opentelemetry-instrument`; nothing of it fails a call."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from client_kit import ASK, achat, astream, chat, make, stream
from opentelemetry import propagate
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from telemetry_kit import Reported, reported

from inference_do import ConfigError
from inference_do.emulator import Emulator
from inference_do.telemetry import instrument, uninstrument

ROOT = Path(__file__).parents[2]
EVERY_CALL = pytest.mark.parametrize("ask", [chat, stream, achat, astream])


@pytest.fixture
def kept():
    with reported() as kept:
        yield kept


# --- nothing of it fails a call ---


class Failing(SpanProcessor, SpanExporter, TextMapPropagator):
    """Fails wherever it is asked, as `which` says."""

    fields = frozenset()

    def __init__(self, which: str) -> None:
        self.which, self.count = which, 0

    def _fail(self, which: str) -> None:
        if which == self.which:
            self.count += 1
            message = "sk-content-of-an-exporter"
            raise RuntimeError(message)

    def on_start(self, span, parent_context=None):
        self._fail("on_start")

    def on_end(self, span):
        self._fail("on_end")

    def export(self, spans):
        self._fail("export")

    def inject(self, carrier, context=None, setter=None):
        self._fail("inject")

    def extract(self, carrier, context=None, getter=None):
        return context


@pytest.mark.parametrize("which", ["on_start", "on_end", "export", "inject"])
@EVERY_CALL
def test_what_fails_in_telemetry_fails_no_call(emu, caplog, which, ask):
    caplog.set_level("DEBUG", "inference_do")
    failing, provider, before = Failing(which), TracerProvider(), propagate.get_global_textmap()
    provider.add_span_processor(SimpleSpanProcessor(failing) if which == "export" else failing)
    propagate.set_global_textmap(failing)
    try:
        instrument(tracer_provider=provider)
        answer = ask(emu)
    finally:
        uninstrument()
        propagate.set_global_textmap(before)
    assert answer.text
    assert failing.count == 1
    shown = "".join(record.getMessage() for record in caplog.records if record.name == "inference_do")
    assert ("telemetry of a call failed: RuntimeError" in shown) == (which != "export")  # the SDK tells of that one
    assert "sk-content" not in shown


def test_what_changes_in_the_library_below_fails_no_call(emu, monkeypatch):
    from opentelemetry.util.genai.invocation import InferenceInvocation

    for name in ("suspend", "activate", "record_stream_chunk", "should_capture_content", "stop"):
        with monkeypatch.context() as patch, reported():
            patch.delattr(next(kind for kind in InferenceInvocation.__mro__ if name in vars(kind)), name)
            assert stream(emu).text
            assert chat(emu).text


# --- on and off ---


def test_instrument_again_takes_the_new_providers_and_uninstrument_ends_it(emu, kept):
    with reported() as other:
        chat(emu)
        assert (len(kept.spans), len(other.spans)) == (0, 1)
    chat(emu)
    assert (len(kept.spans), len(other.spans)) == (0, 1)


def test_what_is_under_way_is_reported_to_its_end(emu, kept):
    with make(emu).stream(**ASK) as reading:
        next(reading)
        uninstrument()
        list(reading)
    assert kept.span.attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_instrumenting_while_threads_call(emu):
    kept, done = Reported(), threading.Event()

    def toggle() -> None:
        while not done.is_set():
            kept.instrument()
            uninstrument()

    toggling = threading.Thread(target=toggle)
    toggling.start()
    try:
        with make(emu) as client, ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: client.stream(**ASK).completion().text, range(40)))
    finally:
        done.set()
        toggling.join()
        uninstrument()
    assert all(answers)
    assert all(span.end_time for span in kept.spans)
    kept.shutdown()


def test_where_instrumentation_is_suppressed_nothing_is_reported(emu, kept):
    with suppress_instrumentation():
        chat(emu)
    assert kept.spans == ()
    assert "traceparent" not in emu.requests[-1].headers


def test_without_opentelemetry_the_error_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("opentelemetry", "inference_do._otel"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError, match=r'pip install "inference-do\[otel\]"'):
        instrument()


# --- opentelemetry-instrument ---

PROGRAM = """
import re
import subprocess
import sys
from inference_do import Client
with Client("sk-test", base_url=sys.argv[1]) as client:
    client.chat(model="llama3.3-70b-instruct", messages=[{"role": "user", "content": "Hello"}])
"""


def test_auto_instrumentation_finds_the_package(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = project["entry-points"]["opentelemetry_instrumentor"]
    info = tmp_path / "inference_do-9.dist-info"  # before the installed one, whose entry points may be older
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: inference-do\nVersion: 9\n")
    lines = [f"{name} = {value}\n" for name, value in named.items()]
    (info / "entry_points.txt").write_text("[opentelemetry_instrumentor]\n" + "".join(lines))
    exporters = {f"OTEL_{kind}_EXPORTER": "none" for kind in ("METRICS", "LOGS")} | {"OTEL_TRACES_EXPORTER": "console"}
    others = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "langchain,llama_index,httpx2"}
    paths = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    with Emulator(api_key="sk-test") as emu:
        command = ["opentelemetry-instrument", sys.executable, "-c", PROGRAM, emu.base_url]
        environment = {**exporters, **others, **paths}
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        spans = [json.loads(text) for text in re.findall(r"^\{.*?^\}", done.stdout, re.DOTALL | re.MULTILINE)]
        spans = {span["name"]: span for span in spans}
        assert spans.keys() == {"POST", "chat llama3.3-70b-instruct"}
        own, http = spans["chat llama3.3-70b-instruct"]["context"], spans["POST"]
        assert http["parent_id"] == own["span_id"]
        sent = emu.requests[0].headers["traceparent"].split("-")
        assert "0x" + sent[1] == own["trace_id"]
