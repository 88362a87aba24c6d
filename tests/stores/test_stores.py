"""Each example on stores, twice: the second process finds the vectors, and embeds the question alone."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inference_do.emulator import Emulator

ROOT = Path(__file__).parents[2]
SOURCES = "Source:   repairs.md: Warranty (score"
ANSWER = "Answer:   The warranty on a repair is twelve months."


def needs(*modules):
    missing = [name for name in modules if not is_installed(name)]
    return pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)}: scripts/store-examples has it")


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(
    "example",
    [
        pytest.param("chroma_langchain", marks=needs("langchain_chroma")),
        pytest.param("chroma_llamaindex", marks=needs("llama_index.vector_stores.chroma")),
        pytest.param("pgvector_langchain", marks=needs("langchain_postgres")),
        pytest.param("pgvector_llamaindex", marks=needs("llama_index.vector_stores.postgres")),
    ],
)
def test_a_second_process_embeds_the_question_alone(example, request, tmp_path):
    where = str(tmp_path) if example.startswith("chroma") else request.getfixturevalue("postgres")
    with Emulator() as emu:
        first, embedded_first = run(example, where, emu)
        second, embedded_second = run(example, where, emu)
    assert "Passages: 0 were stored, 24 are new" in first
    assert "Passages: 24 were stored, 0 are new" in second
    for output in (first, second):
        assert SOURCES in output
        assert ANSWER in output
    assert embedded_first == 24 + 1
    assert embedded_second == 1


BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
STORES = {"chroma": ("langchain_chroma", "llama_index.vector_stores.chroma")}
STORES["pgvector"] = ("langchain_postgres", "llama_index.vector_stores.postgres")
DOCUMENT = "# Repairs\n\nThe warranty on a repair is twelve months.\n\nAn estimate is free.\n"


def block_with(*words):
    """Return the block of the page that has all of these words."""
    page = (ROOT / "docs" / "embeddings.md").read_text(encoding="utf-8")
    [found] = [block["code"] for block in BLOCK.finditer(page) if all(word in block["code"] for word in words)]
    return found


@pytest.mark.parametrize("place", [0, 1], ids=["langchain", "llamaindex"])
@pytest.mark.parametrize("store", STORES)
def test_the_programs_of_the_page_run_twice(store, place, request, tmp_path, monkeypatch):
    module = STORES[store][place]
    if not is_installed(module):
        pytest.skip(f"no {module}: scripts/store-examples has it")
    code = block_with(f"from {STORES['chroma'][place]} import")
    if store == "pgvector":
        monkeypatch.setenv("URL", request.getfixturevalue("postgres"))
        made = re.search(r"^store = .*?^\)\n", code, re.MULTILINE | re.DOTALL)[0]
        imported = re.search(rf"^from {STORES['chroma'][place]} .*\n", code, re.MULTILINE)[0]
        code = code.replace(imported, "").replace(made, block_with(f"from {module} import"))
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "repairs.md").write_text(DOCUMENT, encoding="utf-8")
    with Emulator() as emu:
        own = {"DIGITALOCEAN_INFERENCE_KEY": emu.api_key, "DIGITALOCEAN_INFERENCE_BASE_URL": emu.base_url}
        outputs = [
            subprocess.run(
                [sys.executable, "-c", code],
                cwd=tmp_path,
                env={**os.environ, **own, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=200,
                check=False,
            )
            for _ in range(2)
        ]
    assert [done.stderr[-3000:] for done in outputs if done.returncode] == []
    assert "0 passages were stored, 3 are new" in outputs[0].stdout
    assert "3 passages were stored, 0 are new" in outputs[1].stdout
    assert all("The warranty on a repair is twelve months." in done.stdout for done in outputs)


def run(example, where, emu):
    """Return an example's output, and how many texts it had embedded."""
    before = len(emu.requests)
    own = {"DIGITALOCEAN_INFERENCE_KEY": emu.api_key, "DIGITALOCEAN_INFERENCE_BASE_URL": emu.base_url}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "stores" / f"{example}.py"), where],
        env={**os.environ, **own, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(f"\n$ python examples/stores/{example}.py ...\n{done.stdout}")
    requests = [request for request in emu.requests[before:] if request.path.endswith("/embeddings")]
    inputs = [request.json["input"] for request in requests]
    return done.stdout, sum(1 if isinstance(texts, str) else len(texts) for texts in inputs)
