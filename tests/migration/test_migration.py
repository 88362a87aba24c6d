"""The tables in `docs/migration.md`: each line works as the page says, or is refused in words that the page names."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from migration_rows import ABSENT, Row, marks, table
from spellings import PAGE, SECTIONS
from typer.testing import CliRunner

import inference_do
import langchain_do
import llamaindex_do
from inference_do import AsyncClient, Client, ConfigError, InferenceError, Timeout
from inference_do.cli._app import app
from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES
from inference_do.emulator import Emulator

MODEL, VECTORS, ON_RESPONSES = "llama3.3-70b-instruct", "gte-large-en-v1.5", "openai-gpt-5.4"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
OTHERS = ("OPENAI_", "GRADIENT_", "DIGITAL_OCEAN", "DIGITALOCEAN_")
ROWS = [row for rows in SECTIONS.values() for row in rows]
RUNS = [
    pytest.param(row, name, id=f"{section}: {row.there} {name}")
    for section, rows in SECTIONS.items()
    for row in rows
    for name in (row.names() if "NAME" in f"{row.code}{row.env}" else [""])
]
STANDS_FOR: Mapping[str, Any] = {"MODEL": MODEL, "VECTORS": VECTORS, "TOOLS": TOOLS}
REFUSALS = (ConfigError, InferenceError, ImportError, TypeError)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(knowledge={"11f0": [f"document {number}" for number in range(9)]}) as emulator:
        yield emulator


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as http:
        yield http


@pytest.fixture
def names(emulator: Emulator, http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """What a row's code may use, with a key and an address in the environment and nothing of other packages."""
    for name in [name for name in os.environ if name.startswith(OTHERS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(KEY_VARIABLES[0], emulator.api_key)
    monkeypatch.setenv(BASE_URL_VARIABLE, emulator.base_url)

    def terminal(*arguments: str, content: str | None = None) -> None:
        done = CliRunner().invoke(app, arguments, input=content)
        assert done.exit_code == 0, done.output

    def of_knowledge(kind: Any) -> Any:
        return lambda *given, **options: kind(*given, **{"base_url": emulator.base_url, **options})

    retriever = "DigitalOceanKnowledgeBaseRetriever"
    return {
        "AsyncClient": AsyncClient,
        "ChainRetriever": of_knowledge(getattr(langchain_do, retriever)),
        "ChatDigitalOcean": langchain_do.ChatDigitalOcean,
        "Client": Client,
        "DigitalOcean": llamaindex_do.DigitalOcean,
        "DigitalOceanEmbedding": llamaindex_do.DigitalOceanEmbedding,
        "DigitalOceanEmbeddings": langchain_do.DigitalOceanEmbeddings,
        "IndexRetriever": of_knowledge(getattr(llamaindex_do, retriever)),
        "HTTP": http,
        "M": MODEL,
        "R": ON_RESPONSES,
        "TOOLS": TOOLS,
        "Timeout": Timeout,
        "V": VECTORS,
        "emu": emulator,
        "httpx": httpx,
        "inference_do": inference_do,
        "langchain_do": langchain_do,
        "os": os,
        "terminal": terminal,
    }


@pytest.mark.parametrize(("row", "name"), RUNS)
def test_a_line_of_the_page(row: Row, name: str, names: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = names["emu"]
    for variable, value in row.env.items():
        if value:
            monkeypatch.setenv(variable.replace("NAME", name), emulator.api_key if value == "EMULATOR" else value)
        else:
            monkeypatch.delenv(variable)
    refusal = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(row.code.replace("NAME", name), dict(names))  # it stands in spellings.py
        except REFUSALS as error:
            refusal = str(error)
    warned = " ".join(str(item.message) for item in caught)
    assert bool(warned) == bool(row.warns), warned
    assert row.warns.replace("NAME", name) in warned
    assert bool(refusal) == bool(row.says), refusal
    assert row.says.replace("NAME", name) in refusal
    assert "\n" not in refusal + warned
    for field, value in row.sent.items():
        sent = emulator.requests[-1].json.get(field, ABSENT)
        assert sent == (STANDS_FOR.get(value, value) if isinstance(value, str) else value)


@pytest.mark.parametrize("row", [row for row in ROWS if len(row.names()) > 1], ids=lambda row: row.there)
def test_a_line_of_several_names_runs_each(row: Row) -> None:
    assert "NAME" in f"{row.code}{row.env}" or all(re.search(rf"\b{name}\b", row.code) for name in row.names())


def test_the_page_has_these_lines_and_no_others() -> None:
    page = PAGE.read_text(encoding="utf-8")
    ours = {line for rows in SECTIONS.values() for line in table(rows).splitlines()}
    for section, rows in SECTIONS.items():
        begin, end = marks(section)
        assert page.count(begin) == page.count(end) == 1
        between = page.partition(begin)[2].partition(end)[0]
        assert between.strip() == table(rows).strip(), "write it anew: see spellings.py"
    assert [line for line in page.splitlines() if line.startswith("|") and line not in ours] == []


def test_what_is_refused_names_what_to_write() -> None:
    """A word of the error's text that is checked stands in what the page says to write, or why."""
    strangers = [
        (row.there, row.says)
        for row in ROWS
        if row.says and not any(word in f"{row.here} {row.differs}" for word in re.findall(r"[A-Za-z]{3,}", row.says))
    ]
    assert strangers == []
